"""The highest order rate that customers ever reached by themselves: what a capacity is compared with.

Counted are answered orders in windows of WINDOW_S while nothing artificial (a surge, a level, a pause) changes the flow. The record
survives restarts in a file of its own.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

WINDOW_S = 10.0


class PeakWatch:
    """`note` is called regularly with the number of orders answered since the start. Times are Unix seconds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.best: dict[str, Any] | None = None
        self._begun: tuple[float, int] | None = None
        if path.exists():
            self.best = json.loads(path.read_text(encoding="utf-8"))

    def note(self, now: float, answered: int, usual: bool) -> None:
        """A window that ends while `usual` holds counts when it was `usual` all along. Raises OSError when the record cannot be kept."""
        if not usual:
            self._begun = None
            return
        if self._begun is None:
            self._begun = (now, answered)
            return
        begun, before = self._begun
        if now - begun < WINDOW_S:
            return
        self._begun = (now, answered)
        rate = (answered - before) / (now - begun)
        if rate > 0 and (self.best is None or rate > self.best["orders_per_s"]):
            self.best = {"orders_per_s": round(rate, 3), "at": round(now, 3), "window_s": round(now - begun, 3)}
            beside = self._path.with_suffix(".tmp")
            beside.write_text(json.dumps(self.best), encoding="utf-8")
            beside.replace(self._path)
