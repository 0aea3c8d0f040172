"""Figures about past alerts, for assessments and reports."""

from __future__ import annotations

import datetime as dt
import statistics
from dataclasses import dataclass

from seeops.alerts.models import Alert, AlertGroup, Severity


@dataclass(frozen=True)
class AlertFigures:
    """Counts over the groups that began since a moment; `acknowledge_s` are seconds from firing to acknowledgement."""

    groups: int
    alerts: int
    needing: int
    acknowledged: int
    acknowledge_s: tuple[float, ...]

    @property
    def acknowledge_median_s(self) -> float | None:
        return statistics.median(self.acknowledge_s) if self.acknowledge_s else None


def alert_figures(since: dt.datetime) -> AlertFigures:
    """A group needs somebody when it is critical or was not over within two minutes."""
    groups = list(
        AlertGroup.objects.filter(started_at__gte=since).values_list(
            "severity", "started_at", "resolved_at", "acknowledged_at"
        )
    )
    needing = [
        (started, acknowledged)
        for severity, started, resolved, acknowledged in groups
        if acknowledged or severity == Severity.CRITICAL or not resolved or resolved - started > dt.timedelta(minutes=2)
    ]
    times = tuple((acknowledged - started).total_seconds() for started, acknowledged in needing if acknowledged)
    return AlertFigures(
        groups=len(groups),
        alerts=Alert.objects.filter(group__started_at__gte=since).count(),
        needing=len(needing),
        acknowledged=len(times),
        acknowledge_s=times,
    )
