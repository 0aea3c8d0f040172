"""Reads about runs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from seeops.automation.events import FINAL, Event
from seeops.automation.models import EventStatus, Run, RunEvent

LOG_PAGE = 400


def runs() -> QuerySet[Run]:
    """Runs for a list: without their nodes, which may be many."""
    return Run.objects.select_related("created_by").defer("targets", "inputs")


def run_folder(run: Run) -> Path:
    """Where the run's process keeps its working files."""
    return Path(settings.VAR_DIR) / "run" / "runs" / f"{run.number}-{run.epoch}"


@dataclass(frozen=True)
class LogReport:
    """Whether the stored log is what the run wrote: how many events, and whether number and digest agree; if not, the events
    `altered` (first, last) among which the first difference lies."""

    events: int
    recorded: int
    intact: bool
    altered: tuple[int, int] | None = None


def log_verify(run: Run) -> LogReport:
    """Recompute the digest over the stored events."""
    digest, count, altered, sound = hashlib.sha256(), 0, None, 0
    marks = dict(run.marks.values_list("seq", "digest"))
    rows = run.events.order_by("seq").values_list("seq", "at", "host", "task", "status", "changed", "message", "data")
    for seq, at, host, task, status, changed, message, data in rows.iterator(2000):
        count += 1
        if altered is None and seq != count:
            altered = (count, seq - 1 if seq > count else count)
        digest.update(Event(at, host, task, status, changed, message, data).line(seq))
        if altered is None and seq in marks:
            altered = (sound + 1, seq) if marks[seq] != digest.hexdigest() else None
            sound = seq
    if altered is None and (count != run.events_count or (count and digest.hexdigest() != run.events_digest)):
        last = max(count, run.events_count)
        altered = (min(sound + 1, last), last)
    return LogReport(events=count, recorded=run.events_count, intact=altered is None, altered=altered)


def log_lines(run: Run, *, after: int, limit: int = LOG_PAGE) -> list[RunEvent]:
    """Events with a seq above `after`, oldest first."""
    return list(run.events.filter(seq__gt=after).order_by("seq").defer("data")[:limit])


def last_results(run: Run) -> list[RunEvent]:
    """The last thing each node reported, by name."""
    final = run.events.filter(status__in=FINAL).exclude(host="")
    return list(final.order_by("host", "-seq").distinct("host"))


def results_since(run: Run, *, after: int) -> list[RunEvent]:
    """What nodes have reported since event `after`, oldest first."""
    return list(run.events.filter(seq__gt=after, status__in=FINAL).exclude(host="").order_by("seq").defer("data"))


@dataclass(frozen=True)
class Inspected:
    """A node's line in the report of an inspection."""

    name: str
    status: str
    message: str
    data: dict[str, Any]

    @property
    def noteworthy(self) -> bool:
        return self.status != EventStatus.OK or bool(self.data.get("findings"))


@dataclass(frozen=True)
class Inspection:
    """What an inspection of many nodes found: who deserves a look, and what runs where."""

    nodes: list[Inspected]
    silent: list[str]
    versions: dict[str, int]
    states: dict[str, int]

    @property
    def noteworthy(self) -> list[Inspected]:
        return [node for node in self.nodes if node.noteworthy]


def inspection(run: Run) -> Inspection:
    """The report of an inspection; a node that reported nothing is listed as silent, never as well."""
    nodes = [Inspected(event.host, event.status, event.message, event.data or {}) for event in last_results(run)]
    reported = {node.name for node in nodes}
    versions: dict[str, int] = {}
    states: dict[str, int] = {}
    for node in nodes:
        if node.status == EventStatus.OK:
            versions[str(node.data.get("version"))] = versions.get(str(node.data.get("version")), 0) + 1
            states[str(node.data.get("state"))] = states.get(str(node.data.get("state")), 0) + 1
    return Inspection(
        nodes=nodes,
        silent=sorted(target["name"] for target in run.targets if target["name"] not in reported),
        versions=dict(sorted(versions.items())),
        states=dict(sorted(states.items())),
    )
