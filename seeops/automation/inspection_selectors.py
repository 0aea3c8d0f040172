"""Reads about inspections: the reports, and whether the one that should be there is there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import JSONObject
from django.utils.translation import gettext as _

from seeops.automation.inspection_models import Finding, InspectionReport, ReportState, Severity
from seeops.automation.models import Booking, BookingMoment, Outcome
from seeops.core.clock import now, shanghai

# A report is missing when it is not there this long after its moment: an inspection takes less than a minute.
LATE_AFTER = dt.timedelta(minutes=5)
# A moment that nothing has settled by now was missed by the scheduler itself.
UNSETTLED_AFTER = dt.timedelta(minutes=2)
NEED_SOMEBODY = ("bad", "unknown")
_WORST_FIRST = (Severity.BAD, Severity.UNKNOWN, Severity.ATTENTION)


def reports() -> QuerySet[InspectionReport]:
    return InspectionReport.objects.select_related("run", "created_by", "previous")


def latest_reports() -> QuerySet[InspectionReport]:
    """Judged reports over the whole estate, the newest first."""
    return InspectionReport.objects.filter(whole=True).exclude(state=ReportState.COLLECTING).order_by("-id")


def latest() -> InspectionReport | None:
    """The newest judged report over the whole estate."""
    return latest_reports().select_related("run", "created_by", "previous").first()


def findings(report: InspectionReport, *, standing: str = "", severity: str = "", check: str = "") -> list[Finding]:
    """Findings worst first; without `standing` those that are gone are left out."""
    rows = report.findings.filter(standing=standing) if standing else report.findings.exclude(standing="gone")
    if severity:
        rows = rows.filter(severity=severity)
    if check:
        rows = rows.filter(check_name=check)
    order = {name: place for place, name in enumerate(_WORST_FIRST)}
    return sorted(rows, key=lambda row: (order.get(row.severity, 9), row.check_name, row.text, row.subject))


@dataclass(frozen=True)
class Group:
    """Findings that say the same of several subjects: one line instead of a thousand."""

    severity: str
    check: str
    text: str
    kind: str
    rows: list[Finding]

    @property
    def new(self) -> int:
        return sum(row.standing == "new" for row in self.rows)


def grouped(rows: list[Finding]) -> list[Group]:
    found: dict[tuple[str, str, str, str], list[Finding]] = {}
    for row in rows:
        found.setdefault((row.severity, row.check_name, row.text, row.subject_kind), []).append(row)
    return [Group(severity, check, text, kind, same) for (severity, check, text, kind), same in found.items()]


@dataclass(frozen=True)
class Standing:
    """Whether the pre-open inspection is in order: `state` in the language of state, `text` why."""

    state: str
    text: str
    report: InspectionReport | None = None

    @property
    def needs_somebody(self) -> bool:
        return self.state in NEED_SOMEBODY


def standing() -> Standing:
    """What became of the last inspection that should have been made. Nothing scheduled is planned absence; late, refused, missed and
    incomplete are unknown: never good."""
    report = latest()
    schedules = [Schedule.of(said) for _kind, said in _scheduled()]
    for schedule in schedules:
        if problem := schedule.missing():
            return Standing("unknown", problem, report)
    if report is not None:
        return Standing(report.mark, _said(report), report)
    if not schedules:
        return Standing("absent", _("No inspection is scheduled, and none was made."))
    due = min((schedule.next_at for schedule in schedules if schedule.next_at), default=None)
    return Standing("absent", _("The first inspection is due at %(at)s.") % {"at": _at(due)})


@dataclass(frozen=True)
class Schedule:
    """A schedule of inspections: when one is due next, and what became of the last one."""

    next_at: dt.datetime | None
    last: dict[str, Any] | None

    @classmethod
    def of(cls, said: dict[str, Any]) -> Schedule:
        """From a row of `standing_rows`; moments as PostgreSQL writes them into JSON."""
        last = said["last"]
        if last is not None:
            last = last | {name: dt.datetime.fromisoformat(last[name]) for name in ("due_at", "at")}
        return cls(said["next_at"] and dt.datetime.fromisoformat(said["next_at"]), last)

    def missing(self) -> str:
        """Why the report of the last moment is not there, as a sentence; empty when it is, or is not due yet."""
        moment, last = now(), self.last
        if self.next_at and self.next_at < moment - UNSETTLED_AFTER:
            return _("The inspection of %(at)s was not started: nothing runs by the clock.") % {"at": _at(self.next_at)}
        if last is None:
            return ""
        if last["outcome"] != Outcome.STARTED or last["run"] is None:
            return _("The inspection of %(at)s was not made: %(why)s") % {
                "at": _at(last["due_at"]), "why": last["text"] or Outcome(last["outcome"]).label,
            }  # fmt: skip
        if last["report"] in (None, ReportState.COLLECTING) and moment - last["at"] > LATE_AFTER:
            return _("The inspection of %(at)s has no report yet.") % {"at": _at(last["due_at"])}
        return ""


def _scheduled() -> QuerySet[Booking]:
    """("schedule", what a Schedule is made of) for each enabled schedule of inspections."""
    moments = BookingMoment.objects.filter(booking=OuterRef("pk")).order_by("-due_at")
    last = JSONObject(
        outcome="outcome", text="text", due_at="due_at", at="at", run="run_id", report="run__report__state"
    )
    rows = Booking.objects.filter(playbook="inspection", enabled=True).order_by()
    said = JSONObject(next_at="next_at", last=Subquery(moments.values(found=last)[:1]))
    return rows.annotate(kind=Value("schedule"), said=said).values_list("kind", "said")


def standing_rows() -> tuple[QuerySet[Any], QuerySet[Any]]:
    """Queries of (kind, said) for `needs_somebody`, to be put into one statement with others: schedules, newest report."""
    judged = latest_reports().annotate(kind=Value("report"), said=JSONObject(verdict="verdict"))
    return _scheduled(), judged.values_list("kind", "said")[:1]


def needs_somebody(rows: Iterable[tuple[str, dict[str, Any]]]) -> bool:
    """Whether the pre-open inspection is bad, incomplete or missing, from rows of both `standing_rows` and any others."""
    said = list(rows)
    missing = any(Schedule.of(row).missing() for kind, row in said if kind == "schedule")
    return missing or any(row["verdict"] in NEED_SOMEBODY for kind, row in said if kind == "report")


def _at(moment: dt.datetime | None) -> str:
    return shanghai(moment).strftime("%m-%d %H:%M") if moment else "–"


def _said(report: InspectionReport) -> str:
    return _("%(number)s of %(at)s: %(bad)d bad, %(unknown)d unknown, %(attention)d to look at; %(n)d of %(all)d nodes answered") % {
        "number": report.number, "at": _at(report.finished_at), "bad": report.bad, "unknown": report.unknown,
        "attention": report.attention, "n": report.nodes_answered, "all": report.nodes_asked,
    }  # fmt: skip


def missing_bookings() -> int:
    """How many schedules of inspections wait for a report that should be there."""
    return sum(bool(Schedule.of(said).missing()) for _kind, said in _scheduled())


def counts(report: InspectionReport) -> dict[str, int]:
    """Findings of a report by severity, those that are gone left out; every severity is a key."""
    rows = report.findings.exclude(standing="gone").order_by().values("severity").annotate(n=Count("pk"))
    return dict.fromkeys(Severity.values, 0) | {row["severity"]: row["n"] for row in rows}
