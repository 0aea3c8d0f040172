"""Evidence is collected on a schedule, under the name of a machine."""

from __future__ import annotations

from seeops.accounts.selectors import machine
from seeops.celery import app
from seeops.maturity import services


@app.task(name="seeops.maturity.evidence_collect")
def evidence_collect() -> None:
    services.evidence_collect(actor=machine("evidence-collector"))


BEAT_SCHEDULE = {
    "evidence-collect": {"task": "seeops.maturity.evidence_collect", "schedule": 600.0, "options": {"expires": 300}}
}
