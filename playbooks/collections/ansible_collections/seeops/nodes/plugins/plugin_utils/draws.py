# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of one task as its workers draw them: who took which host, and when to stop drawing.

The table is memory that parent and workers share, guarded by a record lock of the kernel: a worker that is killed while it
holds the lock loses it, so the others go on, and the table still says which host the dead one had taken.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import struct
from collections.abc import Iterator

_HEAD = struct.Struct("=II")  # next index, failed hosts so far
_TAKER = struct.Struct("=H")
NOBODY = 0


class Draws:
    """`size` hosts, drawn in order. Drawing ends once more than `budget` hosts have failed (None: never)."""

    def __init__(self, size: int, *, failed: int = 0, budget: int | None = None) -> None:
        self.size, self.budget = size, budget
        self._file = os.memfd_create("fleet-draws", os.MFD_CLOEXEC)
        self._table = mmap.mmap(-1, _HEAD.size + _TAKER.size * size)
        _HEAD.pack_into(self._table, 0, 0, failed)

    def close(self) -> None:
        self._table.close()
        os.close(self._file)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN)

    def draw(self, taker: int) -> int | None:
        """The next index, noted as taken by worker `taker` (1 … 65535); None when none is left or may be begun."""
        with self._locked():
            index, failed = _HEAD.unpack_from(self._table)
            if index >= self.size or self._spent(failed):
                return None
            _TAKER.pack_into(self._table, _HEAD.size + _TAKER.size * index, taker)
            _HEAD.pack_into(self._table, 0, index + 1, failed)
            return index

    def failed(self) -> None:
        """One more host has failed or does not answer."""
        with self._locked():
            index, failed = _HEAD.unpack_from(self._table)
            _HEAD.pack_into(self._table, 0, index, failed + 1)

    def _spent(self, failed: int) -> bool:
        return self.budget is not None and failed > self.budget

    @property
    def begun(self) -> int:
        """How many were drawn: indices below this one."""
        return _HEAD.unpack_from(self._table)[0]

    @property
    def spent(self) -> bool:
        return self._spent(_HEAD.unpack_from(self._table)[1])

    def taken_by(self, taker: int) -> list[int]:
        takers = struct.unpack_from(f"={self.begun}H", self._table, _HEAD.size)
        return [index for index, who in enumerate(takers) if who == taker]
