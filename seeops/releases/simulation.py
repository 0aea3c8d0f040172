"""A dry run of a plan against what is there now: nodes, locks, freezes and the window of the ticket, capacity, and time.

Nothing is frozen of it: it is computed when somebody looks, and again at the start.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from seeops.changes import calendar, freezes, guard
from seeops.changes.models import ChangeTicket
from seeops.core import sentences
from seeops.core.clock import shanghai
from seeops.core.errors import InvalidInput, RuleViolation, SeeOpsError
from seeops.inventory import locks
from seeops.inventory.models import Lock, LockScope, Service
from seeops.monitoring import prometheus
from seeops.releases import findings, plan_checks, plan_facts, timing
from seeops.releases.findings import BLOCKS, INFO, WARNS, Finding
from seeops.releases.forecast import Forecast
from seeops.releases.models import Release
from seeops.releases.plan_facts import Facts
from seeops.topology.snapshot import Snapshot

RATES_OVER = "1m"
TRADED = frozenset({calendar.OPENING_AUCTION, calendar.CONTINUOUS, calendar.CLOSING_AUCTION, calendar.UNKNOWN})


@dataclass(frozen=True)
class Window:
    """The time that the ticket leaves: work can begin at `start` and must have ended at `end` (None: no end is near). `fits` batches
    end in time in the slow course; `latest_start` lets all of them."""

    start: dt.datetime
    end: dt.datetime | None
    latest_start: dt.datetime | None
    fits: int


@dataclass(frozen=True)
class Simulation:
    """`window` is None without a ticket, and when no free time is known ahead."""

    findings: tuple[Finding, ...]
    forecast: Forecast
    window: Window | None
    start: dt.datetime

    @property
    def blocked(self) -> bool:
        return any(finding.level == BLOCKS for finding in self.findings)

    @property
    def ends_at(self) -> dt.datetime:
        return self.start + dt.timedelta(seconds=self.forecast.usual_s)

    @property
    def slow_ends_at(self) -> dt.datetime:
        return self.start + dt.timedelta(seconds=self.forecast.slow_s)

    def as_dict(self) -> dict[str, Any]:
        """For the API. Times in UTC, durations in seconds."""
        return {
            "blocked": self.blocked,
            "findings": [{"level": f.level, "about": f.about, "text": sentences.read(f.text)} for f in self.findings],
            "start": self.start,
            "usual_s": round(self.forecast.usual_s),
            "slow_s": round(self.forecast.slow_s),
            "not_measured": self.forecast.unmeasured,
            "latest_start": self.window.latest_start if self.window else None,
            "must_end_by": self.window.end if self.window else None,
            "batches": [
                {
                    "number": item.number, "service": item.service, "begins_s": round(item.begins_s),
                    "needs_s": round(item.needs_s), "slow_needs_s": round(item.slow_needs_s),
                }
                for item in self.forecast.batches
            ],
        }  # fmt: skip


def simulate(
    plan: Mapping[str, Any],
    *,
    services: Sequence[Service],
    ticket: ChangeTicket | None = None,
    owner: str = "",
    facts: Facts | None = None,
    basis: Snapshot | None = None,
) -> Simulation:
    """Try the plan out. `services` are those of its parts; `owner` is the release whose own locks do not stand in its way; `facts`
    may be those the plan was just made from."""
    facts = facts or plan_facts.facts(services, basis)
    course = timing.course(plan, services)
    now = guard.moment_now()
    found = _of_estate(plan, facts)
    found += _of_locks(plan, owner)
    window, said = _window(ticket, course, now)
    found += said
    start = window.start if window else now
    found += _of_peak(plan, facts, start, start + dt.timedelta(seconds=course.slow_s))
    found += findings.of_time(plan, course, facts.sites)
    found += findings.of_requests(plan, _rates(plan))
    return Simulation(findings.ordered(found), course, window, start)


def of_release(release: Release) -> Simulation:
    """The dry run of a saved plan, against its ticket."""
    services = [part.service for part in release.parts.all()]
    return simulate(release.plan, services=services, ticket=release.ticket, owner=release.number)


def require_possible(plan: Mapping[str, Any], services: Sequence[Service]) -> None:
    """Asked at the start: refuses a plan that would leave less than is needed now. Raises RuleViolation with every reason.

    What else could stop a start (approval, freeze, window, locks, another version) is asked by those who own it.
    """
    facts = plan_facts.facts(services)
    found = findings.of_room(plan, {service.name: facts.room(service.name) for service in services})
    blocking = [sentences.read(finding.text) for finding in found if finding.level == BLOCKS]
    if blocking:
        raise RuleViolation(" ".join(blocking), code="no_room")


def _of_estate(plan: Mapping[str, Any], facts: Facts) -> list[Finding]:
    rooms = {part["service"]: facts.room(part["service"]) for part in plan["parts"]}
    found = findings.of_nodes(plan, facts.versions_now)
    found += findings.of_leaders(plan, facts.leading)
    found += findings.of_room(plan, rooms)
    for part in plan["parts"]:
        version = facts.packages.get((part["service"], part["version"]))
        if version is None:
            text = f"{part['service']} has no version “{part['version']}” any more: plan again."
            found.append(Finding(BLOCKS, findings.PACKAGE, text))
            continue
        try:
            plan_checks.package_check(version)
        except InvalidInput as error:
            found.append(Finding(BLOCKS, findings.PACKAGE, str(error)))
    return found


def _of_peak(plan: Mapping[str, Any], facts: Facts, start: dt.datetime, end: dt.datetime) -> list[Finding]:
    """Only when the release touches the trading session, or a day that nobody has announced."""
    found = findings.of_peak(
        plan, facts.snapshot, {part["service"]: facts.room(part["service"]) for part in plan["parts"]}
    )
    if found and not freezes.trading_calendar().phases(start, end) & TRADED:
        return []
    return found


def _rates(plan: Mapping[str, Any]) -> dict[tuple[str, str], float] | None:
    """Requests a second that a node serves on average, by service and centre; None when Prometheus does not say."""
    chosen = prometheus.matching(service=[part["service"] for part in plan["parts"]])
    each = f"sum by (service, centre, node) (rate(trading_requests_total{chosen}[{RATES_OVER}]))"
    try:
        samples = prometheus.query(f"avg by (service, centre) ({each})")
    except SeeOpsError:
        return None
    found = {(sample.labels["service"], sample.labels["centre"]): sample.value for sample in samples}
    return found or None


def _of_locks(plan: Mapping[str, Any], owner: str) -> list[Finding]:
    """Locks of others on the plan's services, nodes and shards: they make it wait or fail, as its policy says."""
    waits = plan.get("policy", {}).get("locks") == "queue"
    by_owner: dict[str, list[Lock]] = {}
    for lock in locks.blocking(_wanted(plan), except_owner=owner):
        by_owner.setdefault(lock.holder.owner, []).append(lock)
    found = []
    for name, theirs in sorted(by_owner.items()):
        what = ", ".join(f"{lock.scope} {lock.name}" for lock in theirs[:3]) + (" …" if len(theirs) > 3 else "")
        if waits:
            text = f"{name} holds {what}: this release would wait for it."
        else:
            text = f"{name} holds {what}: wait until it has ended, or let the release queue."
        found.append(Finding(WARNS if waits else BLOCKS, findings.LOCKS, text))
    return found


def _wanted(plan: Mapping[str, Any]) -> list[locks.Wanted]:
    """Everything that the release will hold, as (scope, name)."""
    nodes = plan_checks.nodes_of(plan)
    shards = sorted({node["shard"] for node in nodes if "shard" in node})
    wanted = [(LockScope.SERVICE.value, part["service"]) for part in plan["parts"]]
    wanted += [(LockScope.NODE.value, node["name"]) for node in nodes]
    return wanted + [(LockScope.SHARD.value, str(shard)) for shard in shards]


def _window(ticket: ChangeTicket | None, course: Forecast, now: dt.datetime) -> tuple[Window | None, list[Finding]]:
    """When the ticket lets it happen, and what does not fit."""
    if ticket is None or not course.batches:
        return None, []
    found: list[Finding] = []
    start, closed = now, guard.closed(ticket, now)
    if closed:
        opens = guard.next_allowed(ticket, now, course.batches[0].needs_s)
        level = WARNS if opens else BLOCKS
        found.append(Finding(level, findings.WINDOW, closed))
        if opens is None:
            text = _("No time is known in which %(ticket)s may change production.") % {"ticket": ticket.number}
            return None, [*found, Finding(BLOCKS, findings.WINDOW, text)]
        start = opens
    end = guard.closes_at(ticket, start)
    if end is None:
        return Window(start, None, None, len(course.batches)), found
    fits = course.fits_until(start, end)
    window = Window(start, end, course.latest_start(end), fits)
    return window, [*found, _of_window(ticket, window, course)]


def _of_window(ticket: ChangeTicket, window: Window, course: Forecast) -> Finding:
    values = {
        "ticket": ticket.number, "end": _clock(window.end), "latest": _clock(window.latest_start), "n": len(course.batches),
        "needs": findings.minutes(course.slow_s), "next": window.fits + 1,
    }  # fmt: skip
    if window.fits == len(course.batches):
        text = _("Latest start %(latest)s, to end before %(end)s even if it is slow (%(needs)s).")
        return Finding(INFO, findings.WINDOW, text % values)
    if window.fits == 0:
        text = _(
            "Not even the first batch ends before %(end)s: widen the window of %(ticket)s, or use smaller batches."
        )
        return Finding(BLOCKS, findings.WINDOW, text % values)
    text = _(
        "It may hold before batch %(next)d of %(n)d: %(end)s is too near for %(needs)s. Latest start was %(latest)s."
    )
    return Finding(WARNS, findings.WINDOW, text % values)


def _clock(moment: dt.datetime | None) -> str:
    return shanghai(moment).strftime("%m-%d %H:%M") if moment else "–"
