"""The disk as a replica process uses it: one thread per lane, measured syncs, and the faults of the disk."""

import asyncio
import queue
import threading
import time
from collections.abc import Callable

from trading_sim.shard.faults import FaultBoard
from trading_sim.sim.real import RealClock, RealFileHandle, RealFiles

Observe = Callable[[float], None]


class FaultyHandle:
    """A file whose syncs are measured and suffer the faults in force."""

    def __init__(self, inner: RealFileHandle, board: FaultBoard, observe: Observe) -> None:
        self._inner, self._board, self._observe = inner, board, observe

    def pwrite(self, offset: int, data: bytes) -> None:
        self._inner.pwrite(offset, data)

    def sync(self) -> None:
        began = time.monotonic()
        delay = self._board.disk_delay_s
        if delay:
            time.sleep(delay)
        self._board.raise_if_disk_fails()
        self._inner.sync()
        self._observe(time.monotonic() - began)

    def close(self) -> None:
        self._inner.close()


class FaultyFiles(RealFiles):
    """The machine's files; `observe` hears the seconds of every sync."""

    def __init__(self, board: FaultBoard, observe: Observe) -> None:
        self._board, self._observe = board, observe

    def create(self, path: str, size: int) -> FaultyHandle:
        return FaultyHandle(super().create(path, size), self._board, self._observe)

    def open(self, path: str) -> FaultyHandle:
        return FaultyHandle(super().open(path), self._board, self._observe)


class FaultyClock(RealClock):
    """The machine's clocks; the wall clock jumps when a fault says so."""

    def __init__(self, board: FaultBoard) -> None:
        self._board = board

    def wall_ns(self) -> int:
        return super().wall_ns() + self._board.clock_offset_ns


class DiskThread:
    """Runs jobs in order on a thread of its own and reports on the event loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, name: str) -> None:
        self._loop = loop
        self._jobs: queue.SimpleQueue = queue.SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def run(self, job: Callable[[], object], done: Callable[[object, BaseException | None], None]) -> None:
        """Run `job`; then `done(result, error)` on the loop's thread."""
        self._jobs.put((job, done))

    def _work(self) -> None:
        while True:
            job, done = self._jobs.get()
            result: object = None
            error: BaseException | None = None
            try:
                result = job()
            except Exception as caught:  # noqa: BLE001 - handed over, not swallowed: the engine decides what it means
                error = caught
            if self._loop.is_closed():
                return
            self._loop.call_soon_threadsafe(done, result, error)
