"""Pokes of capacity tests and shadow runs, and the reconciler that repeats every poke that was lost."""

from __future__ import annotations

from seeops.capacity import services
from seeops.capacity.models import CapacityTest, ShadowRun
from seeops.celery import app


@app.task(name="seeops.capacity.test_advance")
def test_advance(pk: int) -> None:
    services.capacity_test_advance(pk)


@app.task(name="seeops.capacity.shadow_advance")
def shadow_advance(pk: int) -> None:
    services.shadow_advance(pk)


@app.task(name="seeops.capacity.reconcile")
def reconcile() -> None:
    """Look at everything that has not ended; each step takes the row's lease, so two reconcilers do no harm."""
    for pk in CapacityTest.objects.filter(active=True).values_list("pk", flat=True):
        services.capacity_test_advance(pk)
    for pk in ShadowRun.objects.filter(active=True).values_list("pk", flat=True):
        services.shadow_advance(pk)


BEAT_SCHEDULE = {
    "capacity-reconcile": {"task": "seeops.capacity.reconcile", "schedule": 2.0, "options": {"expires": 2}}
}
