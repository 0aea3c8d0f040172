"""Pokes of surveillance."""

from __future__ import annotations

from seeops.celery import app
from seeops.surveillance import services

BEAT_SCHEDULE = {
    "surveillance-settle": {"task": "seeops.surveillance.settle", "schedule": 10.0, "options": {"expires": 10}}
}


@app.task(name="seeops.surveillance.settle")
def settle() -> None:
    """Account actions whose outcome is not known are asked for again."""
    services.actions_settle()
