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

from django.db import DatabaseError, InterfaceError, connection

from seeops.releases import engine, states
from seeops.releases.models import Release

log = logging.getLogger(__name__)
EVERY_S = 1.0
# Twice the reconciler's period: while workers are there, nothing is left alone for so long.
LEFT_ALONE_S = 4.0


class Standby:
    """Remembers when it first saw each release as it is; `clock` in seconds, never set back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[int, tuple[dt.datetime | None, float]] = {}

    def look(self) -> list[int]:
        """Advance what nobody has looked at for LEFT_ALONE_S. Returns keys of those that were advanced."""
        return [pk for pk in self._left_alone() if engine.advance(pk)]

    def _left_alone(self) -> list[int]:
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
    while not over.wait(EVERY_S):
        try:
            if advanced := standby.look():
                log.warning("no worker looked after releases, the standby did", extra={"releases": advanced})
        except (DatabaseError, InterfaceError) as error:
            log.warning("the standby cannot look at releases", extra={"error": str(error)})
        finally:
            connection.close()
