"""Pokes of experiment runs, and the reconciler that repeats every poke that was lost."""

from __future__ import annotations

from seeops.celery import app
from seeops.resilience import services
from seeops.resilience.models import ExperimentRun


@app.task(name="seeops.resilience.run_advance")
def run_advance(run_id: int) -> None:
    services.run_advance(run_id)


@app.task(name="seeops.resilience.runs_reconcile")
def runs_reconcile() -> None:
    """Look at every run that has not ended; each step takes the row's lease, so two reconcilers do no harm."""
    for run_id in ExperimentRun.objects.filter(active=True).values_list("pk", flat=True):
        services.run_advance(run_id)
    services.detections_review()


BEAT_SCHEDULE = {
    "runs-reconcile": {"task": "seeops.resilience.runs_reconcile", "schedule": 2.0, "options": {"expires": 2}}
}
