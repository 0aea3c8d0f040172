"""Pokes of runs; the reconciler repeats what got lost."""

from __future__ import annotations

from seeops.automation import scheduling, services
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
    scheduling.start_due()


BEAT_SCHEDULE = {
    "automation-reconcile": {"task": runs_reconcile_task.name, "schedule": 2.0},
    "schedules-due": {"task": schedules_due_task.name, "schedule": 5.0},
    "workflows-reconcile": {"task": workflows_reconcile_task.name, "schedule": 2.0},
}
