"""While no worker looks after a release, the process that keeps the clock does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery.signals import beat_init
from django.db import OperationalError
from kombu.exceptions import OperationalError as BrokerAway

from seeops.celery import app
from seeops.releases import engine, services, standby, states, tasks
from seeops.releases.models import Release
from tests.polling import eventually
from tests.seeops.releases.paper import Paper, approved, look, paper, people, wish

__all__ = ["paper", "people"]
pytestmark = pytest.mark.django_db


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def standing_by(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A standby in a hurry, ended with the block."""
    monkeypatch.setattr(standby, "EVERY_S", 0.01)
    over = threading.Event()
    thread = standby.start(over)
    try:
        yield
    finally:
        over.set()
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def started(people: dict[str, Any], paper: Paper, tmp_path: Path) -> Release:
    """A release under way, nobody has looked at it yet."""
    return services.release_start(actor=people["lin"], release=approved(people, wish(tmp_path, "quote-push", 3)))


def test_a_release_that_nobody_looks_after_is_brought_to_its_end(paper: Paper, started: Release) -> None:
    clock = Clock()
    stand_by = standby.Standby(clock)
    for _turn in range(200):
        for pk in stand_by.left_alone():
            engine.advance(pk)
        paper.work()
        clock.now += standby.EVERY_S
        started.refresh_from_db()
        if started.state == states.DONE:
            break
    assert started.state == states.DONE
    assert max(paper.executed.values()) == 1


def test_it_leaves_alone_what_workers_look_after(paper: Paper, started: Release) -> None:
    clock = Clock()
    stand_by = standby.Standby(clock)
    stand_by.left_alone()
    for _turn in range(4):
        look(paper, started)
        clock.now += standby.LEFT_ALONE_S - 0.1
        assert stand_by.left_alone() == []


def test_a_release_is_given_the_time_that_a_reconciler_needs(started: Release) -> None:
    clock = Clock()
    stand_by = standby.Standby(clock)
    assert stand_by.left_alone() == []
    clock.now = standby.LEFT_ALONE_S - 0.1
    assert stand_by.left_alone() == []
    clock.now = standby.LEFT_ALONE_S
    assert stand_by.left_alone() == [started.pk]


def test_a_release_that_holds_is_left_to_the_person(people: dict[str, Any], paper: Paper, started: Release) -> None:
    services.release_hold(actor=people["lin"], release=started, reason="look at it")
    clock = Clock()
    stand_by = standby.Standby(clock)
    stand_by.left_alone()
    clock.now = 10 * standby.LEFT_ALONE_S
    assert stand_by.left_alone() == []


def test_a_database_that_is_away_does_not_end_the_standby(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[int] = []

    def away_once(_self: standby.Standby) -> list[int]:
        turns.append(1)
        if len(turns) == 1:
            raise OperationalError("the database system is shutting down")
        return []

    monkeypatch.setattr(standby.Standby, "left_alone", away_once)
    with standing_by(monkeypatch):
        eventually(lambda: len(turns) > 2, "it looks again")


def test_a_release_that_takes_long_keeps_no_other_waiting_and_is_begun_once(monkeypatch: pytest.MonkeyPatch) -> None:
    slow, advanced = threading.Event(), []

    def advance(pk: int) -> bool:
        advanced.append(pk)
        if pk == 1:
            slow.wait(10)
        return True

    monkeypatch.setattr(standby.Standby, "left_alone", lambda _self: [1, 2])
    monkeypatch.setattr(engine, "advance", advance)
    with standing_by(monkeypatch):
        eventually(lambda: advanced.count(2) > 2, "the other goes on")
        assert advanced.count(1) == 1
        slow.set()


def test_the_process_that_keeps_the_clock_stands_by(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()
    monkeypatch.setattr(standby, "start", lambda over: begun.set())
    beat_init.send(sender=None)
    assert begun.is_set()


def test_every_worker_pokes_by_its_own_clock_and_outlives_its_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    class Timer:
        calls: list[tuple[float, Callable[[], None]]] = []

        def call_repeatedly(self, seconds: float, call: Callable[[], None]) -> None:
            self.calls.append((seconds, call))

    sent: list[str] = []
    monkeypatch.setattr(tasks.releases_reconcile, "apply_async", lambda **_how: sent.append("poke"))
    assert tasks.OwnClock in app.steps["consumer"]
    tasks.OwnClock(SimpleNamespace()).start(SimpleNamespace(timer=Timer()))
    ((seconds, poke),) = Timer.calls
    poke()
    assert (seconds, sent) == (tasks.OWN_CLOCK_S, ["poke"])

    def away(**_how: Any) -> None:
        raise BrokerAway("connection refused")

    monkeypatch.setattr(tasks.releases_reconcile, "apply_async", away)
    poke()
