"""What the overview shows: the running system, and what in it needs somebody."""

from __future__ import annotations

from typing import Any

from seeops.accounts import rights
from seeops.alerts import selectors as alerts
from seeops.changes import standing as changes
from seeops.core.clock import now as clock_now
from seeops.monitoring import selectors as monitoring
from seeops.releases import selectors as releases
from seeops.resilience import selectors as resilience

MOST_ALERTS = 6


def context(person: Any) -> dict[str, Any]:
    """Everything the page draws, for what the person may see."""
    snapshot = monitoring.overview()
    found: dict[str, Any] = {
        "now": snapshot,
        "moment": clock_now(),
        "nodes": _nodes(snapshot.centres),
        "watch": alerts.watch(),
        "turnover_cny": _cny(snapshot.figures.get("turnover")),
    }
    if rights.allowed(person, "alert.view"):
        groups = list(alerts.open_groups()[: MOST_ALERTS + 1])
        found["alert_groups"] = groups[:MOST_ALERTS]
        found["more_alerts"] = len(groups) > MOST_ALERTS
    if rights.allowed(person, "change.view"):
        found["standing"] = changes.standing()
    if rights.allowed(person, "release.view"):
        found["releases"] = list(releases.running())
    if rights.allowed(person, "experiment.view"):
        found["experiments"] = list(resilience.active_runs())
    return found


def _cny(turnover: Any) -> float | None:
    """Turnover in CNY; it is counted in fen."""
    return turnover.value / 100 if turnover is not None and turnover.value is not None else None


def _nodes(centres: dict[str, dict[str, float]]) -> dict[str, Any]:
    """How many nodes serve, in all and by data centre; None where it was not measured."""
    rows = [
        {
            "centre": code,
            "serving": counts.get("serving"),
            "drained": counts.get("drained", 0),
            "unreachable": counts.get("unreachable", 0),
            "nodes": counts.get("nodes"),
            "state": _state(counts),
        }
        for code, counts in centres.items()
    ]
    return {
        "rows": rows,
        "serving": sum(row["serving"] or 0 for row in rows) if rows else None,
        "nodes": sum(row["nodes"] or 0 for row in rows) if rows else None,
    }


def _state(counts: dict[str, float]) -> str:
    if "serving" not in counts or not counts.get("nodes"):
        return "unknown"
    if counts.get("unreachable"):
        return "unknown"
    return "good" if counts["serving"] + counts.get("drained", 0) >= counts["nodes"] else "attention"
