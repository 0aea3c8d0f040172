"""Events of a run: how one looks, and the digest that proves the stored log complete. Pure.

The digest is SHA-256 over the lines of all events in order of seq, one line each: canonical JSON of
[seq, at, host, task, status, changed, message, data].
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any

LONGEST_MESSAGE = 4000
# What ansible-runner's events call it → what the console calls it.
STATUS = {"ok": "ok", "failed": "failed", "ignored": "ok", "unreachable": "unreachable", "skipped": "skipped"}
FINAL = ("ok", "failed", "unreachable", "skipped")


@dataclass(frozen=True)
class Event:
    at: dt.datetime
    host: str
    task: str
    status: str
    changed: bool
    message: str
    data: Any

    def line(self, seq: int) -> bytes:
        at = self.at.astimezone(dt.UTC).isoformat(timespec="microseconds")
        row = [seq, at, self.host, self.task, self.status, self.changed, self.message, self.data]
        return json.dumps(row, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def from_runner(event: dict[str, Any]) -> list[Event]:
    """The events inside one event of ansible-runner; [] for what says nothing to people."""
    kind, data = event.get("event"), event.get("event_data") or {}
    if kind == "runner_batch":
        return [_result(result) for result in data.get("results", [])]
    at = _moment(event.get("created"))
    if kind == "playbook_on_task_start":
        return [note(at, str(data.get("task", "")), "")]
    if kind == "playbook_on_play_start":
        return [note(at, "", str(data.get("play", "")))]
    if kind == "playbook_on_no_hosts_matched":
        return [note(at, "", "no node matched")]
    if kind == "playbook_on_stats":
        return [note(at, "", f"{data.get('hosts', 0)} nodes, {data.get('failed', 0)} failed or unreachable")]
    if kind in ("verbose", "error", "warning", "system_warning", "deprecated"):
        text = str(event.get("stdout", "")).strip()
        return [note(at, "", _clean(text))] if text else []
    return []


def note(at: dt.datetime, task: str, message: str) -> Event:
    """A line that is about no node."""
    return Event(at, "", _clean(task)[:120], "info", False, _clean(message)[:LONGEST_MESSAGE], None)


def _result(result: dict[str, Any]) -> Event:
    return Event(
        at=_moment(result.get("at")),
        host=str(result.get("h", ""))[:80],
        task=_clean(str(result.get("t", "")))[:120],
        status=STATUS.get(str(result.get("s")), "info"),
        changed=bool(result.get("c")),
        message=_clean(str(result.get("m", "")))[:LONGEST_MESSAGE],
        data=_plain(result.get("d")),
    )


def _moment(value: Any) -> dt.datetime:
    seconds = float(value) if isinstance(value, int | float) else dt.datetime.now(dt.UTC).timestamp()
    return dt.datetime.fromtimestamp(round(seconds, 6), dt.UTC)


def _clean(text: str) -> str:
    """PostgreSQL stores every character but NUL."""
    return text.replace("\x00", "\ufffd")


def _plain(value: Any) -> Any:
    """JSON as PostgreSQL keeps it: no NUL, no NaN, no infinity, numbers that survive a round trip."""
    if isinstance(value, dict):
        return {_clean(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, float):
        return (
            int(value) if value.is_integer() and abs(value) < 2**53 else (value if abs(value) < 1e300 else str(value))
        )
    return value
