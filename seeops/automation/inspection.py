"""Reports of inspections: opened for each run of the inspection playbook, judged when it has ended, compared with the one before.

Level-triggered: the rows say what is to be done, so a worker that dies in between leaves nothing behind that the next one does not
find. Judging reads and asks outside of the transaction; writing happens once, under the row's lock.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_noop as _

from seeops.automation import inspection_estate, inspection_rules, selectors
from seeops.automation.inspection_models import Finding, InspectionReport, ReportState, Standing
from seeops.automation.inspection_rules import Asked, Expected, Found
from seeops.automation.models import LIVE_STATES, BookingMoment, EventStatus, NodeConfiguration, Run, RunState
from seeops.core.clock import now
from seeops.core.live import announce
from seeops.core.numbering import next_number
from seeops.inventory import selectors as inventory

PLAYBOOK = "inspection"
MOST_OPEN = 20
MOST_FINDINGS = 20_000
NODE_CHECKS = (
    ("answer", _("Every node answers")),
    ("state", _("Every node is up")),
    ("version", _("Every node runs the version that is wanted, and its package lies there")),
    ("files", _("Files of the release are those of the package")),
    ("configuration", _("Configurations are valid, read, and the ones that were set")),
    ("peers", _("Nodes of a service are configured alike")),
    ("clock", _("Clocks agree")),
    ("disk", _("Disks have room")),
    ("memory", _("Processes stay below their memory limit")),
    ("queue", _("No queue grows, and balancers use every node")),
    ("process", _("No process was restarted lately or often")),
    ("journal", _("No action was begun and not finished")),
    ("log", _("Logs do not end in errors")),
    ("faults", _("No fault is in force on a node")),
)


def settle() -> int:
    """Open a report for every inspection that has none, and judge those whose run has ended. Returns how many were judged."""
    unreported = Run.objects.filter(playbook=PLAYBOOK, purpose="playbook", report__isnull=True)
    for run in unreported.select_related("created_by")[:MOST_OPEN]:
        open_report(run)
    waiting = InspectionReport.objects.filter(state=ReportState.COLLECTING).exclude(run__state__in=LIVE_STATES)
    return sum(_judge(report) for report in waiting.select_related("run")[:MOST_OPEN])


def open_report(run: Run) -> InspectionReport:
    """The report of a run, made if it is not there yet."""
    found = InspectionReport.objects.filter(run=run).first()
    if found is not None:
        return found
    names = sorted(target["name"] for target in run.targets)
    missing = inventory.active_nodes().exclude(name__in=names).count()
    scope = "all" if not missing else f"nodes:{hashlib.sha256(' '.join(names).encode()).hexdigest()[:12]}"
    made, _created = InspectionReport.objects.get_or_create(
        run=run,
        defaults={
            **next_number(InspectionReport, "INS"), "scope": scope, "whole": not missing, "nodes_asked": len(names),
            "scheduled": BookingMoment.objects.filter(run=run).exists(), "created_by": run.created_by,
            "previous": InspectionReport.objects.filter(scope=scope).exclude(state=ReportState.COLLECTING).first(),
        },
    )  # fmt: skip
    announce("inspections")
    return made


@dataclass
class Judged:
    """What one look found, before it is written."""

    found: list[Found]
    checks: list[dict[str, Any]]
    complete: bool
    answered: int
    versions: dict[str, int] = field(default_factory=dict)
    states: dict[str, int] = field(default_factory=dict)


def judged(run: Run) -> Judged:
    """Judge what the nodes of an ended run reported, and look at the estate. Changes nothing."""
    asked, expected = _asked(run), _expected(run)
    found = [item for one in asked for item in inspection_rules.node(one, expected.get(one.name, Expected()))]
    found += inspection_rules.peers(asked, expected)
    estate, counts = inspection_estate.look()
    well = [one for one in asked if one.status == EventStatus.OK]
    return Judged(
        found=list({item.fingerprint: item for item in [*found, *estate]}.values())[:MOST_FINDINGS],
        checks=_checks(asked, found, estate, counts),
        complete=run.state == RunState.DONE and len(well) == len(asked),
        answered=len(well),
        versions=dict(Counter(str(one.facts.get("version")) for one in well)),
        states=dict(Counter(str(one.facts.get("state")) for one in well)),
    )


def _asked(run: Run) -> list[Asked]:
    """Every node of the run with what it reported; one that reported nothing is silent."""
    names = [target["name"] for target in run.targets]
    services = dict(inventory.active_nodes().filter(name__in=names).values_list("name", "service__name"))
    reported = {event.host: event for event in selectors.last_results(run)}
    found = []
    for name in names:
        event = reported.get(name)
        status = "silent" if event is None else event.status
        message = event.message if event is not None and event.status != EventStatus.OK else ""
        facts: Mapping[str, Any] = (event.data or {}) if event is not None else {}
        found.append(Asked(name, services.get(name, ""), status, message, facts))
    return found


def _expected(run: Run) -> dict[str, Expected]:
    names = [target["name"] for target in run.targets]
    versions = dict(inventory.active_nodes().filter(name__in=names).values_list("name", "desired_version"))
    configured = {
        name: (digest, number or "")
        for name, digest, number in NodeConfiguration.objects.filter(node__name__in=names).values_list(
            "node__name", "content_id", "change__number"
        )
    }
    return {
        name: Expected(version, *configured.get(name, ("", ""))) for name, version in versions.items()
    }  # fmt: skip


def _checks(
    asked: Sequence[Asked], found: Sequence[Found], estate: Sequence[Found], counts: Mapping[str, int]
) -> list[dict[str, Any]]:
    """What was looked at and with what result, also where nothing was found. A check that looked at no node is unknown."""
    answered = sum(one.status == EventStatus.OK for one in asked)
    rows = []
    for name, title in NODE_CHECKS:
        mine = [item for item in found if item.check == name]
        looked = len(asked) if name == "answer" else answered
        rows.append(_row(name, title, "node", looked, mine))
    by_check = {check.name: check for check in inspection_estate.checks()}
    used: dict[str, list[Found]] = {name: [] for name in by_check}
    start = 0
    for name, n in counts.items():
        used[name] = list(estate[start : start + n])
        start += n
    return rows + [_row(name, check.title, "estate", 1, used[name]) for name, check in by_check.items()]


def _row(name: str, title: str, kind: str, looked: int, mine: Sequence[Found]) -> dict[str, Any]:
    state = inspection_rules.verdict(mine, complete=looked > 0)
    return {"name": name, "title": title, "kind": kind, "looked": looked, "findings": len(mine), "state": state}


def _judge(report: InspectionReport) -> int:
    """Judge one report and write it, unless somebody else has meanwhile."""
    result = judged(report.run)
    with transaction.atomic():
        locked = (
            InspectionReport.objects.select_for_update(of=("self",)).select_related("run", "previous").get(pk=report.pk)
        )
        if locked.state != ReportState.COLLECTING:
            return 0
        _write(locked, result)
    announce("inspections", f"inspection-{report.pk}", f"run-{report.run_id}")
    return 1


def _write(report: InspectionReport, result: Judged) -> None:
    before = _found_before(report.previous)
    marked, gone = inspection_rules.standings(result.found, before)
    rows = [_finding(report, item, standing) for item, standing in marked]
    rows += [_finding(report, item, Standing.GONE) for item in gone]
    Finding.objects.bulk_create(rows, batch_size=2000)
    severities = Counter(item.severity for item in result.found)
    report.bad, report.attention, report.unknown = (severities[name] for name in ("bad", "attention", "unknown"))
    report.new, report.gone = sum(standing == "new" for _item, standing in marked), len(gone)
    report.verdict = inspection_rules.verdict(result.found, complete=result.complete)
    report.state = ReportState.DONE if result.complete else ReportState.INCOMPLETE
    report.checks, report.nodes_answered = result.checks, result.answered
    report.versions, report.states = result.versions, result.states
    report.finished_at = now()
    report.seconds = (report.finished_at - report.run.created_at).total_seconds()
    report.save()


def _finding(report: InspectionReport, item: Found, standing: str) -> Finding:
    return Finding(
        report=report, severity=item.severity, standing=standing, check_name=item.check, subject_kind=item.kind,
        subject=item.subject[:80], text=item.text[:400], fingerprint=item.fingerprint[:160],
    )  # fmt: skip


def _found_before(previous: InspectionReport | None) -> list[Found]:
    if previous is None:
        return []
    rows = previous.findings.exclude(standing=Standing.GONE)
    return [
        Found(row.severity, row.check_name, row.subject, row.text, row.subject_kind, row.fingerprint.rsplit(":", 1)[-1]) for row in rows
    ]  # fmt: skip
