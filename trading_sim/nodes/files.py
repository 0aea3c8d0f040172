"""Writing small files with as few calls to the system as there can be: a centre writes several for each of a thousand nodes at once."""

from __future__ import annotations

import os
from pathlib import Path

_MODE = 0o644


def append(path: str | Path, data: bytes) -> int:
    """Add to the end of a file, created if need be; returns its size before. Raises OSError."""
    return _write(path, data, os.O_APPEND)


def write(path: str | Path, data: bytes) -> None:
    """Replace what a file holds, created if need be. Raises OSError."""
    _write(path, data, os.O_TRUNC)


def _write(path: str | Path, data: bytes, how: int) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | how, _MODE)
    try:
        before = os.fstat(descriptor).st_size
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        return before
    finally:
        os.close(descriptor)
