"""Releases that wait for locks start in the order of asking, are checked again then, and are never overtaken."""

from __future__ import annotations

from typing import Any

import pytest

from seeops.core.errors import Conflict
from seeops.inventory.models import Lock
from seeops.releases import services, starting, states
from seeops.releases.models import Release
from tests.estate import small_estate
from tests.seeops.releases.paper import Paper, approved, look, paper, people, until, wish

__all__ = ["paper", "people", "small_estate"]
pytestmark = pytest.mark.django_db
QUEUES, FAILS = "queue", "fail"


class Line:
    """Releases of one service, each started in its turn by the reconciler."""

    def __init__(self, people: Any, paper: Paper, folder: Any) -> None:
        self.people, self.paper, self.folder = people, paper, folder

    def planned(self, service: str = "quote-push", policy: str = QUEUES) -> Release:
        return approved(self.people, wish(self.folder, service, 2), lock_policy=policy)

    def start(self, release: Release) -> Release:
        return services.release_start(actor=self.people["lin"], release=release)

    def give_up(self, release: Release) -> None:
        services.release_abort(actor=self.people["lin"], release=release, reason="make room")
        until(self.paper, release, states.ABORTED)

    def states(self, *releases: Release) -> list[str]:
        starting.start_queued()
        for release in releases:
            release.refresh_from_db()
        return [release.state for release in releases]


@pytest.fixture
def line(people: Any, paper: Paper, tmp_path: Any) -> Line:
    return Line(people, paper, tmp_path)


def test_the_next_starts_when_the_locks_are_free_and_one_at_a_time(line):
    plans = [line.planned() for _ in range(3)]
    first, second, third = [line.start(plan) for plan in plans]
    assert line.states(first, second, third) == [states.RUNNING, states.QUEUED, states.QUEUED]
    assert second.state_reason == f"waits for {first.number}, which holds service quote-push"
    assert third.state_reason == f"waits for its turn behind {second.number}"
    line.give_up(first)
    assert line.states(second, third) == [states.RUNNING, states.QUEUED]
    assert second.started_by == line.people["lin"], "in the name of who asked"
    assert set(Lock.objects.values_list("holder__owner", flat=True)) == {second.number}
    line.give_up(second)
    assert line.states(third) == [states.RUNNING]


def test_who_asked_earlier_is_not_overtaken_also_when_the_locks_are_free(line):
    plans = [line.planned(), line.planned(), line.planned(), line.planned(policy=FAILS)]
    first, second = line.start(plans[0]), line.start(plans[1])
    line.give_up(first)
    assert not Lock.objects.exists()
    late = line.start(plans[2])
    assert (late.state, late.state_reason) == (states.QUEUED, f"waits for its turn behind {second.number}")
    with pytest.raises(Conflict, match=f"{second.number} waits for the same"):
        line.start(plans[3])
    assert line.states(second, late) == [states.RUNNING, states.QUEUED]


def test_who_waits_for_something_else_is_not_kept_waiting(line):
    first, second, other = line.planned(), line.planned(), line.planned("access-mobile")
    first, second, other = line.start(first), line.start(second), line.start(other)
    assert line.states(first, second, other) == [states.RUNNING, states.QUEUED, states.RUNNING]


def test_what_is_not_true_any_more_when_its_turn_comes_is_not_started(line):
    """The release before has changed the nodes that the plan starts from: a person plans again."""
    first, second = line.planned(), line.planned()
    first, second = line.start(first), line.start(second)
    until(line.paper, first, states.DONE)
    for node in first.nodes.select_related("node"):
        node.node.version = "1.1.0"
        node.node.save(update_fields=["version"])
    assert line.states(second) == [states.READY]
    assert second.state_reason.startswith("its turn came, but it was not started:")
    assert (second.queued_at, second.started_by) == (None, None)
    assert look(line.paper, second).state == states.READY
    assert not Lock.objects.exists()


def test_one_that_breaks_keeps_no_other_waiting(line, monkeypatch):
    first, second, other = line.planned(), line.planned(), line.planned("access-mobile")
    blocker = line.start(line.planned("access-mobile"))
    first, second, other = line.start(first), line.start(second), line.start(other)
    for release in (first, blocker):
        line.give_up(release)
    begin = starting._begin

    def breaks(actor: Any, release: Release) -> Release:
        if release.pk == second.pk:
            raise ZeroDivisionError
        return begin(actor, release)

    monkeypatch.setattr(starting, "_begin", breaks)
    assert line.states(second, other) == [states.QUEUED, states.RUNNING]
