"""The seams as the operating system offers them."""

import os
import time
from pathlib import Path

_ZEROS = bytes(1 << 20)


class RealClock:
    """The machine's clocks."""

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def wall_ns(self) -> int:
        return time.time_ns()


class RealFileHandle:
    """A file descriptor written with pwrite and made durable with fdatasync."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def pwrite(self, offset: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(self._descriptor, view, offset)
            view = view[written:]
            offset += written

    def sync(self) -> None:
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class RealFiles:
    """Files of the machine."""

    def makedirs(self, path: str) -> None:
        Path(path).mkdir(parents=True, exist_ok=True)

    def listdir(self, path: str) -> list[str]:
        return sorted(os.listdir(path))  # noqa: PTH208 - names are wanted, not paths

    def exists(self, path: str) -> bool:
        return Path(path).exists()

    def read(self, path: str) -> bytes:
        return Path(path).read_bytes()

    def create(self, path: str, size: int) -> RealFileHandle:
        handle = RealFileHandle(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        try:
            for offset in range(0, size, len(_ZEROS)):
                handle.pwrite(offset, _ZEROS[: min(len(_ZEROS), size - offset)])
        except OSError:
            handle.close()
            raise
        return handle

    def open(self, path: str) -> RealFileHandle:
        return RealFileHandle(os.open(path, os.O_RDWR | os.O_CLOEXEC))

    def rename(self, source: str, target: str) -> None:
        Path(source).replace(target)

    def remove(self, path: str) -> None:
        Path(path).unlink()

    def sync_dir(self, path: str) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
