"""The folder that a run leaves behind: events, samples, journal and result, readable while the run goes on and after it died."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from pathlib import Path
from typing import Any


class Spool:
    """Files of one run. Events are appended from any thread; journal and result appear whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events = folder / "events.jsonl"
        self.samples = folder / "samples.jsonl"
        self.journal = folder / "journal.json"
        self.result = folder / "result.json"
        self.stop = folder / "stop"
        self._lock = threading.Lock()

    def create(self) -> Spool:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self

    def event(self, kind: str, **details: Any) -> None:
        line = json.dumps({"at": time.time(), "kind": kind, **details}, default=str) + "\n"
        with self._lock, self.events.open("a", encoding="utf-8") as file:
            file.write(line)

    def write(self, path: Path, content: Any) -> str:
        """Write JSON atomically; returns its SHA-256."""
        body = json.dumps(content, default=str, indent=1).encode()
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        return hashlib.sha256(body).hexdigest()

    def request_stop(self, why: str) -> None:
        """Ask the run to end; can be repeated."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.stop.write_text(why)


def read_lines(path: Path, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Complete JSON lines from `offset` (bytes) on, and the offset behind them; a half-written last line waits."""
    if not path.exists():
        return [], offset
    with path.open("rb") as file:
        file.seek(offset)
        content = file.read()
    end = content.rfind(b"\n") + 1
    return [json.loads(line) for line in content[:end].splitlines() if line], offset + end
