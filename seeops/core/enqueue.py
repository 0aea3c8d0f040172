"""Pokes leave only after the commit: a worker must never see a row that is not there yet."""

from __future__ import annotations

import logging
from functools import partial

from celery import Task
from django.db import transaction
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)


def poke(task: Task, *args: object, countdown_s: float = 0) -> None:
    """Queue `task(*args)` after the running transaction commits.

    A broker that does not answer is logged, not raised: the row is the truth and the reconciler pokes it again.
    """
    transaction.on_commit(partial(_send, task, args, countdown_s))


def _send(task: Task, args: tuple[object, ...], countdown_s: float) -> None:
    try:
        task.apply_async(args=args, countdown=countdown_s or None, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("poke lost, the reconciler will repeat it", extra={"task": task.name, "error": str(error)})
