"""Pokes of runs; the reconciler repeats what got lost."""

from __future__ import annotations

from seeops.automation import (
    booking,
    clockwork,
    collection,
    configuration_engine,
    inspection,
    scheduling,
    services,
)
from seeops.automation.workflows import engine
from seeops.celery import app


@app.task
def run_spawn_task(run_id: int) -> None:
    services.run_spawn(run_id)


@app.task(expires=10)
def runs_reconcile_task() -> None:
    services.runs_reconcile()


@app.task
def workflow_advance_task(run_id: int) -> None:
    engine.advance(run_id)


@app.task(expires=10)
def workflows_reconcile_task() -> None:
    for run_id in engine.driven():
        engine.advance(run_id)


@app.task(expires=10)
def schedules_due_task() -> None:
    clockwork.start_due(scheduling.WORKFLOWS)


@app.task(expires=10)
def bookings_due_task() -> None:
    clockwork.start_due(booking.PLAYBOOKS)


@app.task(expires=10)
def inspections_settle_task() -> None:
    inspection.settle()


@app.task
def configuration_advance_task(change_id: int) -> None:
    configuration_engine.advance(change_id)


@app.task(expires=10)
def configurations_reconcile_task() -> None:
    for change_id in configuration_engine.live():
        configuration_engine.advance(change_id)


@app.task(expires=300)
def logs_keep_task() -> None:
    """Pack what killed runs left, delete what is past its time."""
    collection.reconcile()
    collection.expire()


BEAT_SCHEDULE = {
    "automation-reconcile": {"task": runs_reconcile_task.name, "schedule": 2.0},
    "bookings-due": {"task": bookings_due_task.name, "schedule": 5.0},
    "configurations-reconcile": {"task": configurations_reconcile_task.name, "schedule": 2.0},
    "inspections-settle": {"task": inspections_settle_task.name, "schedule": 2.0},
    "logs-keep": {"task": logs_keep_task.name, "schedule": 60.0},
    "schedules-due": {"task": schedules_due_task.name, "schedule": 5.0},
    "workflows-reconcile": {"task": workflows_reconcile_task.name, "schedule": 2.0},
}
