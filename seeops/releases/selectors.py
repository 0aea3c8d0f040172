"""Reads about releases."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.aggregates import StringAgg
from django.db.models import Count, Q, QuerySet, TextField, Value
from django.db.models.functions import Concat

from seeops.automation.models import Run, RunEvent
from seeops.changes import states as ticket_states
from seeops.changes.models import ChangeTicket
from seeops.core.clock import now
from seeops.inventory.models import Service
from seeops.releases import states
from seeops.releases.models import Batch, BatchNode, BatchNodeState, BatchRun, Release, Verdict

LOG_PAGE = 400
FINISHED = (states.NODE_DONE, states.NODE_ROLLED_BACK)


def releases() -> QuerySet[Release]:
    """Releases for a list: without their plans, which are large."""
    return (
        Release.objects.select_related("ticket", "created_by", "started_by")
        .prefetch_related("parts__service", "parts__version")
        .defer("plan", "ticket__impact", "ticket__plan")
    )


def shown() -> QuerySet[Release]:
    """Releases for a page of their own, with the plan."""
    return Release.objects.select_related("ticket", "created_by", "started_by", "retry_of").prefetch_related(
        "parts__service", "parts__version"
    )


def with_titles(found: QuerySet[Release]) -> QuerySet[Release]:
    """Adds `what`, the releases' titles, for an export without their objects."""
    title = Concat("parts__service__name", Value(" "), "parts__version__number", output_field=TextField())
    return found.annotate(what=StringAgg(title, ", ", order_by="parts__position"))


def running_of(services: Iterable[Service]) -> Release | None:
    """A release under way that holds one of these services."""
    return running().filter(parts__service__in=services, parts__active=True).first()


def running() -> QuerySet[Release]:
    """Releases under way, for the overview."""
    return releases().filter(state__in=states.ACTIVE)


def releases_waiting() -> int:
    """How many releases wait for a person."""
    return Release.objects.filter(state__in=(states.HOLDING, states.FAILED)).count()


def plannable_tickets(person: Any) -> QuerySet[ChangeTicket]:
    """Tickets for which this person may make a plan."""
    allowed = (*ticket_states.EDITABLE, ticket_states.FAILED)
    return ChangeTicket.objects.filter(requester=person, state__in=allowed).order_by("-id")


@dataclass(frozen=True)
class Progress:
    """How far a release has come. `rate_per_min` and `ends_at` are None while nothing can be said."""

    done: int
    total: int
    failed: int
    skipped: int
    rate_per_min: float | None
    ends_at: dt.datetime | None

    @property
    def ratio(self) -> float:
        return self.done / self.total if self.total else 0.0


def progress(release: Release) -> Progress:
    """Done of all nodes, the measured rate of deployment, and when it ends if it goes on like this."""
    counts = BatchNode.objects.filter(release=release).aggregate(
        total=Count("pk"),
        done=Count("pk", filter=Q(state=states.NODE_DONE)),
        skipped=Count("pk", filter=Q(state=states.NODE_SKIPPED)),
        failed=Count(
            "pk", filter=Q(state__in=(states.NODE_FAILED, states.NODE_UNREACHABLE, states.NODE_ROLLBACK_FAILED))
        ),
    )
    rate, ends_at = None, None
    if release.started_at and counts["done"] and release.state == states.RUNNING:
        busy = _deploying_s(release)
        if busy > 0:
            rate = counts["done"] / busy * 60
            batches_left = release.batches.exclude(state=states.PASSED).count()
            left_s = (counts["total"] - counts["done"]) / rate * 60 + batches_left * release.soak_s
            ends_at = now() + dt.timedelta(seconds=left_s)
    return Progress(counts["done"], counts["total"], counts["failed"], counts["skipped"], rate, ends_at)


def _deploying_s(release: Release) -> float:
    """Seconds in which batches were being deployed, soaking left out."""
    return sum(
        ((batch.deployed_at or now()) - batch.started_at).total_seconds()
        for batch in release.batches.all()
        if batch.started_at
    )


def batches(release: Release) -> list[Batch]:
    """The batches in order, each with the number of its nodes and of those that are done."""
    return list(
        release.batches.annotate(total=Count("nodes"), done=Count("nodes", filter=Q(nodes__state__in=FINISHED)))
        .select_related("promoted_by", "part__service", "part__version")
        .order_by("number")
    )


def board(release: Release) -> dict[str, Any]:
    """All nodes of a release, compact: batches → centres → [name, code of its state]. See frontend/src/lib/board.js."""
    codes = {state: code for code, state in enumerate(BatchNodeState.values)}
    rows = (
        BatchNode.objects.filter(release=release)
        .order_by("batch__number", "node__centre__position", "node__name")
        .values_list("batch__number", "node__centre__code", "node__name", "state")
    )
    grouped: dict[int, dict[str, list[list[Any]]]] = {}
    for number, centre, name, state in rows:
        grouped.setdefault(number, {}).setdefault(centre, []).append([name, codes[state]])
    return {
        "states": [[states.NODE_MARK[state], str(label)] for state, label in BatchNodeState.choices],
        "parts": release.parts.count(),
        "batches": [
            {
                "number": batch.number,
                "term": batch.term,
                "part": batch.part.title,
                "mark": batch.mark,
                "state": str(batch.get_state_display()),
                "centres": list(grouped.get(batch.number, {}).items()),
            }
            for batch in release.batches.select_related("part__service", "part__version").order_by("number")
        ],
    }


def log_lines(release: Release, *, after: int, limit: int = LOG_PAGE) -> list[RunEvent]:
    """Events of all runs of a release with an id above `after`, oldest first."""
    events = RunEvent.objects.filter(run__in=_runs(release), pk__gt=after)
    return list(events.select_related("run").only(
        "pk", "seq", "at", "host", "task", "status", "changed", "message", "run__number", "run__purpose"
    ).order_by("pk")[:limit])  # fmt: skip


def log_tail_after(release: Release, lines: int = LOG_PAGE) -> int:
    """The id after which the last `lines` events begin: what a page shows first of a long log."""
    ids = (
        RunEvent.objects.filter(run__in=_runs(release))
        .order_by("-pk").values_list("pk", flat=True)[lines : lines + 1]
    )  # fmt: skip
    return next(iter(ids), 0)


def runs(release: Release) -> QuerySet[Run]:
    """Newest first."""
    return Run.objects.filter(pk__in=_runs(release)).defer("targets", "inputs").order_by("-id")


def _runs(release: Release) -> QuerySet[Any]:
    """Keys of its runs: one run may have worked on several batches."""
    return BatchRun.objects.filter(batch__release=release).order_by().values("run")


def verdicts(release: Release) -> QuerySet[Verdict]:
    """Verdicts, newest first, without the evidence, which is large."""
    return Verdict.objects.filter(batch__release=release).select_related("batch").defer("evidence").order_by("-id")
