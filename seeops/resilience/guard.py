"""May this experiment start now? Pure: facts in, reasons against it out; an empty list means yes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

# Most of a service's nodes in one centre that one experiment may touch.
MOST_SHARE = 0.5


@dataclass(frozen=True)
class Cell:
    """A targeted service in a targeted centre."""

    service: str
    centre: str
    total: int
    serving: int
    needed: int


@dataclass(frozen=True)
class Facts:
    """What is known at this moment. `asked_share` is the largest part of a service that the experiment asks for."""

    lever_pulled: bool
    running: Sequence[str]
    releases_on_targets: Sequence[str]
    critical_alerts: Sequence[str]
    cluster_answers: bool
    cells: Sequence[Cell]
    asked_share: float
    max_nodes: int
    whole_centres: Sequence[str]
    centres_total: int
    centres_down: Sequence[str]


def refusals(facts: Facts) -> list[str]:
    """Every reason against the start, in the reader's language."""
    reasons: list[str] = []
    if facts.lever_pulled:
        reasons.append(_("The safety lever is pulled: release it first."))
    reasons += [_("%(run)s is running: one experiment at a time.") % {"run": run} for run in facts.running]
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
    for cell in facts.cells:
        taken = max(1, round(facts.asked_share * cell.total)) if facts.asked_share else 0
        where = {"service": cell.service, "centre": cell.centre}
        if facts.asked_share > MOST_SHARE:
            reasons.append(
                _("More than %(most)d %% of %(service)s in %(centre)s would be hit.")
                % {**where, "most": MOST_SHARE * 100}
            )
        if taken > facts.max_nodes:
            reasons.append(
                _("%(n)d nodes of %(service)s in %(centre)s would be hit, %(max)d are declared.")
                % {**where, "n": taken, "max": facts.max_nodes}
            )
        if taken and cell.serving - taken < 1:
            reasons.append(_("The last healthy node of %(service)s in %(centre)s would be hit.") % where)
    return reasons


def asked_share(steps: Sequence[dict[str, Any]]) -> float:
    """The largest fraction of a service that the steps ask for; 0 when they name no fraction."""
    return max((float(step["arguments"].get("fraction") or 0.0) for step in steps), default=0.0)
