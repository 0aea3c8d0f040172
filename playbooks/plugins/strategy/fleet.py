# SPDX-License-Identifier: GPL-3.0-or-later
"""The linear strategy with amortised forks.

Stock linear forks one worker per host and task, pickles that host's variables into it and throws it away: about 20 ms of
processor time per host and task, whatever the task does. Here a task forks at most one worker per slot; the workers draw hosts
from a shared table and compute the hosts' variables themselves. Order, results, callbacks and what `register`, `when`,
`loop`, `until`, `ignore_errors`, `any_errors_fatal`, `delegate_to`, `block` and `serial` mean stay linear's own, since only
the way a task reaches its workers changes.

`forks` keeps its meaning, hosts at a time. Actions that mostly wait (see `waits` in plugin_utils/worker.py) need few
processes for that, since one worker has many hosts under way.

Beyond linear: a killed worker costs the hosts it was serving (reported unreachable, since what they did is unknown) and not the
run; and with SEEOPS_FAILURE_BUDGET=n in the environment no further host is begun once more than n have failed or not answered,
in this playbook and in those that carry out other slices of the same run (plugin_utils/tally.py). `max_fail_percentage` does not
promise that: it looks only between tasks, and never counts the unreachable.

What is not served goes to linear as it is: handlers, `run_once`, `throttle`, includes and imports, `meta`, `add_host`,
`group_by`, actions that bypass the host loop, templated actions and the debugger. The mechanism rests on internals of
ansible-core 2.19; under any other release, or when these look different, this strategy is linear.
"""

from __future__ import annotations

import gc
import inspect
import os
import selectors
import typing as t
from multiprocessing.reduction import ForkingPickler

import ansible.release
from ansible import constants as C
from ansible import context
from ansible.executor.process.worker import WorkerProcess
from ansible.executor.task_executor import TaskExecutor
from ansible.executor.task_queue_manager import CallbackSend, DisplaySend, PromptSend
from ansible.executor.task_result import _RawTaskResult, _WireTaskResult
from ansible.playbook.handler import Handler
from ansible.playbook.task import Task
from ansible.plugins import loader as plugin_loader
from ansible.plugins.loader import action_loader
from ansible.plugins.strategy.linear import StrategyModule as LinearStrategy
from ansible.utils.display import Display

DOCUMENTATION = """
name: fleet
short_description: Linear with one worker per slot and task instead of one per host and task
description:
  - Runs tasks in the order and with the meaning of the linear strategy.
  - Falls back to linear for what it does not serve, and altogether when ansible-core is not 2.19.
options: {}
"""

SERVED_RELEASE = "2.19."
BUDGET = "SEEOPS_FAILURE_BUDGET"
NOT_BEGUN = "seeops_not_begun"  # custom statistic: the hosts that a spent budget kept from being begun
COLLECT_RARELY = (50_000, 20, 20)  # results are many, and hardly any of them form cycles
MOST_REPLACED = 3  # dead workers replaced per slot and task, before the task is given up
FEW = 4  # workers for actions that need no connection of their own: they either compute, or wait and say so
_LINEAR_ONLY = frozenset({"add_host", "group_by", "ansible.builtin.add_host", "ansible.builtin.group_by"})
_INTERNALS = {
    WorkerProcess.__init__: {"final_q", "task_vars", "host", "task", "play_context", "loader", "variable_manager",
                             "shared_loader_obj", "worker_id", "cliargs"},
    TaskExecutor.__init__: {"host", "task", "job_vars", "play_context", "loader", "shared_loader_obj", "final_q",
                            "variable_manager"},
    LinearStrategy._queue_task: {"host", "task", "task_vars", "play_context"},
    LinearStrategy._wait_on_pending_results: {"iterator"},
    LinearStrategy._convert_wire_task_result_to_raw: {"wire_task_result"},
    LinearStrategy.get_hosts_left: {"iterator"},
    Task.copy: {"exclude_parent", "exclude_tasks"},
}  # fmt: skip


def internals_as_known() -> bool:
    """Whether this ansible-core is the one that the mechanism was made for."""
    return ansible.release.__version__.startswith(SERVED_RELEASE) and all(
        set(inspect.signature(function).parameters) - {"self"} == names for function, names in _INTERNALS.items()
    )


def served(task: Task) -> bool:
    """Whether this task may be carried out by workers that draw hosts. Decided once per task."""
    known = getattr(task, "_fleet_served", None)
    if known is None:
        known = task._fleet_served = _decide(task)
    return known


def _decide(task: Task) -> bool:
    action = task.action
    if not isinstance(action, str) or "{{" in action or isinstance(task, Handler):
        return False
    if task.run_once or task.throttle or task.debugger:
        return False
    if action in C._ACTION_META or action in _LINEAR_ONLY:
        return False
    if action.rpartition(".")[2].startswith(("include_", "import_")):
        return False
    return not getattr(_plugin(task), "BYPASS_HOST_LOOP", False)


def _plugin(task: Task) -> t.Any:
    return action_loader.get(task.action, class_only=True, collection_list=task.collections)


def _waits(task: Task) -> t.Any:
    """What to tell that the worker serves others during waits; None when the action does not say when it waits. A time limit
    of Ansible's own needs the main thread of a process."""
    return None if task.timeout or C.TASK_TIMEOUT or task.async_val else getattr(_plugin(task), "waits", None)


class OnceVariables:
    """Stands in for the variable manager in linear's loop, which asks for every host's variables only to hand them on:
    for a served task it answers with those of the task's first host, computed once."""

    def __init__(self, real: t.Any) -> None:
        self.__dict__.update(_real=real, _task=None, kept=None)

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._real, name)

    def __setattr__(self, name: str, value: t.Any) -> None:
        setattr(self._real, name, value)

    def get_vars(self, play: t.Any = None, host: t.Any = None, task: t.Any = None, **more: t.Any) -> dict:
        if host is None or task is None or not served(task):
            return self._real.get_vars(play=play, host=host, task=task, **more)
        if self._task != task._uuid:
            kept = self._real.get_vars(play=play, host=host, task=task, **more)
            self.__dict__.update(kept=kept, _task=task._uuid)
        return self.kept


class FleetStrategy(LinearStrategy):
    def __init__(self, tqm: t.Any) -> None:
        super().__init__(tqm)
        self.real_variables = self._variable_manager
        self._variable_manager = OnceVariables(self.real_variables)
        self._work: list = []
        self._play: t.Any = None
        self._not_begun: set[str] = set()
        self.budget = int(os.environ[BUDGET]) if os.environ.get(BUDGET) else None
        from ansible_collections.seeops.nodes.plugins.plugin_utils.tally import Tally

        self.tally = Tally.of_environment()

    def run(self, iterator: t.Any, play_context: t.Any) -> t.Any:
        self._play = iterator._play
        gc.collect()
        gc.freeze()  # pages shared with the workers stay shared
        gc.set_threshold(*COLLECT_RARELY)
        return super().run(iterator, play_context)

    # In the workers

    def begin_worker(self) -> None:
        """Called in a new worker. What a task's variables say of play, groups and inventory is the same for all hosts, and
        nobody changes it while the worker lives."""
        compute, kept = self.real_variables._get_magic_variables, {}

        def once(**asked: t.Any) -> dict:
            if "host" not in asked or asked["host"] is None:
                return compute(**asked)
            key = (asked["task"] and asked["task"]._uuid, asked.get("include_hostvars", True))
            if key not in kept:
                kept[key] = compute(**asked)
            return kept[key].copy()

        self.real_variables._get_magic_variables = once
        remaining: dict = {}
        super().add_tqm_variables(remaining, play=self._play)
        self._tqm_variables = remaining

    def variables_of(self, host: t.Any, task: Task) -> dict:
        """All variables of one host for a task."""
        variables = self.real_variables.get_vars(
            play=self._play, host=host, task=task, _hosts=self._hosts_cache, _hosts_all=self._hosts_cache_all
        )
        return variables | self._tqm_variables

    # In the parent

    def add_tqm_variables(self, vars: dict, play: t.Any) -> None:
        if vars is self._variable_manager.kept and "ansible_failed_hosts" in vars:
            return
        super().add_tqm_variables(vars, play)

    def get_hosts_left(self, iterator: t.Any) -> list:
        left = super().get_hosts_left(iterator)
        return [host for host in left if host.name not in self._not_begun] if self._not_begun else left

    def _queue_task(self, host: t.Any, task: Task, task_vars: dict, play_context: t.Any) -> None:
        if not served(task):
            super()._queue_task(host, task, task_vars, play_context)
            return
        self._work.append((host, task, play_context))
        self._pending_results += 1
        self._queued_task_cache[(host.name, task._uuid)] = {
            "host": host, "task": task, "task_vars": task_vars, "play_context": play_context,
        }  # fmt: skip
        self._tqm.send_callback("v2_runner_on_start", host, task)

    def _process_pending_results(self, iterator: t.Any, one_pass: bool = False, max_passes: int | None = None) -> list:
        # While hosts are still being collected no worker runs, so there is nothing to look at.
        if self._work and max_passes is not None:
            return []
        return super()._process_pending_results(iterator, one_pass=one_pass, max_passes=max_passes)

    def _wait_on_pending_results(self, iterator: t.Any) -> list:
        if not self._work:
            results = super()._wait_on_pending_results(iterator)
            self.tally.set(self.failed_so_far())
            if self.budget is not None and self.tally.total > self.budget:
                self._begin_no_more(self.get_hosts_left(iterator))
            return results
        work, self._work = self._work, []
        return Round(self, work, iterator).results()

    def failed_so_far(self) -> int:
        """Failed and unreachable hosts of the whole run, earlier batches of `serial` included."""
        return len(
            {
                *self._tqm._failed_hosts,
                *self._tqm._unreachable_hosts,
                *self._tqm._stats.failures,
                *self._tqm._stats.dark,
            }
        )

    def _begin_no_more(self, hosts: list) -> None:
        """These hosts end here, without a result and without being called failed."""
        self._not_begun.update(host.name for host in hosts)
        everybody = self._tqm._stats.custom.setdefault("_run", {}).setdefault(NOT_BEGUN, [])
        everybody.extend(host.name for host in hosts)


class Round:
    """One task over its hosts: starts the workers, takes what they send, replaces those that die."""

    def __init__(self, strategy: FleetStrategy, work: list, iterator: t.Any) -> None:
        from ansible_collections.seeops.nodes.plugins.plugin_utils.draws import Draws

        self.strategy, self.work, self.iterator = strategy, work, iterator
        self.waits = _waits(work[0][1])
        slots = min(len(strategy._workers), len(work))
        self.slots = min(slots, FEW) if not getattr(_plugin(work[0][1]), "_requires_connection", True) else slots
        wide = slots if self.waits else self.slots
        self.widths = [wide // self.slots + (slot < wide % self.slots) for slot in range(self.slots)]
        strategy.tally.set(strategy.failed_so_far())
        self.draws = Draws(len(work), strategy.tally, strategy.budget)
        self.reading = selectors.DefaultSelector()
        self.answered: set[str] = set()
        self.started = 0

    def results(self) -> list:
        collected: list = []
        try:
            for slot in range(self.slots):
                self._start(slot)
            while self.reading.get_map() and not self.strategy._tqm._terminated:
                for ready, _events in self.reading.select(0.5):
                    self._read(*ready.data)
                collected += self.strategy._process_pending_results(self.iterator)
            self._leave_the_rest()
            return collected
        finally:
            for ready in list(self.reading.get_map().values()):
                self.reading.unregister(ready.fd)
                os.close(ready.fd)
            self.reading.close()
            self.draws.close()

    def _start(self, slot: int) -> None:
        from ansible_collections.seeops.nodes.plugins.plugin_utils.outlet import Inlet
        from ansible_collections.seeops.nodes.plugins.plugin_utils.worker import DrawingWorker

        strategy, (host, task, play_context) = self.strategy, self.work[0]
        self.started += 1
        pipe = os.pipe()
        worker = DrawingWorker(
            work=self.work, draws=self.draws, strategy=strategy, number=self.started, width=self.widths[slot],
            waits=self.waits, pipe=pipe, task_vars={}, host=host, task=task, play_context=play_context,
            loader=strategy._loader, variable_manager=strategy.real_variables,
            shared_loader_obj=plugin_loader.get_plugin_loader_namespace(), worker_id=slot, cliargs=context.CLIARGS,
        )  # fmt: skip
        before = strategy._workers[slot]
        if before is not None:
            before.join()
            before.close()
        strategy._workers[slot] = worker
        worker.start()
        os.close(pipe[1])
        self.reading.register(pipe[0], selectors.EVENT_READ, (slot, worker, Inlet(pipe[0])))

    def _read(self, slot: int, worker: t.Any, inlet: t.Any) -> None:
        messages = inlet.read()
        if messages is None:
            self.reading.unregister(inlet.descriptor)
            inlet.close()
            self._ended(slot, worker)
            return
        for message in messages:
            self._take(message, inlet)

    def _take(self, message: object, inlet: t.Any) -> None:
        """As the strategy's own reader of the shared queue does it."""
        from ansible_collections.seeops.nodes.plugins.plugin_utils.outlet import Result

        strategy = self.strategy
        if isinstance(message, Result):
            self.answered.add(message.host_name)
            strategy._results.append(self._raw(message, inlet))
        elif isinstance(message, CallbackSend):
            result = strategy._convert_wire_task_result_to_raw(message.wire_task_result)
            strategy._tqm.send_callback(message.method_name, result)
        elif isinstance(message, DisplaySend):
            getattr(Display(), message.method)(*message.args, **message.kwargs)
        elif isinstance(message, PromptSend):
            strategy._final_q.put(message)
        else:
            Display().warning(f"Received an invalid object ({type(message)}) from a worker: {message!r}")

    def _raw(self, result: t.Any, inlet: t.Any) -> _RawTaskResult:
        """The result with its task. Hosts for which the task looked the same share one: nothing writes to the task of a result."""
        key = (result.task_uuid, result.kind)
        if key in inlet.tasks:
            host = self.strategy._inventory.get_host(result.host_name)
            task, fields = inlet.tasks[key]
            return _RawTaskResult(host=host, task=task, return_data=result.return_data, task_fields=fields)
        fields = ForkingPickler.loads(result.task_fields)
        raw = self.strategy._convert_wire_task_result_to_raw(
            _WireTaskResult(
                host_name=result.host_name,
                task_uuid=result.task_uuid,
                return_data=result.return_data,
                task_fields=fields,
            )  # fmt: skip
        )
        if result.kind is not None:
            inlet.tasks[key] = (raw.task, fields)
        return raw

    def _ended(self, slot: int, worker: t.Any) -> None:
        worker.join()
        code = worker.exitcode
        worker.close()
        self.strategy._workers[slot] = None
        for index in self.draws.taken_by(worker.number):
            host, task, _context = self.work[index]
            if host.name not in self.answered:
                self._lost(host, task, code)
        left = self.draws.begun < self.draws.size and not self.draws.spent
        if left and code and self.started < self.slots * (1 + MOST_REPLACED):
            self._start(slot)

    def _lost(self, host: t.Any, task: Task, code: int) -> None:
        self.answered.add(host.name)
        self.draws.failed()
        message = f"The worker serving this host died (exit {code}): what the host did is unknown."
        data = {"unreachable": True, "changed": False, "msg": message}
        self.strategy._results.append(
            _RawTaskResult(host=host, task=task, return_data=data, task_fields=task.dump_attrs())
        )

    def _leave_the_rest(self) -> None:
        """Hosts that were not drawn get no result: a spent budget, or workers that died one after the other."""
        rest = [entry for entry in self.work[self.draws.begun :] if entry[0].name not in self.answered]
        for host, task, _context in rest:
            self.strategy._queued_task_cache.pop((host.name, task._uuid), None)
            self.strategy._blocked_hosts.pop(host.name, None)
        self.strategy._pending_results -= len(rest)
        if self.draws.spent:
            self.strategy._begin_no_more(self.strategy.get_hosts_left(self.iterator))
        elif rest and not self.strategy._tqm._terminated:
            self.strategy._begin_no_more([host for host, _task, _context in rest])


StrategyModule = FleetStrategy if internals_as_known() else LinearStrategy
