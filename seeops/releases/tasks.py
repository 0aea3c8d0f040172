"""Pokes of releases; the reconciler repeats what got lost."""

from __future__ import annotations

import threading

from celery.signals import beat_init

from seeops.celery import app
from seeops.releases import engine, holds, standby, starting
from seeops.releases.gates import watch


@app.task
def release_advance(release_id: int) -> None:
    engine.advance(release_id)


@app.task(expires=10)
def releases_reconcile() -> None:
    starting.start_queued()
    holds.keep_holding()
    for release_id in engine.active():
        engine.advance(release_id)
    watch.sweep()


@beat_init.connect(weak=False)
def stand_by(**_: object) -> None:
    """The process that keeps the clock also looks after releases while no worker does."""
    standby.start(over=threading.Event())


BEAT_SCHEDULE = {"releases-reconcile": {"task": releases_reconcile.name, "schedule": 2.0}}
