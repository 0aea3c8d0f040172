# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker that serves hosts of one task until none is left to draw.

An action that declares `waits` spends its time waiting for somebody else's answer and says so each time; the worker then serves
other hosts meanwhile, one thread per host. Only the thread that holds the baton runs any of Ansible's code, and it is handed
over at those waits alone, so nothing in there meets a second thread where it does not expect one.
"""

from __future__ import annotations

import contextlib
import contextvars
import gc
import io
import signal
import sys
import textwrap
import threading
import traceback
import typing as t
from collections.abc import Iterator

from ansible._internal import _task
from ansible._internal._errors import _error_utils
from ansible.errors import AnsibleError
from ansible.executor.process import worker as worker_module
from ansible.executor.process.worker import WorkerProcess
from ansible.executor.task_executor import TaskExecutor
from ansible.executor.task_result import _RawTaskResult
from ansible.playbook.block import Block
from ansible.utils.display import Display
from ansible_collections.seeops.nodes.plugins.plugin_utils import shortcuts
from ansible_collections.seeops.nodes.plugins.plugin_utils.outlet import Outlet

if t.TYPE_CHECKING:
    from ansible.playbook.task import Task
    from ansible_collections.seeops.nodes.plugins.plugin_utils.draws import Draws


class Baton:
    """Held by the one thread that may run; given up around a wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *error: object) -> None:
        self._lock.release()

    @contextlib.contextmanager
    def given_up(self) -> Iterator[None]:
        self._lock.release()
        try:
            yield
        finally:
            self._lock.acquire()


class DrawingWorker(WorkerProcess):
    """`work` is the task's list of (host, task, play context), `number` the name this worker draws under, `width` how many
    hosts it may have under way at a time (more than one only with `waits`), `pipe` (read, write)."""

    def __init__(
        self, *, work: list, draws: Draws, strategy: t.Any, number: int, width: int, waits: t.Any, pipe: tuple[int, int],
        **first: t.Any,
    ) -> None:  # fmt: skip
        super().__init__(final_q=Outlet(pipe[1]), **first)
        self._work, self._draws, self._strategy = work, draws, strategy
        self._squashed: dict[str, Task] = {}
        self.number, self._width, self._waits, self.pipe = number, width, waits, pipe

    def run(self) -> None:
        Display().set_queue(self._final_q)
        self._detach()
        signal.signal(signal.SIGINT, self._term)
        signal.signal(signal.SIGTERM, self._term)
        try:
            worker_module.current_worker = self
            gc.disable()  # the process is short-lived; a collection would only copy the parent's pages
            shortcuts.take()
            self._strategy.begin_worker()
            if self._width > 1:
                self._many_at_a_time()
            else:
                self._one_by_one()
            self._loader.cleanup_all_tmp_files()
        except BaseException:  # noqa: BLE001 - a worker must never return into the loop it was forked from
            self._hard_exit(traceback.format_exc())

    def _one_by_one(self) -> None:
        while (index := self._draws.draw(self.number)) is not None:
            self._serve(*self._work[index])

    def _many_at_a_time(self) -> None:
        baton = Baton()
        self._waits.around = baton.given_up

        def serve() -> None:
            try:
                with baton:
                    self._one_by_one()
            except BaseException:  # noqa: BLE001 - as above
                self._hard_exit(traceback.format_exc())

        threads = [threading.Thread(target=contextvars.copy_context().run, args=(serve,)) for _ in range(self._width)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _serve(self, host: t.Any, queued: Task, play_context: t.Any) -> None:
        variables = self._strategy.variables_of(host, queued)
        task = self._own(self._squashed_once(queued))
        with _task.TaskContext(task):
            answer = TaskExecutor(
                host, task, variables, play_context, self._loader, self._shared_loader_obj, self._final_q,
                self._strategy.real_variables,
            ).run()  # fmt: skip
            self._tell_of_stray_output(host, task)
            result = _RawTaskResult(host=host, task=task, return_data=answer, task_fields=task.dump_attrs())
            if counts_as_failed(result):
                self._draws.failed()
            self._send(result)

    def _squashed_once(self, queued: Task) -> Task:
        """The task with everything it inherits, which is the same for every host. Hosts get copies of it."""
        if queued._uuid not in self._squashed:
            self._squashed[queued._uuid] = self._own(queued)
            self._squashed[queued._uuid].squash()
        return self._squashed[queued._uuid]

    @staticmethod
    def _own(queued: Task) -> Task:
        task = queued.copy(exclude_parent=True)
        task._parent, task._squashed = queued._parent, queued._squashed
        return task

    def _send(self, result: _RawTaskResult) -> None:
        try:
            self._final_q.send_task_result(result)
        except Exception as error:  # noqa: BLE001 - whatever cannot be pickled
            try:
                raise AnsibleError("Task result omitted due to queue send failure.") from error
            except AnsibleError as told:
                data = _error_utils.result_dict_from_exception(told)
                self._final_q.send_task_result(
                    _RawTaskResult(host=result.host, task=result.task, return_data=data, task_fields={})
                )

    def _tell_of_stray_output(self, host: t.Any, task: Task) -> None:
        for name, stream in (("stdout", sys.stdout), ("stderr", sys.stderr)):
            if isinstance(stream, io.StringIO) and (text := stream.getvalue()):
                stream.seek(0)
                stream.truncate()
                Display().warning(
                    f"WorkerProcess for [{host}/{task}] errantly sent data directly to {name} instead of using Display:\n"
                    f"{textwrap.indent(text[:256], '    ')}\n",
                    formatted=True,
                )


def counts_as_failed(result: _RawTaskResult) -> bool:
    """Whether the host is lost to the run by this result: unreachable, or failed with nothing to rescue it."""
    task = result.task
    if result.is_unreachable():
        return not task.ignore_unreachable
    return result.is_failed() and not task.ignore_errors and not _rescued(task)


def _rescued(task: Task) -> bool:
    parent = task._parent
    while parent is not None:
        if isinstance(parent, Block) and parent.rescue:
            return True
        parent = parent._parent
    return False
