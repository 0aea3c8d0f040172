"""The action journal of one node: which keyed actions were asked for, which were executed, under which epochs.

Append-only JSON lines. An action writes `begin` before it touches anything and `done` after, so a process that was killed
in between finds the action at its next start and finishes it instead of doing it a second time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from trading_sim.nodes import files


class StaleEpoch(Exception):
    """A newer owner has acted on the node."""

    def __init__(self, epoch: int, seen: int):
        super().__init__(f"epoch {epoch} is below {seen}, the highest this node has seen: a newer owner has taken over")
        self.epoch, self.seen = epoch, seen


class KeyConflict(Exception):
    """The key names an action of another kind."""


class JournalError(ValueError):
    """The journal's file is damaged before its last line."""


@dataclass
class Action:
    key: str
    action: str
    epoch: int
    at: float
    args: dict
    times_requested: int = 1
    times_executed: int = 0
    result: dict | None = None  # None: begun, not finished

    def describe(self) -> dict:
        return {
            "action": self.action, "epoch": self.epoch, "at": self.at, "finished": self.result is not None,
            "times_requested": self.times_requested, "times_executed": self.times_executed, "result": self.result,
        }  # fmt: skip


@dataclass
class ActionJournal:
    path: Path
    actions: dict[str, Action] = field(default_factory=dict)
    epoch: int = 0

    def load(self) -> None:
        """Read the file; a torn last line (killed while writing) is cut off. Raises JournalError."""
        if not self.path.exists():
            return
        data = self.path.read_bytes()
        complete = data[: data.rfind(b"\n") + 1]
        if len(complete) < len(data):
            with self.path.open("r+b") as file:
                file.truncate(len(complete))
        for number, line in enumerate(complete.splitlines(), start=1):
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                raise JournalError(f"{self.path}, line {number}: {error!r}") from error

    def _take(self, entry: dict) -> None:
        key = entry["key"]
        match entry["phase"]:
            case "begin":
                self.actions[key] = Action(key, entry["action"], entry["epoch"], entry["at"], entry["args"])
                self.epoch = max(self.epoch, entry["epoch"])
            case "done":
                self.actions[key].times_executed += 1
                self.actions[key].result = entry["result"]
            case "failed":
                del self.actions[key]
            case "again":
                self.actions[key].times_requested += 1
                self.epoch = max(self.epoch, entry["epoch"])
            case other:
                raise ValueError(f"unknown phase {other!r}")

    def _append(self, entry: dict) -> None:
        files.append(self.path, json.dumps(entry, separators=(",", ":")).encode() + b"\n")
        self._take(entry)

    def earlier(self, key: str, action: str, epoch: int) -> dict | None:
        """The result of an action that this key has had already, noted as asked for again; None for a new key. Raises
        StaleEpoch for a new key under an old epoch, KeyConflict for a key that named another action."""
        known = self.actions.get(key)
        if known is None:
            if epoch < self.epoch:
                raise StaleEpoch(epoch, self.epoch)
            return None
        if known.action != action:
            raise KeyConflict(f"key {key!r} was used for {known.action}, it cannot be used for {action}")
        self._append({"key": key, "phase": "again", "epoch": epoch})
        return known.result

    def begin(self, key: str, action: str, epoch: int, at: float, args: dict) -> None:
        self._append({"key": key, "phase": "begin", "action": action, "epoch": epoch, "at": at, "args": args})

    def done(self, key: str, result: dict) -> None:
        self._append({"key": key, "phase": "done", "result": result})

    def failed(self, key: str) -> None:
        """The action was refused before it changed anything: the key is free again."""
        self._append({"key": key, "phase": "failed"})

    def unfinished(self) -> list[Action]:
        return [action for action in self.actions.values() if action.result is None]
