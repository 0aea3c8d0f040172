"""What became of each node of a run, by what its playbook has reported so far. Pure.

A node is done when its slice ended and said so of it; with a result but without that word it was cut off, and a node without
any result stayed silent. Neither is ever counted as done: what became of it is unknown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from seeops.automation.events import FINAL, Event

BAD = ("failed", "unreachable")


class Results:
    """`last`: the last final status of each node; `finished`: nodes of which an ended slice has said that it was through."""

    def __init__(self) -> None:
        self.last: dict[str, str] = {}
        self.finished: set[str] = set()
        self._ended: set[str] = set()

    def take(self, events: Iterable[Event]) -> None:
        for event in events:
            if event.host and event.status in FINAL:
                self.last[event.host] = event.status

    def summed_up(self, summary: Mapping[str, Any]) -> None:
        """The playbook's own summary: {"finished": [names], …}."""
        self.finished.update(summary.get("finished") or ())

    def slice_ended(self, names: Collection[str]) -> None:
        """No more will be heard of these nodes."""
        self._ended.update(names)

    @property
    def bad(self) -> set[str]:
        return {name for name, status in self.last.items() if status in BAD}

    def silent(self, names: Iterable[str]) -> list[str]:
        """Of `names`, those of which nobody knows what became of them."""
        known = self.bad | (self.finished & self.last.keys())
        return sorted(name for name in names if name not in known)

    def lost(self, names: Iterable[str] | None = None) -> int:
        """Nodes that count against a budget, of all or of `names`: failed, without an answer, or silent in a slice that has ended."""
        lost = self.bad | set(self.silent(self._ended))
        return len(lost if names is None else lost & set(names))

    def counts(self, names: Collection[str]) -> dict[str, int]:
        """As a run keeps them when it has ended; together they are all of `names`."""
        bad, silent = len(self.bad & set(names)), len(self.silent(names))
        return {"hosts_done": len(names) - bad - silent, "hosts_failed": bad, "hosts_silent": silent}
