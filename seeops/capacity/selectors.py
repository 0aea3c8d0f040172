"""Reads about capacity: what is known before a start, how tests went, which journals and candidates there are."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from seeops.alerts import selectors as alerts
from seeops.alerts.models import Severity
from seeops.capacity import guard
from seeops.capacity.models import CapacityOutcome, CapacityTest, ShadowRun, WorkState
from seeops.cluster import door, occupied
from seeops.core.errors import InvalidInput, Unavailable
from seeops.inventory.models import Version
from seeops.releases import selectors as releases

MATCHING = "matching"
TWIN = "twin"


def tests() -> QuerySet[CapacityTest]:
    return CapacityTest.objects.select_related("started_by").defer("report")


def active_tests() -> QuerySet[CapacityTest]:
    return tests().filter(active=True)


def why_occupied() -> list[str]:
    """Reasons for others to leave the cluster alone."""
    running = active_tests().values_list("number", flat=True)
    return [
        _("The capacity test %(test)s is running: wait until it has ended.") % {"test": number} for number in running
    ]


def last_measured() -> CapacityTest | None:
    """The newest test that found a knee or a lower limit of it."""
    return tests().filter(outcome__in=[CapacityOutcome.MEASURED, CapacityOutcome.AT_LEAST]).first()


def short_of_capacity() -> int:
    """1 while the newest measured capacity is below what is asked, else 0: for the rail."""
    newest = (
        CapacityTest.objects.filter(outcome__in=[CapacityOutcome.MEASURED, CapacityOutcome.AT_LEAST])
        .values_list("enough", flat=True)
        .first()
    )
    return int(newest is False)


def facts() -> guard.Facts:
    """What the guard needs to know at this moment."""
    segment, owners, paused = "", [], False
    try:
        segment = str(door.session().get("segment", ""))
        # A level that a test of ours has just left behind ends by itself; a running test is a reason of its own.
        owners = sorted({str(fault["owner"]) for fault in door.faults() if fault["kind"] != "level"})
        paused = bool(door.load_status()["settings"]["paused"])
    except Unavailable:
        segment = ""  # a part that does not answer leaves the state unknown, which refuses the start
    return guard.Facts(
        running=list(active_tests().values_list("number", flat=True)),
        occupied=occupied.by_others("capacity"),
        releases=list(releases.running().values_list("number", flat=True)),
        critical_alerts=[str(group) for group in alerts.open_groups().filter(severity=Severity.CRITICAL)[:5]],
        segment=segment,
        faults=owners,
        paused=paused,
    )


def declared_peak() -> float:
    """Orders a second over all chains of orders at the peak that the cluster file declares."""
    return sum(chain["peak_rate_per_s"] for chain in door.describe()["chains"] if chain["kind"] == "orders")


def shadows() -> QuerySet[ShadowRun]:
    return ShadowRun.objects.select_related("started_by").defer("report")


@dataclass(frozen=True)
class Candidate:
    """Something a journal can be replayed into. `path` None: the twin, which needs no file."""

    key: str
    title: str
    notes: str
    digest: str
    path: Path | None


def candidates() -> list[Candidate]:
    """Packages of the matching service, newest first, and the plain Python twin."""
    versions = Version.objects.filter(service__name=MATCHING).order_by("-built_at", "-number")
    found = [
        Candidate(one.number, f"{MATCHING} {one.number}", one.notes, one.digest, Path(settings.PACKAGES_DIR) / one.file)
        for one in versions
    ]
    return [
        *found,
        Candidate(TWIN, _("the plain Python twin"), _("The executable specification of the core."), "", None),
    ]


def candidate(key: str) -> Candidate:
    """Raises InvalidInput for one that does not exist, or whose package is not what the catalogue says it is."""
    for one in candidates():
        if one.key == key:
            if one.path is not None and _digest(one.path) != one.digest:
                raise InvalidInput(
                    _("The package of %(candidate)s is missing or not the one in the catalogue.")
                    % {"candidate": one.title},
                    field="candidate",
                )
            return one
    raise InvalidInput(_("There is no candidate “%(key)s”.") % {"key": key[:40]}, field="candidate")


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


@dataclass(frozen=True)
class Journal:
    """A replica's folder on this machine."""

    shard: int
    centre: str
    folder: Path
    config: Path


def journals() -> list[Journal]:
    """Every replica whose journal lies on this machine. Raises Unavailable when the cluster was never started."""
    found = door.endpoints()
    root = Path(found["state"]) / "shards"
    listed = [
        Journal(int(shard), centre, root / f"shard-{shard}-{centre}", root / f"shard-{shard}.json")
        for shard, replicas in found["shards"].items()
        for centre in replicas
    ]
    return [one for one in listed if (one.folder / "journal").is_dir() and one.config.is_file()]


def journal(shard: int, centre: str = "") -> Journal:
    """A replica of a shard (the first one without `centre`). Raises InvalidInput, Unavailable."""
    for one in journals():
        if one.shard == shard and centre in ("", one.centre):
            return one
    raise InvalidInput(
        _("No journal of shard %(shard)d %(centre)s lies on this machine.") % {"shard": shard, "centre": centre},
        field="shard",
    )


def shadow_gate(candidate_digest: str, shard: int) -> ShadowRun | None:
    """The newest judged shadow run of a package on a shard: what a release may rely on; None when there is none."""
    judged = shadows().filter(candidate_digest=candidate_digest, shard=shard, state=WorkState.ENDED, same__isnull=False)
    return judged.first()


def session_segment() -> str:
    """The part of the trading day; empty when it is not known."""
    try:
        found: dict[str, Any] = door.session()
        return str(found.get("segment", ""))
    except Unavailable:
        return ""
