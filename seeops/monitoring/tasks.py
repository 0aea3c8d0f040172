"""Pokes of monitoring."""

from __future__ import annotations

from seeops.celery import app
from seeops.monitoring import now

BEAT_SCHEDULE = {
    "monitoring-now": {
        "task": "seeops.monitoring.now_refresh",
        "schedule": now.COLLECT_EVERY_S,
        "options": {"expires": now.COLLECT_EVERY_S},
    },
}


@app.task(name="seeops.monitoring.now_refresh")
def now_refresh() -> None:
    """Collect the overview's snapshot for all viewers."""
    now.refresh()
