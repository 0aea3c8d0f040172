# SPDX-License-Identifier: GPL-3.0-or-later
"""How many hosts a run has lost, over all the playbooks that carry out its slices at the same time.

A run that may lose n hosts may lose them anywhere, so its slices count in one table: a slice has a slot of its own there, which
only its playbook and that one's workers write, and reads all of them. Without a table a playbook counts for itself.
"""

from __future__ import annotations

import mmap
import os
import struct

TABLE = "SEEOPS_FAILURES"  # in the environment: FILE:SLOT, the file with a slot per slice
_SLOT = struct.Struct("=I")


class Tally:
    """`own` is what this playbook has counted, `total` that of all slices. Whoever adds holds the lock of the hosts' draw."""

    def __init__(self, table: mmap.mmap, slot: int = 0) -> None:
        self._table, self._at = table, slot * _SLOT.size
        _SLOT.unpack_from(table, self._at)  # a slot beyond the table is a mistake of whoever starts the playbook

    @classmethod
    def of_environment(cls) -> Tally:
        if not (place := os.environ.get(TABLE)):
            return cls(mmap.mmap(-1, _SLOT.size))
        path, slot = place.rsplit(":", 1)
        with open(path, "r+b") as file:
            return cls(mmap.mmap(file.fileno(), 0), int(slot))

    def set(self, count: int) -> None:
        _SLOT.pack_into(self._table, self._at, count)

    def add(self) -> None:
        self.set(_SLOT.unpack_from(self._table, self._at)[0] + 1)

    @property
    def total(self) -> int:
        return sum(count for (count,) in _SLOT.iter_unpack(self._table[:]))
