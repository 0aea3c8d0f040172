"""Reads about inspections: the reports, and whether the one that should be there is there."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

from seeops.automation.inspection_models import Finding, InspectionReport, ReportState, Severity
from seeops.automation.models import Booking, Outcome
from seeops.core.clock import now, shanghai

# A report is missing when it is not there this long after its moment: an inspection takes less than a minute.
LATE_AFTER = dt.timedelta(minutes=5)
# A moment that nothing has settled by now was missed by the scheduler itself.
UNSETTLED_AFTER = dt.timedelta(minutes=2)
_WORST_FIRST = (Severity.BAD, Severity.UNKNOWN, Severity.ATTENTION)


def reports() -> QuerySet[InspectionReport]:
    return InspectionReport.objects.select_related("run", "created_by", "previous")


def latest() -> InspectionReport | None:
    """The newest judged report over the whole estate."""
    return reports().filter(whole=True).exclude(state=ReportState.COLLECTING).first()


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
        return self.state in ("bad", "unknown")


def standing() -> Standing:
    """What became of the last inspection that should have been made. Nothing scheduled is planned absence; late, refused, missed and
    incomplete are unknown: never good."""
    report = latest()
    bookings = list(Booking.objects.filter(playbook="inspection", enabled=True))
    if not bookings:
        if report is None:
            return Standing("absent", _("No inspection is scheduled, and none was made."))
        return Standing(report.mark, _said(report), report)
    for booking in bookings:
        if problem := missing(booking):
            return Standing("unknown", problem, report)
    if report is None:
        return Standing("absent", _("The first inspection is due at %(at)s.") % {"at": _at(bookings[0].next_at)})
    return Standing(report.mark, _said(report), report)


def missing(booking: Booking) -> str:
    """Why the report of the last moment of a schedule is not there, as a sentence; empty when it is, or is not due yet."""
    moment = now()
    if booking.next_at and booking.next_at < moment - UNSETTLED_AFTER:
        return _("The inspection of %(at)s was not started: nothing runs by the clock.") % {"at": _at(booking.next_at)}
    last = booking.moments.select_related("run__report").first()
    if last is None:
        return ""
    if last.outcome != Outcome.STARTED or last.run is None:
        return _("The inspection of %(at)s was not made: %(why)s") % {
            "at": _at(last.due_at), "why": last.text or last.get_outcome_display(),
        }  # fmt: skip
    report = getattr(last.run, "report", None)
    if (report is None or report.state == ReportState.COLLECTING) and moment - last.at > LATE_AFTER:
        return _("The inspection of %(at)s has no report yet.") % {"at": _at(last.due_at)}
    return ""


def _at(moment: dt.datetime | None) -> str:
    return shanghai(moment).strftime("%m-%d %H:%M") if moment else "–"


def _said(report: InspectionReport) -> str:
    return _("%(number)s of %(at)s: %(bad)d bad, %(unknown)d unknown, %(attention)d to look at; %(n)d of %(all)d nodes answered") % {
        "number": report.number, "at": _at(report.finished_at), "bad": report.bad, "unknown": report.unknown,
        "attention": report.attention, "n": report.nodes_answered, "all": report.nodes_asked,
    }  # fmt: skip


def needing_somebody() -> int:
    """1 while the pre-open inspection is bad, incomplete or missing."""
    return int(standing().needs_somebody)


def missing_bookings() -> int:
    """How many schedules of inspections wait for a report that should be there."""
    return sum(bool(missing(booking)) for booking in Booking.objects.filter(playbook="inspection", enabled=True))


def counts(report: InspectionReport) -> dict[str, int]:
    """Findings of a report by severity, those that are gone left out; every severity is a key."""
    rows = report.findings.exclude(standing="gone").order_by().values("severity").annotate(n=Count("pk"))
    return dict.fromkeys(Severity.values, 0) | {row["severity"]: row["n"] for row in rows}
