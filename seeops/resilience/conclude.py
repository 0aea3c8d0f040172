"""What a run's result means: its verdict, whether the topology predicted it, and whether the right alert found it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from seeops.alerts.models import Alert
from seeops.core.clock import now
from seeops.resilience import prediction
from seeops.resilience.models import VALID, ExperimentRun, Outcome

# Until so long after its end a run's alerts are looked for: rules wait, and groups are sent a little later.
LATE_ALERTS = dt.timedelta(seconds=60)


def conclusion(run: ExperimentRun, result: dict[str, Any]) -> dict[str, Any]:
    """The columns of an ended run, from the runner's result and the alerts of the time."""
    verdict, recovery = result["verdict"], result["recovery"] or {}
    injected_at = _moment(result["injected_at"])
    fired = alerts_between(injected_at, _moment(result["ended_at"]) or now()) if injected_at else []
    return {
        "outcome": Outcome(verdict["outcome"]),
        "why": verdict["why"],
        "undo_ok": verdict["undo_ok"],
        "restored": verdict["restored"],
        "injected_at": injected_at,
        "journal_sha256": result["journal_sha256"],
        **{name: recovery.get(name) for name in (
            "recovered_s", "felt_s", "worst_success", "failed_requests", "unmeasured_s", "lost_orders", "duplicate_orders",
        )},
        "alerts_fired": sorted({alert.labels.get("alertname", "?") for alert in fired}),
        **detection(run.declared["expected_alerts"], fired, injected_at),
        "predicted_right": prediction.right(
            run.prediction.get("effect", ""),
            worst_success=recovery.get("worst_success"),
            recovered_s=recovery.get("recovered_s"),
            allowed_s=run.declared["recovery_s"],
            measured=verdict["outcome"] in VALID,
        ),
    }  # fmt: skip


def late_detection(run: ExperimentRun) -> dict[str, Any]:
    """The columns that alerts decide, looked at again after the end; empty when nothing changed."""
    if run.injected_at is None or run.ended_at is None:
        return {}
    fired = alerts_between(run.injected_at, run.ended_at)
    names = sorted({alert.labels.get("alertname", "?") for alert in fired})
    if names == run.alerts_fired:
        return {}
    return {"alerts_fired": names, **detection(run.declared["expected_alerts"], fired, run.injected_at)}


def alerts_between(start: dt.datetime, end: dt.datetime) -> list[Alert]:
    """Alerts that began to fire between the injection and the end."""
    return list(Alert.objects.filter(starts_at__gte=start, starts_at__lte=end).order_by("starts_at"))


def detection(expected: Sequence[str], fired: Sequence[Alert], injected_at: dt.datetime | None) -> dict[str, Any]:
    """Which expected alert fired first and after how long. `detected` is None when none was expected or nothing injected."""
    if not expected or injected_at is None:
        return {"detected": None, "detected_by": "", "detected_after_s": None}
    for alert in fired:
        name = alert.labels.get("alertname", "")
        if name in expected:
            after_s = (alert.starts_at - injected_at).total_seconds()
            return {"detected": True, "detected_by": name, "detected_after_s": after_s}
    return {"detected": False, "detected_by": "", "detected_after_s": None}


def _moment(unix_s: float | None) -> dt.datetime | None:
    return None if unix_s is None else dt.datetime.fromtimestamp(unix_s, dt.UTC)
