# SPDX-License-Identifier: GPL-3.0-or-later
"""One worker's own way back to its parent: a pipe of length-prefixed pickles.

Stock workers share one queue; a worker killed while it writes there takes the queue's lock with it. With a pipe each, half a
message of a dead worker is simply never read.
"""

from __future__ import annotations

import os
import struct
import typing as t
from dataclasses import dataclass
from multiprocessing.reduction import ForkingPickler

from ansible.executor.task_queue_manager import CallbackSend, DisplaySend, PromptSend

if t.TYPE_CHECKING:
    from ansible.executor.task_result import _RawTaskResult

_LENGTH = struct.Struct("=I")
_READ = 1 << 18
MOST_KINDS = 32


@dataclass
class Result:
    """A host's result. What the task looked like is the same for most hosts: it is sent with the first of a `kind` only, pickled,
    and None of a kind is never sent again."""

    host_name: str
    task_uuid: str
    return_data: t.Any
    kind: int | None
    task_fields: t.Any


class Outlet:
    """The worker's end: what a task executor and the display ask of the queue to their parent."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._kinds: dict[bytes, int] = {}

    def put(self, message: object) -> None:
        data = ForkingPickler.dumps(message)
        view = memoryview(_LENGTH.pack(len(data)) + bytes(data))
        while view:
            view = view[os.write(self._descriptor, view) :]

    def send_callback(self, method_name: str, task_result: _RawTaskResult) -> None:
        self.put(CallbackSend(method_name=method_name, wire_task_result=task_result.as_wire_task_result()))

    def send_task_result(self, task_result: _RawTaskResult) -> None:
        fields = bytes(ForkingPickler.dumps(task_result.task_fields))
        kind = self._kinds.get(fields)
        sent = fields if kind is None else None
        if kind is None and len(self._kinds) < MOST_KINDS:
            kind = self._kinds[fields] = len(self._kinds)
        self.put(Result(task_result.host.name, task_result.task._uuid, task_result._return_data, kind, sent))

    def send_display(self, method: str, *args: object, **kwargs: object) -> None:
        self.put(DisplaySend(method, *args, **kwargs))

    def send_prompt(self, **kwargs: t.Any) -> None:
        self.put(PromptSend(**kwargs))


class Inlet:
    """The parent's end; `read()` after the descriptor became readable. `tasks` is for its reader: what it made of each kind of task
    fields."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor, self._rest = descriptor, b""
        self.tasks: dict[tuple[str, int | None], t.Any] = {}

    def read(self) -> list[object] | None:
        """Whole messages that have arrived; None when the worker has ended."""
        data = os.read(self.descriptor, _READ)
        if not data:
            return None
        buffer, start, messages = self._rest + data, 0, []
        while len(buffer) - start >= _LENGTH.size:
            end = start + _LENGTH.size + _LENGTH.unpack_from(buffer, start)[0]
            if end > len(buffer):
                break
            messages.append(ForkingPickler.loads(memoryview(buffer)[start + _LENGTH.size : end]))
            start = end
        self._rest = buffer[start:]
        return messages

    def close(self) -> None:
        os.close(self.descriptor)
