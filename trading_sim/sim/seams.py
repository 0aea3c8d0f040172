"""The four things a deterministic part must not reach for itself: time, files, the disk's thread and the network.

Everything that decides (consensus, journal, sessions) is written against these protocols. `sim.real` implements them
with the operating system, `sim.world` and `sim.disk` with a seeded simulation that can crash at every disk operation.
"""

from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Two clocks: one that never jumps (leases, time-outs) and one that people read (stamps in the journal)."""

    def monotonic_ns(self) -> int:
        """Nanoseconds since an arbitrary start; never goes backwards, is not touched by clock changes."""

    def wall_ns(self) -> int:
        """Nanoseconds since the epoch; may jump in both directions."""


class FileHandle(Protocol):
    """An open file that is written at given offsets."""

    def pwrite(self, offset: int, data: bytes) -> None:
        """Write all of `data` at `offset` (bytes); not durable before `sync`."""

    def sync(self) -> None:
        """Make every earlier write of this file durable; raises OSError when the device says no."""

    def close(self) -> None:
        """Close without syncing."""


class Files(Protocol):
    """The file operations the journal is built from; paths are plain strings. All raise OSError on failure."""

    def makedirs(self, path: str) -> None:
        """Create a directory and its parents; existing ones are fine."""

    def listdir(self, path: str) -> list[str]:
        """Names in a directory, sorted."""

    def exists(self, path: str) -> bool:
        """True when the path names a file or directory."""

    def read(self, path: str) -> bytes:
        """The entire content of a file."""

    def create(self, path: str, size: int) -> FileHandle:
        """A new file of `size` zero bytes (really written, so that later writes allocate nothing)."""

    def open(self, path: str) -> FileHandle:
        """An existing file for writing."""

    def rename(self, source: str, target: str) -> None:
        """Replace `target` by `source` atomically; durable after `sync_dir`."""

    def remove(self, path: str) -> None:
        """Remove a file; durable after `sync_dir`."""

    def sync_dir(self, path: str) -> None:
        """Make creations, renames and removals in a directory durable."""


class DiskQueue(Protocol):
    """One disk thread: runs jobs one after another, away from the thread that decides."""

    def run(self, job: Callable[[], object], done: Callable[[object, BaseException | None], None]) -> None:
        """Run `job` later; then call `done(result, error)` on the deciding thread."""


def write_file_durably(files: Files, directory: str, name: str, data: bytes) -> None:
    """Replace `directory/name` by `data`, atomically and durably: after a crash the old or the new content is there.

    Written beside, synced, renamed, directory synced; raises OSError when any of it fails.
    """
    temporary = f"{directory}/{name}.tmp"
    if files.exists(temporary):
        files.remove(temporary)
    handle = files.create(temporary, 0)
    try:
        handle.pwrite(0, data)
        handle.sync()
    finally:
        handle.close()
    files.rename(temporary, f"{directory}/{name}")
    files.sync_dir(directory)
