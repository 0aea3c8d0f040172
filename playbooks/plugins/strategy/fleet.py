# SPDX-License-Identifier: GPL-3.0-or-later
"""The linear strategy with amortised forks.

Stock linear forks one worker per host and task, pickles that host's variables into it and throws it away: about 20 ms of
processor time per host and task, whatever the task does. Here a task forks at most one worker per slot; the workers draw hosts
from a shared counter and compute the hosts' variables themselves. Order, results, callbacks and what `register`, `when`,
`loop`, `until`, `ignore_errors`, `any_errors_fatal` and `delegate_to` mean stay linear's own, since only the way a task reaches
its workers changes.

What is not served goes to linear as it is: handlers, `run_once`, `throttle`, includes and imports, `meta`, `add_host`,
`group_by`, actions that bypass the host loop, templated actions and the debugger. The mechanism rests on internals of
ansible-core 2.19; under any other release this strategy is linear.
"""

from __future__ import annotations

import gc
import signal
import traceback
import typing as t

import ansible.release
from ansible import constants as C
from ansible import context
from ansible._internal import _task
from ansible.executor.process import worker as worker_module
from ansible.executor.process.worker import WorkerProcess
from ansible.executor.task_executor import TaskExecutor
from ansible.executor.task_result import _RawTaskResult
from ansible.playbook.handler import Handler
from ansible.playbook.task import Task
from ansible.plugins import loader as plugin_loader
from ansible.plugins.loader import action_loader
from ansible.plugins.strategy.linear import StrategyModule as LinearStrategy
from ansible.utils.display import Display
from ansible.utils.multiprocessing import context as multiprocessing_context

DOCUMENTATION = """
name: fleet
short_description: Linear with one worker per slot and task instead of one per host and task
description:
  - Runs tasks in the order and with the meaning of the linear strategy.
  - Falls back to linear for what it does not serve, and altogether when ansible-core is not 2.19.
options: {}
"""

SERVED_RELEASE = "2.19."
_LINEAR_ONLY = frozenset({"add_host", "group_by", "ansible.builtin.add_host", "ansible.builtin.group_by"})


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
    plugin = action_loader.get(action, class_only=True, collection_list=task.collections)
    return not getattr(plugin, "BYPASS_HOST_LOOP", False)


class DrawingWorker(WorkerProcess):
    """A worker that serves hosts of one task until the shared counter has passed the last one."""

    def __init__(self, *, work: list, counter: t.Any, strategy: StrategyModule, **first: t.Any) -> None:
        super().__init__(**first)
        self._work, self._counter, self._strategy = work, counter, strategy

    def run(self) -> None:
        Display().set_queue(self._final_q)
        self._detach()
        signal.signal(signal.SIGINT, self._term)
        signal.signal(signal.SIGTERM, self._term)
        try:
            self._draw()
        except BaseException:  # noqa: BLE001 - a worker must never return into the loop it was forked from
            self._hard_exit(traceback.format_exc())

    def _draw(self) -> None:
        worker_module.current_worker = self
        gc.disable()  # the process is short-lived; a collection would only copy the parent's pages
        while (index := self._next()) < len(self._work):
            self._serve(*self._work[index])

    def _next(self) -> int:
        with self._counter.get_lock():
            index = self._counter.value
            self._counter.value = index + 1
        return index

    def _serve(self, host: t.Any, queued: Task, play_context: t.Any) -> None:
        variables = self._strategy.variables_of(host, queued)
        task = queued.copy(exclude_parent=True)
        task._parent = queued._parent
        with _task.TaskContext(task):
            answer = TaskExecutor(
                host, task, variables, play_context, self._loader, self._shared_loader_obj, self._final_q,
                self._strategy.real_variables,
            ).run()  # fmt: skip
            self._final_q.send_task_result(
                _RawTaskResult(host=host, task=task, return_data=answer, task_fields=task.dump_attrs())
            )


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

    def run(self, iterator: t.Any, play_context: t.Any) -> t.Any:
        self._play = iterator._play
        gc.collect()
        gc.freeze()  # pages shared with the workers stay shared
        return super().run(iterator, play_context)

    def variables_of(self, host: t.Any, task: Task) -> dict:
        """All variables of one host for a task; called in the workers."""
        variables = self.real_variables.get_vars(
            play=self._play, host=host, task=task, _hosts=self._hosts_cache, _hosts_all=self._hosts_cache_all
        )
        super().add_tqm_variables(variables, play=self._play)
        return variables

    def add_tqm_variables(self, vars: dict, play: t.Any) -> None:
        if vars is self._variable_manager.kept and "ansible_failed_hosts" in vars:
            return
        super().add_tqm_variables(vars, play)

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
        if self._work:
            self._start_workers()
        return super()._wait_on_pending_results(iterator)

    def _start_workers(self) -> None:
        work, self._work = self._work, []
        counter = multiprocessing_context.Value("i", 0)
        host, task, play_context = work[0]
        for slot in range(min(len(self._workers), len(work))):
            worker = DrawingWorker(
                work=work, counter=counter, strategy=self, final_q=self._final_q, task_vars={}, host=host, task=task,
                play_context=play_context, loader=self._loader, variable_manager=self.real_variables,
                shared_loader_obj=plugin_loader.get_plugin_loader_namespace(), worker_id=slot, cliargs=context.CLIARGS,
            )  # fmt: skip
            before = self._workers[slot]
            if before is not None:
                before.join()
                before.close()
            self._workers[slot] = worker
            worker.start()


StrategyModule = FleetStrategy if ansible.release.__version__.startswith(SERVED_RELEASE) else LinearStrategy
