"""Pokes of alerts."""

from __future__ import annotations

import logging

from seeops.accounts.selectors import machine
from seeops.alerts import alertmanager, services
from seeops.celery import app
from seeops.core.clock import now
from seeops.core.errors import Unavailable

log = logging.getLogger(__name__)
BEAT_SCHEDULE = {
    "alerts-reconcile": {"task": "seeops.alerts.reconcile", "schedule": 30.0, "options": {"expires": 30}},
    "alerts-wake": {"task": "seeops.alerts.wake", "schedule": 15.0, "options": {"expires": 15}},
}


@app.task(name="seeops.alerts.reconcile")
def reconcile() -> None:
    """Compare with what Alertmanager holds; when it does not answer, the missing heartbeat tells people."""
    asked_at = now()
    try:
        held = alertmanager.held()
    except Unavailable as error:
        log.warning("alerts not reconciled", extra={"error": str(error)})
        return
    services.alerts_reconcile(actor=machine("alertmanager"), held=held, asked_at=asked_at)


@app.task(name="seeops.alerts.wake")
def wake() -> None:
    """Groups whose silence has run out fire again."""
    services.silences_wake()
