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

from ansible_collections.seeops.nodes.plugins.plugin_utils.tally import Tally

_HEAD = struct.Struct("=I")  # next index
_TAKER = struct.Struct("=H")
NOBODY = 0


class Draws:
    """`size` hosts, drawn in order. Drawing ends once `tally` counts more than `budget` lost hosts (None: never)."""

    def __init__(self, size: int, tally: Tally, budget: int | None = None) -> None:
        self.size, self.tally, self.budget = size, tally, budget
        self._file = os.memfd_create("fleet-draws", os.MFD_CLOEXEC)
        self._table = mmap.mmap(-1, _HEAD.size + _TAKER.size * size)

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
            index = self.begun
            if index >= self.size or self.spent:
                return None
            _TAKER.pack_into(self._table, _HEAD.size + _TAKER.size * index, taker)
            _HEAD.pack_into(self._table, 0, index + 1)
            return index

    def failed(self) -> None:
        """One more host has failed or does not answer."""
        with self._locked():
            self.tally.add()

    @property
    def begun(self) -> int:
        """How many were drawn: indices below this one."""
        return _HEAD.unpack_from(self._table)[0]

    @property
    def spent(self) -> bool:
        return self.budget is not None and self.tally.total > self.budget

    def taken_by(self, taker: int) -> list[int]:
        takers = struct.unpack_from(f"={self.begun}H", self._table, _HEAD.size)
        return [index for index, who in enumerate(takers) if who == taker]
