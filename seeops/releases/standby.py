"""Looks after releases that no worker looks after: a thread of the process that keeps the clock.

Workers that were killed all at once need many seconds of a busy machine to come back, and without the broker no poke reaches
them. A release must go on within ten seconds, so another process that is up already takes its next step. Whoever holds the lease
does it; to come second costs nothing.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from django.db import DatabaseError, InterfaceError, connection

from seeops.releases import engine, states
from seeops.releases.models import Release

log = logging.getLogger(__name__)
EVERY_S = 1.0
# Twice the reconciler's period: while workers are there, nothing is left alone for so long.
LEFT_ALONE_S = 4.0
AT_ONCE = 4


class Standby:
    """Remembers when it first saw each release as it is; `clock` in seconds, never set back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[int, tuple[dt.datetime | None, float]] = {}

    def left_alone(self) -> list[int]:
        """Keys of releases under way that nobody has looked at for LEFT_ALONE_S."""
        moment = self._clock()
        under_way = Release.objects.filter(state__in=(states.RUNNING, states.ROLLING_BACK))
        found: dict[int, tuple[dt.datetime | None, float]] = {}
        for pk, looked_at in under_way.values_list("pk", "looked_at"):
            before = self._seen.get(pk)
            found[pk] = before if before is not None and before[0] == looked_at else (looked_at, moment)
        self._seen = found
        return [pk for pk, (_looked_at, since) in found.items() if moment - since >= LEFT_ALONE_S]


def start(over: threading.Event) -> threading.Thread:
    """Stand by until `over`, which a process that is killed never says."""
    thread = threading.Thread(target=_keep, args=(Standby(), over), name="releases-standby", daemon=True)
    thread.start()
    return thread


def _keep(standby: Standby, over: threading.Event) -> None:
    # A judgement takes seconds: the next release must not wait for it.
    busy: dict[int, Future[None]] = {}
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="releases-standby") as threads:
        while not over.wait(EVERY_S):
            for pk in _alone(standby):
                if pk not in busy or busy[pk].done():
                    busy[pk] = threads.submit(_advance, pk)


def _alone(standby: Standby) -> list[int]:
    try:
        return standby.left_alone()
    except (DatabaseError, InterfaceError) as error:
        log.warning("the standby cannot look at releases", extra={"error": str(error)})
        return []
    finally:
        connection.close()


def _advance(pk: int) -> None:
    try:
        if engine.advance(pk):
            log.warning("no worker looked after a release, the standby did", extra={"release": pk})
    except (DatabaseError, InterfaceError) as error:
        log.warning("the standby could not advance a release", extra={"release": pk, "error": str(error)})
    finally:
        connection.close()
