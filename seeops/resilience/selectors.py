"""Reads about experiments: what is known before a start, what the topology predicts, how runs went."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db.models import Max, QuerySet

from seeops.alerts import selectors as alerts
from seeops.alerts.models import Severity
from seeops.cluster import door
from seeops.core.errors import Unavailable
from seeops.inventory import selectors as inventory
from seeops.releases import states as release_states
from seeops.releases.models import Release
from seeops.resilience import guard, process
from seeops.resilience.catalogue import Experiment
from seeops.resilience.models import VALID, ExperimentRun, SafetyLever
from seeops.topology import selectors as topology


def runs() -> QuerySet[ExperimentRun]:
    return ExperimentRun.objects.select_related("started_by").defer("document", "prediction")


def active_runs() -> QuerySet[ExperimentRun]:
    return runs().filter(active=True)


def lever() -> SafetyLever | None:
    """The newest pull or release; None when nobody ever touched it."""
    return SafetyLever.objects.select_related("person").first()


def last_runs() -> dict[str, ExperimentRun]:
    """The newest run of each experiment by code."""
    newest = ExperimentRun.objects.values("code").annotate(pk=Max("pk")).values("pk")
    return {run.code: run for run in runs().filter(pk__in=newest)}


def session_phase() -> str:
    """The phase of the trading session; empty when it is not known."""
    try:
        return str(door.session().get("phase", ""))
    except Unavailable:
        return ""


def body(experiment: Experiment) -> dict[str, Any]:
    """The experiment file as it is now. Raises Unavailable when it changed since it was read."""
    content = Path(experiment.path).read_bytes()
    found: dict[str, Any] = json.loads(content)
    return found


def facts(experiment: Experiment) -> guard.Facts:
    """What the guard needs to know at this moment."""
    declared = experiment.declared
    pulled = lever()
    targeted = set(declared["services"])
    cells = [
        guard.Cell(cell.service, cell.centre, cell.total, cell.serving, cell.needed)
        for cell in inventory.cells()
        if cell.service in targeted and cell.centre in declared["centres"]
    ]
    whole = declared["centres"] if not targeted else []
    return guard.Facts(
        lever_pulled=pulled is not None and pulled.pulled,
        running=[run.number for run in active_runs()],
        releases_on_targets=_releases(targeted, everything=bool(whole)),
        critical_alerts=[str(group) for group in alerts.open_groups().filter(severity=Severity.CRITICAL)[:5]],
        cluster_answers=bool(session_phase()),
        cells=cells if not declared["shards"] else [],
        asked_share=guard.asked_share(experiment.steps),
        max_nodes=declared["max_nodes"],
        whole_centres=whole,
        centres_total=inventory.centres().count(),
        centres_down=[centre.code for centre in inventory.freshness().silent],
    )


def _releases(services: set[str], *, everything: bool) -> list[str]:
    running = Release.objects.filter(state__in=release_states.ACTIVE)
    if not everything:
        running = running.filter(service__name__in=services)
    return list(running.values_list("number", flat=True))


def predict(experiment: Experiment) -> tuple[dict[str, Any], str]:
    """The topology's impact report if what the experiment hits were lost, with its digest: ({…, breaks}, sha256)."""
    declared = experiment.declared
    share = guard.asked_share(experiment.steps)
    counts: dict[tuple[str, str], int] = {}
    if share:
        for cell in inventory.cells():
            if cell.service in declared["services"] and cell.centre in declared["centres"]:
                counts[cell.service, cell.centre] = min(cell.serving, max(1, round(share * cell.total)))
    whole = declared["centres"] if not declared["services"] else []
    nodes = _replica_nodes(declared)
    report = topology.impact(nodes=nodes, centres=whole, counts=counts)
    return {**report.as_dict(), "breaks": report.breaks}, report.digest


def _replica_nodes(declared: dict[str, Any]) -> list[str]:
    """One replica of each targeted shard: in the named centre, else the first."""
    names = []
    for shard in declared["shards"]:
        rows = inventory.active_nodes().filter(service__name__in=declared["services"], shard=shard)
        if declared["centres"]:
            rows = rows.filter(centre__code__in=declared["centres"])
        names += list(rows.order_by("centre__position").values_list("name", flat=True)[:1])
    return names


def injected_at(run: ExperimentRun) -> dt.datetime | None:
    """When the first fault went in, from the run's own events."""
    for event in process.lines(run, "events.jsonl"):
        if event["kind"] == "action-started":
            return dt.datetime.fromtimestamp(event["at"], dt.UTC)
    return None


@dataclass(frozen=True)
class Coverage:
    """A family of faults: its experiments, and the newest run with a valid verdict."""

    family: str
    codes: list[str]
    last_valid: ExperimentRun | None


def coverage(experiments: dict[str, Experiment]) -> list[Coverage]:
    """Which families of faults were tested, and how long ago."""
    valid: dict[str, ExperimentRun] = {}
    for run in runs().filter(outcome__in=VALID).order_by("id"):
        valid[run.code] = run
    families: dict[str, list[str]] = {}
    for code, entry in experiments.items():
        for family in entry.declared["families"]:
            families.setdefault(family, []).append(code)
    return [
        Coverage(
            family, codes, max((valid[code] for code in codes if code in valid), key=lambda run: run.pk, default=None)
        )
        for family, codes in sorted(families.items())
    ]
