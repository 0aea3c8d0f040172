"""May this experiment start now? Pure: facts in, reasons against it out; an empty list means yes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from seeops.inventory.redundancy import majority

# Most of a service's nodes in one centre that one experiment may touch.
MOST_SHARE = 0.5


@dataclass(frozen=True)
class Cell:
    """A service in a centre that is hit: how many nodes it has, how many serve, are needed, and would be hit."""

    service: str
    centre: str
    total: int
    serving: int
    needed: int
    taken: int


@dataclass(frozen=True)
class ReplicaSet:
    """A shard that is hit: how many replicas it has, how many are up, how many would be hit."""

    shard: int
    replicas: int
    up: int
    taken: int


@dataclass(frozen=True)
class Facts:
    """What is known at this moment."""

    lever_pulled: bool
    running: Sequence[str]
    occupied: Sequence[str]
    releases_on_targets: Sequence[str]
    critical_alerts: Sequence[str]
    cluster_answers: bool
    cells: Sequence[Cell]
    shards: Sequence[ReplicaSet]
    max_nodes: int
    whole_centres: Sequence[str]
    nodes_in_whole_centres: int
    centres_total: int
    centres_down: Sequence[str]


def refusals(facts: Facts) -> list[str]:
    """Every reason against the start, in the reader's language."""
    reasons: list[str] = []
    if facts.lever_pulled:
        reasons.append(_("The safety lever is pulled: release it first."))
    reasons += [_("%(run)s is running: one experiment at a time.") % {"run": run} for run in facts.running]
    reasons += facts.occupied
    reasons += [
        _("%(release)s is changing a target: wait until it has ended.") % {"release": release}
        for release in facts.releases_on_targets
    ]
    reasons += [
        _("A critical alert is open: %(alert)s. Restore the steady state first.") % {"alert": alert}
        for alert in facts.critical_alerts
    ]
    if not facts.cluster_answers:
        reasons.append(_("The trading cluster does not answer, so its state before the fault is unknown."))
    reasons += _too_much(facts)
    if facts.whole_centres and facts.centres_down:
        reasons.append(
            _("%(down)s is already down: no second data centre may be lost.") % {"down": ", ".join(facts.centres_down)}
        )
    if len(facts.whole_centres) >= facts.centres_total:
        reasons.append(_("The experiment would take every data centre."))
    return reasons


def _too_much(facts: Facts) -> list[str]:
    reasons = []
    hit = sum(cell.taken for cell in facts.cells) + facts.nodes_in_whole_centres
    if hit > facts.max_nodes:
        reasons.append(_("%(n)d nodes would be hit, %(max)d are declared.") % {"n": hit, "max": facts.max_nodes})
    for cell in facts.cells:
        where = {"service": cell.service, "centre": cell.centre}
        if not cell.total:
            reasons.append(_("%(service)s has no node in %(centre)s: nothing would be proved.") % where)
        elif cell.taken > MOST_SHARE * cell.total:
            reasons.append(
                _("More than %(most)d %% of %(service)s in %(centre)s would be hit.")
                % {**where, "most": MOST_SHARE * 100}
            )
        if cell.total and cell.serving - cell.taken < 1:
            reasons.append(_("The last healthy node of %(service)s in %(centre)s would be hit.") % where)
    for shard in facts.shards:
        if shard.up - shard.taken < majority(shard.replicas):
            reasons.append(
                _("Shard %(shard)d has %(up)d of %(n)d replicas up: without %(taken)d of them it would stop.")
                % {"shard": shard.shard, "up": shard.up, "n": shard.replicas, "taken": shard.taken}
            )
    return reasons
