"""The nodes that a run has lost so far, counted where all playbooks that carry out its slices can see it.

A file of unsigned 32-bit numbers, one per slice. The slice's playbook writes its number while it goes on (plugin_utils/tally.py of
the collection); when it has ended, the runner puts in what it knows, silent nodes included.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

_SLOT = struct.Struct("=I")


class Losses:
    """`slices` slots in a new file at `path`."""

    def __init__(self, path: Path, slices: int) -> None:
        self._path = path
        path.write_bytes(bytes(_SLOT.size * max(1, slices)))

    def place(self, number: int) -> str:
        """What the playbook of this slice is told."""
        return f"{self._path}:{number}"

    def settle(self, number: int, lost: int) -> None:
        """This slice has ended and lost so many nodes."""
        descriptor = os.open(self._path, os.O_WRONLY)
        try:
            os.pwrite(descriptor, _SLOT.pack(lost), number * _SLOT.size)
        finally:
            os.close(descriptor)
