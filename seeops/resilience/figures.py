"""Figures about past experiments, for assessments and reports."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import Max

from seeops.resilience.models import VALID, ExperimentRun, Outcome, RunState


@dataclass(frozen=True)
class ResilienceFigures:
    """Counts over the experiments that ended since a moment. `lost_orders` None: in no run could loss be measured."""

    experiments: int
    valid: int
    held: int
    families: frozenset[str]
    recovery_measured: int
    loss_measured: int
    lost_orders: int | None
    detectable: int
    detected: int


def resilience_figures(since: dt.datetime) -> ResilienceFigures:
    """Only runs with a valid verdict (held, deviated) count as tested."""
    ended = ExperimentRun.objects.filter(state=RunState.ENDED, ended_at__gte=since)
    valid = ended.filter(outcome__in=VALID)
    families = {family for declared in valid.values_list("declared", flat=True) for family in declared["families"]}
    measured = valid.filter(lost_orders__isnull=False)
    return ResilienceFigures(
        experiments=ended.count(),
        valid=valid.count(),
        held=valid.filter(outcome=Outcome.HELD).count(),
        families=frozenset(families),
        recovery_measured=valid.filter(recovered_s__isnull=False).count(),
        loss_measured=measured.count(),
        lost_orders=measured.aggregate(most=Max("lost_orders"))["most"],
        detectable=valid.filter(detected__isnull=False).count(),
        detected=valid.filter(detected=True).count(),
    )
