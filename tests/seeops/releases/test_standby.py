"""While no worker looks after a release, the process that keeps the clock does."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from celery.signals import beat_init
from django.db import OperationalError

from seeops.releases import engine, services, standby, states
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


@pytest.fixture
def started(people: dict[str, Any], paper: Paper, tmp_path: Path) -> Release:
    """A release under way, nobody has looked at it yet."""
    return services.release_start(actor=people["lin"], release=approved(people, wish(tmp_path, "quote-push", 3)))


def test_a_release_that_nobody_looks_after_is_brought_to_its_end(paper: Paper, started: Release) -> None:
    clock = Clock()
    stand_by = standby.Standby(clock)
    for _turn in range(200):
        stand_by.look()
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
    stand_by.look()
    for _turn in range(4):
        look(paper, started)
        clock.now += standby.LEFT_ALONE_S - 0.1
        assert stand_by.look() == []


def test_a_release_is_given_the_time_that_a_reconciler_needs(started: Release) -> None:
    clock = Clock()
    stand_by = standby.Standby(clock)
    assert stand_by.look() == []
    clock.now = standby.LEFT_ALONE_S - 0.1
    assert stand_by.look() == []
    clock.now = standby.LEFT_ALONE_S
    assert stand_by.look() == [started.pk]


def test_a_release_that_holds_is_left_to_the_person(people: dict[str, Any], paper: Paper, started: Release) -> None:
    services.release_hold(actor=people["lin"], release=started, reason="look at it")
    clock = Clock()
    stand_by = standby.Standby(clock)
    stand_by.look()
    clock.now = 10 * standby.LEFT_ALONE_S
    assert stand_by.look() == []


def test_a_worker_that_is_at_it_is_not_disturbed(started: Release) -> None:
    clock = Clock()
    stand_by = standby.Standby(clock)
    stand_by.look()
    assert engine.leases.claim(Release, started.pk, owner="a worker", seconds=60) is not None
    clock.now = standby.LEFT_ALONE_S
    assert stand_by.look() == []


def test_a_database_that_is_away_does_not_end_the_standby(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[int] = []

    def away_once(_self: standby.Standby) -> list[int]:
        turns.append(1)
        if len(turns) == 1:
            raise OperationalError("the database system is shutting down")
        return []

    monkeypatch.setattr(standby.Standby, "look", away_once)
    monkeypatch.setattr(standby, "EVERY_S", 0.01)
    over = threading.Event()
    thread = standby.start(over)
    eventually(lambda: len(turns) > 2, "it looks again")
    over.set()
    thread.join(10)
    assert not thread.is_alive()


def test_the_process_that_keeps_the_clock_stands_by(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()
    monkeypatch.setattr(standby, "start", lambda over: begun.set())
    beat_init.send(sender=None)
    assert begun.is_set()
