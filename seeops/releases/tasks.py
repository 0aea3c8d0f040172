"""Pokes of releases; the reconciler repeats what got lost."""

from __future__ import annotations

import logging
import threading
from typing import Any

from celery import bootsteps
from celery.signals import beat_init
from kombu.exceptions import OperationalError

from seeops.celery import app
from seeops.releases import engine, holds, standby, starting
from seeops.releases.gates import watch

log = logging.getLogger(__name__)
# Two workers together look as often as the clock does.
OWN_CLOCK_S = 4.0


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


class OwnClock(bootsteps.StartStopStep):
    """Each worker also has releases looked after by its own clock: the process that keeps the clock for all may be away."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, consumer: Any) -> None:
        """Called again whenever the worker has found its broker again, which forgets what was to be repeated."""
        consumer.timer.call_repeatedly(OWN_CLOCK_S, self.poke)

    @staticmethod
    def poke() -> None:
        try:
            releases_reconcile.apply_async(retry=False)
        except (OperationalError, OSError) as error:
            log.warning("poke lost, the next one comes", extra={"error": str(error)})


app.steps["consumer"].add(OwnClock)


@beat_init.connect(weak=False)
def stand_by(**_: object) -> None:
    """The process that keeps the clock also looks after releases while no worker does."""
    standby.start(over=threading.Event())


BEAT_SCHEDULE = {"releases-reconcile": {"task": releases_reconcile.name, "schedule": 2.0}}
