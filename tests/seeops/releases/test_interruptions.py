"""A worker or runner that dies at any point: the release ends as it would have, no node acts twice, nothing stays locked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seeops.inventory.models import Lock, LockHolder
from seeops.releases import engine, services, states
from seeops.releases.models import BatchRun, Release
from tests.seeops.releases.paper import (
    NEW,
    OLD,
    Killed,
    Paper,
    approved,
    killing,
    lease_runs_out,
    look,
    paper,
    people,
    until,
    wish,
)

__all__ = ["killing", "paper", "people"]
pytestmark = pytest.mark.django_db
MOST_WRITES = 120


def two_services(people: dict[str, Any], folder: Path) -> Release:
    return approved(people, wish(folder, "access-mobile", 2), wish(folder, "quote-push", 2))


def to_the_end(paper: Paper, release: Release, kill: dict[str, int]) -> Release:
    """As workers do: whoever comes after a killed one goes on when its lease has run out."""
    for _turn in range(80):
        if release.state in (states.DONE, states.ROLLED_BACK, states.ABORTED, states.FAILED):
            return release
        try:
            engine.advance(release.pk)
        except Killed:
            kill["at"] = -1
            lease_runs_out(release)
        paper.work()
        release.refresh_from_db()
    raise AssertionError(f"{release.state}: {release.state_reason}")


def assert_clean(paper: Paper, release: Release) -> None:
    """What must hold after every end, however it came about."""
    assert not Lock.objects.exists(), "a lock is left"
    assert not LockHolder.objects.exists()
    assert not release.batches.filter(state__in=states.UNDER_WAY).exists(), "something looks as if it went on"
    assert not BatchRun.objects.filter(batch__release=release, settled=False).exists()
    assert max(paper.executed.values(), default=1) == 1, "a node acted twice"
    assert not paper.live
    assert not release.parts.filter(active=True).exists()
    release.ticket.refresh_from_db()
    assert release.ticket.state == ("done" if release.state == states.DONE else "failed")
    ends = release.events.filter(after=release.state, batch_number=None).exclude(before=release.state)
    assert ends.count() == 1, "the end is recorded once"


CASES = {
    "good": ({}, states.DONE, NEW),
    "bad in the second part": ({3: "FAIL"}, states.ROLLED_BACK, OLD),
}


def step_through(people: Any, paper: Paper, killing: Any, folder: Path, case: str, stride: int) -> int:
    """Kill the worker at every `stride`-th of its writes, one release each, until one ends without; returns how many those are."""
    outcomes, end, version = CASES[case]
    at = 1
    while True:
        paper.reset()
        paper.outcomes.update(outcomes)
        killing.update(at=-1, seen=0)
        release = two_services(people, folder)
        release = services.release_start(actor=people["lin"], release=release)
        killing.update(at=at, seen=0)
        release = to_the_end(paper, release, killing)
        reached = killing["at"] == -1
        assert (release.state, set(paper.versions(release))) == (end, {version}), (at, release.state_reason)
        assert_clean(paper, release)
        if not reached:
            return at
        at += stride
        assert at < MOST_WRITES


@pytest.mark.parametrize("case", CASES)
def test_a_worker_killed_before_some_of_its_writes_changes_nothing_about_the_end(
    people, paper, killing, tmp_path, case
):
    assert step_through(people, paper, killing, tmp_path, case, stride=19) > 20


@pytest.mark.soak
@pytest.mark.parametrize("case", CASES)
def test_a_worker_killed_before_any_of_its_writes_changes_nothing_about_the_end(people, paper, killing, tmp_path, case):
    assert step_through(people, paper, killing, tmp_path, case, stride=1) > 20


@given(
    deaths=st.lists(st.integers(0, 2), max_size=5),
    kills=st.lists(st.integers(1, 30), max_size=4),
    outcome=st.sampled_from(["PASS", "FAIL"]),
    at=st.integers(1, 4),
)
@settings(max_examples=5, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_workers_and_runners_may_die_in_any_order(people, paper, killing, tmp_path, deaths, kills, outcome, at):
    paper.reset()
    paper.outcomes[at] = outcome
    killing.update(at=-1, seen=0)
    release = services.release_start(actor=people["lin"], release=two_services(people, tmp_path))
    waiting = list(kills)
    for _turn in range(120):
        if release.state in (states.DONE, states.ROLLED_BACK, states.FAILED, states.HOLDING):
            break
        if waiting and killing["at"] <= killing["seen"]:
            killing.update(at=killing["seen"] + waiting.pop())
        if deaths and paper.live and paper.die_after is None:
            paper.die_after = deaths.pop()
        try:
            engine.advance(release.pk)
        except Killed:
            lease_runs_out(release)
        paper.work()
        release.refresh_from_db()
    expected = {"PASS": (states.DONE, NEW), "FAIL": (states.ROLLED_BACK, OLD)}[outcome]
    assert (release.state, set(paper.versions(release))) == (expected[0], {expected[1]}), release.state_reason
    assert_clean(paper, release)


def test_a_runner_that_outlives_its_end_writes_nothing(people, paper, tmp_path):
    release = services.release_start(actor=people["lin"], release=two_services(people, tmp_path))
    engine.advance(release.pk)
    engine.advance(release.pk)
    (pk, epoch), *_others = paper.live.items()
    services.release_abort(actor=people["lin"], release=release, reason="stop")
    release = until(paper, release, states.ABORTED)
    assert not paper.write(pk, epoch, hosts_done=99)
    name = release.nodes.first().node.name
    late = paper.nodes[name].act("late", paper.nodes[name].epoch - 1, NEW)
    assert (late, paper.nodes[name].version) == ("failed" if paper.nodes[name].epoch else "ok", OLD)
    assert_clean(paper, look(paper, release))
