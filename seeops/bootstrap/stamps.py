"""Which steps are done, for which inputs.

A stamp is written last and atomically, so an interrupted step has none and runs again; a changed input changes the digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from .files import write_atomic


def digest(*parts: str | Path | Iterable[Path]) -> str:
    """SHA-256 over texts, files and lists of files (name and content); a missing file counts as such."""
    sha = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            sha.update(b"text\0" + part.encode() + b"\0")
        else:
            for path in [part] if isinstance(part, Path) else sorted(part):
                content = path.read_bytes() if path.is_file() else b"missing"
                sha.update(f"file\0{path.name}\0{len(content)}\0".encode() + content)
    return sha.hexdigest()


class Stamp:
    """The mark of one finished step in `folder`."""

    def __init__(self, folder: Path, name: str, inputs: str) -> None:
        self.path = folder / name
        self.inputs = inputs

    def is_current(self) -> bool:
        """True when the step was finished for exactly these inputs."""
        try:
            return self.path.read_text().strip() == self.inputs
        except FileNotFoundError:
            return False

    def write(self) -> None:
        write_atomic(self.path, self.inputs + "\n")

    def forget(self) -> None:
        """Drop the mark before the step begins to change things."""
        self.path.unlink(missing_ok=True)
