"""What a ramp leaves in its folder while it runs: events line by line, at the end the report; and a file by which it is asked to stop."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from trading_sim.load.ramp_text import as_text


class Spool:
    """`folder` None: events go to standard error only when it is a terminal, the report to standard output alone."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self.asked_to_stop = ""
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def tell(self, kind: str, **figures: Any) -> None:
        """Write one event down. Raises OSError."""
        if self._folder is not None:
            line = json.dumps({"kind": kind, "at": time.time(), "pid": os.getpid(), **figures}) + "\n"
            with (self._folder / "events.jsonl").open("a", encoding="utf-8") as file:
                file.write(line)
        if sys.stderr.isatty() and kind in ("step", "waiting", "broken-off"):
            sys.stderr.write(_line(kind, figures) + "\n")

    def stop(self) -> str:
        """Why the ramp must end; empty to go on."""
        if self.asked_to_stop:
            return self.asked_to_stop
        path = None if self._folder is None else self._folder / "stop"
        if path is not None and path.exists():
            self.asked_to_stop = path.read_text(encoding="utf-8").strip() or "asked to stop"
        return self.asked_to_stop

    def keep(self, report: dict[str, Any]) -> None:
        """Store the report as JSON and as a page, each complete or not at all. Raises OSError."""
        if self._folder is None:
            return
        for name, text in (("report.txt", as_text(report)), ("report.json", json.dumps(report, indent=1) + "\n")):
            beside = self._folder / f"{name}.tmp"
            beside.write_text(text, encoding="utf-8")
            beside.replace(self._folder / name)


def _line(kind: str, figures: dict[str, Any]) -> str:
    if kind != "step":
        return f"{kind}: {figures['why']}"
    p99 = "no answer" if figures["p99_ms"] is None else f"p99 {figures['p99_ms']:.1f} ms"
    word = "kept" if figures["kept"] else "left: " + "; ".join(figures["reasons"])
    return f"{figures['rate']:,.1f} orders a second: {p99}, {figures['failed']:.2%} failed, {word}"
