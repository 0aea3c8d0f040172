"""Stores a run's events: buffered, written by COPY together with their count and digest, under the run's lease.

A runner that lost its lease writes nothing any more. A database that is away for a while delays the log, it does not stop the
playbook: events wait in memory until it is back.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable

from django.db import DatabaseError, connection, transaction

from seeops.automation.events import FINAL, Event, note
from seeops.automation.models import Run, RunMark, RunState
from seeops.core.clock import now
from seeops.core.live import announce

log = logging.getLogger(__name__)
EVERY_S = 0.25
MOST_WAITING = 50_000
COPY = (
    "COPY automation_runevent (run_id, seq, at, host, task, status, changed, message, data) FROM STDIN"
)  # fmt: skip


class LeaseGone(Exception):
    """Another process has taken over or ended this run."""


class Recorder:
    """One per runner process. `add` may be called from any thread; everything else happens in the recorder's own thread,
    which also sends the heartbeat and learns whether the run shall stop."""

    def __init__(self, run: Run, *, on_stop: Callable[[], None] = lambda: None) -> None:
        self.run_id, self.epoch, self.topics = run.pk, run.epoch, [f"run-{run.pk}", *([run.topic] if run.topic else [])]
        self.on_stop = on_stop
        self.lost = threading.Event()
        self.stop_wanted = threading.Event()
        self.outcome: dict[str, str] = {}
        self._waiting: list[Event] = []
        # How many of those waiting were sent to a database that then went away: stored or not, nobody knows yet.
        self._unsure: int | None = None
        self._lock = threading.Lock()
        self._room = threading.Semaphore(MOST_WAITING)
        self._count, self._digest = 0, hashlib.sha256()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"recorder-{run.pk}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def add(self, events: list[Event]) -> None:
        """Take events over; waits when far too many are stored nowhere yet."""
        for event in events:
            self._room.acquire()
            with self._lock:
                self._waiting.append(event)

    def say(self, message: str) -> None:
        self.add([note(now(), "", message)])

    def finish(self) -> None:
        """Store what is left. Returns when all is stored or the lease is gone."""
        self._done.set()
        self._thread.join()

    def _keep(self) -> None:
        try:
            while not self.lost.is_set():
                last = self._done.wait(EVERY_S)
                stored = self._try_to_store()
                if last and stored:
                    return
                if last:
                    time.sleep(EVERY_S)
        finally:
            connection.close()

    def _try_to_store(self) -> bool:
        with self._lock:
            batch = self._waiting[: self._unsure]
        try:
            self._store(batch)
        except LeaseGone:
            log.error("run was taken over, stopping", extra={"run": self.run_id, "epoch": self.epoch})
            self.lost.set()
            self.on_stop()
            return True
        except DatabaseError as error:
            log.warning("database is away, events wait", extra={"run": self.run_id, "error": str(error)})
            connection.close()
            self._unsure = len(batch)
            return False
        self._unsure = None
        with self._lock:
            del self._waiting[: len(batch)]
            left = len(self._waiting)
        for _each in batch:
            self._room.release()
        return left == 0

    def _store(self, batch: list[Event]) -> None:
        digest, count = self._digest.copy(), self._count
        outcome = dict(self.outcome)
        rows = []
        for event in batch:
            count += 1
            digest.update(event.line(count))
            if event.host and event.status in FINAL:
                outcome[event.host] = event.status
            rows.append(self._row(event, count))
        failed = sum(status in ("failed", "unreachable") for status in outcome.values())
        values: dict[str, object] = {"heartbeat_at": now(), "lease_until": now() + dt.timedelta(seconds=8)}
        if batch:
            values |= {
                "events_count": count, "events_digest": digest.hexdigest(),
                "hosts_done": len(outcome) - failed, "hosts_failed": failed,
            }  # fmt: skip
        with transaction.atomic():
            mine = Run.objects.filter(pk=self.run_id, epoch=self.epoch, state=RunState.RUNNING)
            if mine.filter(events_count=self._count).update(**values):
                if rows:
                    self._copy(rows)
                    RunMark.objects.create(run_id=self.run_id, seq=count, digest=digest.hexdigest())
                    announce(*self.topics)
            # A database that dies while it commits may have stored the batch without saying so.
            elif not mine.filter(events_count=count, events_digest=digest.hexdigest()).exists():
                raise LeaseGone
            cancelled = mine.filter(cancel_requested_at__isnull=False).exists()
        self._digest, self._count, self.outcome = digest, count, outcome
        if cancelled and not self.stop_wanted.is_set():
            self.stop_wanted.set()

    def _row(self, event: Event, seq: int) -> tuple[object, ...]:
        data = None if event.data is None else json.dumps(event.data, ensure_ascii=False)
        return (
            self.run_id, seq, event.at, event.host, event.task, event.status, event.changed, event.message, data,
        )  # fmt: skip

    @staticmethod
    def _copy(rows: list[tuple[object, ...]]) -> None:
        with connection.cursor() as cursor, cursor.copy(COPY) as copy:
            for row in rows:
                copy.write_row(row)
