"""What is measured of the department's work: each function takes one figure from the parts that did the work.

A function returns a value with the size of its sample and its source (queries and counts, so that an auditor can repeat it),
with value None when there was nothing to measure. It raises Unavailable when a part does not answer.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from seeops.alerts.figures import AlertFigures, alert_figures
from seeops.audit import selectors as audit
from seeops.changes.figures import ChangeFigures, change_figures
from seeops.core.clock import now
from seeops.inventory import selectors as inventory
from seeops.monitoring import prometheus
from seeops.monitoring.definitions import all_of_them
from seeops.releases.figures import ReleaseFigures, release_figures
from seeops.resilience.figures import ResilienceFigures, resilience_figures
from seeops.topology import selectors as topology
from seeops.topology.impact import Spof

QUARTER = dt.timedelta(days=90)
MONTH = dt.timedelta(days=30)


@dataclass(frozen=True)
class Measured:
    """A figure, how many things it was taken over, and where it came from."""

    value: float | None
    sample: int
    source: dict[str, Any] = field(default_factory=dict)


MEASURES: dict[str, Callable[[], Measured]] = {}


def measure(name: str) -> Callable[[Callable[[], Measured]], Callable[[], Measured]]:
    """Register a figure under the name that frameworks use."""

    def register(collect: Callable[[], Measured]) -> Callable[[], Measured]:
        MEASURES[name] = collect
        return collect

    return register


def ratio(part: int, whole: int, **source: Any) -> Measured:
    """part / whole; no value when there is no whole."""
    return Measured(part / whole if whole else None, whole, {"part": part, "whole": whole, **source})


# --- monitoring -----------------------------------------------------------------------------------------------------
@measure("monitoring.node_coverage")
def node_coverage() -> Measured:
    query = 'count(up{job="node"} == 1)'
    live = prometheus.value(query)
    return ratio(int(live or 0), inventory.active_nodes().count(), query=query)


@measure("monitoring.onboarded_by_inventory")
def onboarded_by_inventory() -> Measured:
    query = 'count by (node) (up{job="node"})'
    monitored = {sample.labels["node"] for sample in prometheus.query(query)}
    recorded = set(inventory.active_nodes().values_list("name", flat=True))
    return ratio(len(monitored & recorded), len(monitored | recorded), query=query)


@measure("monitoring.chain_coverage")
def chain_coverage() -> Measured:
    query = "count by (chain) (trading_chain_requests_total)"
    measured = {sample.labels["chain"] for sample in prometheus.query(query)}
    chains = set(topology.chains().values_list("code", flat=True))
    return ratio(len(measured & chains), len(chains), query=query)


@measure("monitoring.chain_success")
def chain_success() -> Measured:
    query = "1 - chain:trading_client_error_ratio:rate1m"
    values = [sample.value for sample in prometheus.query(query)]
    return Measured(min(values, default=None), len(values), {"query": query, "what": "the worst chain"})


@measure("monitoring.alert_rules")
def alert_rules() -> Measured:
    names = prometheus.alert_rules()
    return Measured(float(len(names)), len(names), {"rules": names})


@measure("monitoring.dashboards")
def dashboards() -> Measured:
    codes = sorted(all_of_them())
    return Measured(float(len(codes)), len(codes), {"dashboards": codes})


# --- changes and releases -------------------------------------------------------------------------------------------
def _changes() -> ChangeFigures:
    return change_figures(now() - QUARTER)


def _releases() -> ReleaseFigures:
    return release_figures(now() - QUARTER)


@measure("changes.tickets")
def change_tickets() -> Measured:
    count = _changes().tickets
    return Measured(float(count), count, {"since_days": QUARTER.days})


@measure("changes.approved_by_other_ratio")
def approved_by_other() -> Measured:
    figures = _changes()
    return ratio(figures.approved_by_other, figures.executed, since_days=QUARTER.days)


@measure("changes.with_impact_ratio")
def with_impact() -> Measured:
    figures = _changes()
    return ratio(figures.with_impact, figures.executed, since_days=QUARTER.days)


@measure("changes.release_with_ticket_ratio")
def release_with_ticket() -> Measured:
    figures = _releases()
    return ratio(figures.with_ticket, figures.finished, since_days=QUARTER.days)


@measure("releases.finished")
def releases_finished() -> Measured:
    count = _releases().finished
    return Measured(float(count), count, {"since_days": QUARTER.days})


@measure("releases.escaped_failure_ratio")
def escaped_failures() -> Measured:
    figures = _releases()
    return ratio(figures.escaped, figures.finished, since_days=QUARTER.days)


@measure("releases.rollback_failure_ratio")
def rollback_failures() -> Measured:
    figures = _releases()
    return ratio(figures.rollback_failed, figures.rolled_back, since_days=QUARTER.days)


@measure("releases.with_verdict_ratio")
def with_verdict() -> Measured:
    figures = _releases()
    return ratio(figures.batches_judged, figures.batches_deployed, since_days=QUARTER.days)


@measure("releases.automatic_rollback_ratio")
def automatic_rollbacks() -> Measured:
    figures = _releases()
    return ratio(figures.rolled_back_by_itself, figures.failed_verdicts, since_days=QUARTER.days)


# --- configuration --------------------------------------------------------------------------------------------------
@measure("inventory.nodes")
def inventory_nodes() -> Measured:
    count = inventory.active_nodes().count()
    return Measured(float(count), count)


@measure("inventory.observed_ratio")
def observed_nodes() -> Measured:
    counts = inventory.state_counts()
    total = sum(counts.values())
    return ratio(total - counts["unknown"], total, states=counts)


@measure("inventory.relation_coverage")
def relation_coverage() -> Measured:
    services = inventory.services()
    related = (
        services.filter(hops__isnull=False)
        | services.filter(needs__isnull=False)
        | services.filter(needed_by__isnull=False)
    )
    return ratio(related.distinct().count(), services.count())


@measure("inventory.version_accuracy")
def version_accuracy() -> Measured:
    known = inventory.active_nodes().exclude(version="")
    drifted = inventory.drifted().count()
    return ratio(known.count() - drifted, known.count(), drifted=drifted)


# --- topology -------------------------------------------------------------------------------------------------------
@measure("topology.chains")
def topology_chains() -> Measured:
    count = topology.chains().filter(hops__isnull=False).distinct().count()
    return Measured(float(count), count)


@measure("topology.core_redundant_ratio")
def core_redundant() -> Measured:
    """Services of critical chains that stay whole when any one of their nodes is lost."""
    critical = {hop.service.name for chain in topology.chains().filter(critical=True) for hop in chain.hops.all()}
    alone = {spof.service for spof in _single_points()}
    return ratio(len(critical - alone), len(critical), single=sorted(critical & alone))


@measure("topology.single_points")
def single_points() -> Measured:
    found = _single_points()
    return Measured(
        float(len(found)), topology.chains().count(), {"at": [f"{spof.service} {spof.centre}" for spof in found]}
    )


def _single_points() -> list[Spof]:
    return topology.impact(basis="planned").old_single_points


# --- alerts ---------------------------------------------------------------------------------------------------------
def _alerts() -> AlertFigures:
    return alert_figures(now() - QUARTER)


@measure("alerts.groups")
def alert_groups() -> Measured:
    figures = _alerts()
    return Measured(float(figures.groups), figures.groups, {"since_days": QUARTER.days})


@measure("alerts.per_group")
def alerts_per_group() -> Measured:
    figures = _alerts()
    value = figures.alerts / figures.groups if figures.groups else None
    return Measured(value, figures.groups, {"alerts": figures.alerts, "since_days": QUARTER.days})


@measure("alerts.acknowledged_ratio")
def alerts_acknowledged() -> Measured:
    figures = _alerts()
    return ratio(figures.acknowledged, figures.needing, since_days=QUARTER.days)


@measure("alerts.acknowledge_median_s")
def alerts_acknowledge_median() -> Measured:
    figures = _alerts()
    return Measured(figures.acknowledge_median_s, figures.acknowledged, {"since_days": QUARTER.days})


@measure("alerts.fault_detection_ratio")
def fault_detection() -> Measured:
    figures = _experiments()
    return ratio(figures.detected, figures.detectable, since_days=QUARTER.days)


# --- experiments ----------------------------------------------------------------------------------------------------
def _experiments() -> ResilienceFigures:
    return resilience_figures(now() - QUARTER)


@measure("resilience.experiments")
def experiments_valid() -> Measured:
    figures = _experiments()
    return Measured(float(figures.valid), figures.experiments, {"since_days": QUARTER.days})


@measure("resilience.fault_families")
def fault_families() -> Measured:
    figures = _experiments()
    return Measured(float(len(figures.families)), figures.valid, {"families": sorted(figures.families)})


@measure("resilience.held_ratio")
def experiments_held() -> Measured:
    figures = resilience_figures(now() - MONTH)
    return ratio(figures.held, figures.valid, since_days=MONTH.days)


@measure("resilience.lost_orders")
def lost_orders() -> Measured:
    figures = _experiments()
    value = None if figures.lost_orders is None else float(figures.lost_orders)
    return Measured(value, figures.loss_measured, {"what": "the most in any run", "since_days": QUARTER.days})


@measure("resilience.recovery_measured_ratio")
def recovery_measured() -> Measured:
    figures = _experiments()
    return ratio(figures.recovery_measured, figures.valid, since_days=QUARTER.days)


# --- audit ----------------------------------------------------------------------------------------------------------
@measure("audit.records")
def audit_records() -> Measured:
    report = audit.verify_chain()
    return Measured(float(report.records), report.records, {"head": report.head})


@measure("audit.intact")
def audit_intact() -> Measured:
    report = audit.verify_chain()
    return Measured(1.0 if report.intact else 0.0, report.records, {"head": report.head})
