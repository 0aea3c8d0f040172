"""A disk in memory that forgets what was not synced, tears what it was writing, and can lie.

Every file has what programs see (the page cache) and what would survive a loss of power. `lose_power` decides what
becomes of the difference: each unsynced write survives entirely, in some of its 512-byte sectors, or not at all; of the directory
changes that were not synced a random first part survives, as on a journalling file system.
"""

import errno
import random
from collections.abc import Callable
from dataclasses import dataclass, field

SECTOR = 512


class SimulatedCrash(Exception):
    """The machine stops at this very disk operation."""


@dataclass
class _File:
    lies: bool = False
    synced_once: bool = False
    seen: bytearray = field(default_factory=bytearray)
    kept: bytearray = field(default_factory=bytearray)
    unsynced: list[tuple[int, bytes]] = field(default_factory=list)


def _write(target: bytearray, offset: int, data: bytes) -> None:
    if len(target) < offset + len(data):
        target.extend(bytes(offset + len(data) - len(target)))
    target[offset : offset + len(data)] = data


class SimFileHandle:
    """An open file of a SimFiles."""

    def __init__(self, files: "SimFiles", file: _File) -> None:
        self._files, self._file = files, file

    def pwrite(self, offset: int, data: bytes) -> None:
        self._files.operation(lambda: self._pwrite(offset, bytes(data)))

    def _pwrite(self, offset: int, data: bytes) -> None:
        _write(self._file.seen, offset, data)
        self._file.unsynced.append((offset, data))

    def sync(self) -> None:
        if self._files.sync_fails is not None and self._files.sync_fails():
            self._file.unsynced.clear()  # the pages are marked clean all the same: they are read, but never written
            raise OSError(errno.EIO, "simulated: the device refused the sync")
        self._files.operation(self._sync)

    def _sync(self) -> None:
        if self._file.lies and self._file.synced_once:
            return
        self._file.synced_once = True
        for offset, data in self._file.unsynced:
            _write(self._file.kept, offset, data)
        self._file.unsynced.clear()

    def close(self) -> None:
        """Nothing to do: closing does not sync."""


class SimFiles:
    """The files of one simulated machine. `crash_at`: the operation (counted from 1) at which it stops, 0 = never.
    `lies_under`: files whose path holds this text are really synced only once; later they say so, but keep everything
    in a cache that a loss of power empties ("" = no such files)."""

    def __init__(self, rng: random.Random, lies_under: str = "") -> None:
        self._rng = rng
        self._lies_under = lies_under
        self.operations = 0
        self.crash_at = 0
        self.sync_fails: Callable[[], bool] | None = None
        self._names: dict[str, _File] = {}
        self._kept_names: dict[str, _File] = {}
        self._unsynced_names: list[tuple[str, str, str, _File | None]] = []

    def operation(self, act: Callable[[], None]) -> None:
        """Carry out one disk operation, or stop the machine just before or just after it."""
        self.operations += 1
        if self.operations == self.crash_at:
            if self._rng.random() < 0.5:
                act()
            raise SimulatedCrash(f"at disk operation {self.operations}")
        act()

    def makedirs(self, path: str) -> None:
        """Directories are implied by names."""

    def listdir(self, path: str) -> list[str]:
        return sorted(n.removeprefix(f"{path}/") for n in self._names if n.rpartition("/")[0] == path)

    def exists(self, path: str) -> bool:
        return path in self._names

    def read(self, path: str) -> bytes:
        return bytes(self._found(path).seen)

    def create(self, path: str, size: int) -> SimFileHandle:
        if path in self._names:
            raise FileExistsError(errno.EEXIST, "simulated: exists", path)
        file = _File(lies=bool(self._lies_under) and self._lies_under in path)
        self.operation(lambda: self._change("create", path, "", file))
        handle = SimFileHandle(self, file)
        if size:
            handle.pwrite(0, bytes(size))
        return handle

    def open(self, path: str) -> SimFileHandle:
        return SimFileHandle(self, self._found(path))

    def rename(self, source: str, target: str) -> None:
        self._found(source)
        self.operation(lambda: self._change("rename", source, target))

    def remove(self, path: str) -> None:
        self._found(path)
        self.operation(lambda: self._change("remove", path, ""))

    def sync_dir(self, path: str) -> None:
        self.operation(self._sync_names)

    def _found(self, path: str) -> _File:
        if path not in self._names:
            raise FileNotFoundError(errno.ENOENT, "simulated: no such file", path)
        return self._names[path]

    def _change(self, verb: str, source: str, target: str, file: _File | None = None) -> None:
        _rename(self._names, verb, source, target, file)
        self._unsynced_names.append((verb, source, target, file))

    def _sync_names(self) -> None:
        self._keep_names(len(self._unsynced_names))

    def _keep_names(self, count: int) -> None:
        for change in self._unsynced_names[:count]:
            _rename(self._kept_names, *change)
        self._unsynced_names.clear()

    def lose_power(self) -> None:
        """Keep what was synced, and of the rest what chance keeps."""
        self._keep_names(self._rng.randint(0, len(self._unsynced_names)))
        for file in {id(f): f for f in self._kept_names.values()}.values():
            for offset, data in () if file.lies else file.unsynced:
                self._tear(file, offset, data)
            file.unsynced.clear()
            file.seen = bytearray(file.kept)
        self._names = dict(self._kept_names)
        self.crash_at = 0

    def _tear(self, file: _File, offset: int, data: bytes) -> None:
        fate = self._rng.random()
        if fate < 0.4:
            _write(file.kept, offset, data)
        elif fate < 0.7:
            start = 0
            while start < len(data):
                end = min(len(data), (offset + start) // SECTOR * SECTOR + SECTOR - offset)
                if self._rng.random() < 0.5:
                    _write(file.kept, offset + start, data[start:end])
                start = end

    def flip_byte(self, path: str, offset: int) -> None:
        """Damage one byte for good, as a failing disk does."""
        file = self._found(path)
        file.seen[offset] ^= 0x5A
        if offset < len(file.kept):
            file.kept[offset] = file.seen[offset]


def _rename(names: dict[str, _File], verb: str, source: str, target: str, file: _File | None) -> None:
    if verb == "create" and file is not None:
        names[source] = file
    elif verb == "remove":
        names.pop(source, None)
    elif verb == "rename" and source in names:
        names[target] = names.pop(source)
