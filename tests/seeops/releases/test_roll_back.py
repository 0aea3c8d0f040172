"""How touched nodes go back: one run for all batches of a part, within what their centre can spare, the last part first."""

from __future__ import annotations

from typing import Any

import pytest

from seeops.automation.models import Run
from seeops.inventory.models import Node, Redundancy
from seeops.releases import services, states, steps, tasks
from seeops.releases.models import Release
from tests.estate import small_estate
from tests.seeops.releases.paper import (
    NEW,
    OLD,
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

__all__ = ["killing", "paper", "people", "small_estate"]
pytestmark = pytest.mark.django_db
SERVICE = "quote-push"


def spare(count: int, service: str = SERVICE) -> None:
    """Let SZ-A do without so many nodes of the service."""
    here = Node.objects.active().filter(service__name=service, centre__code="SZ-A").count()
    Redundancy.objects.filter(service__name=service, centre__code="SZ-A").update(needed=here - count)


def touched(paper: Paper, people: Any, release: Release, batches: int) -> Release:
    """The release with so many batches deployed, waiting for a word about the last of them."""
    paper.outcomes[batches] = "INCONCLUSIVE"
    release = services.release_start(actor=people["lin"], release=release)
    return until(paper, release, states.HOLDING)


def runs_back() -> list[Run]:
    return list(Run.objects.filter(purpose="rollback").order_by("pk"))


def names(run: Run) -> list[str]:
    return [target["name"] for target in run.targets]


@pytest.fixture
def four(paper: Paper, people: Any, tmp_path: Any) -> Release:
    """Four nodes in four batches, three of them touched."""
    spare(3)
    release = approved(people, wish(tmp_path, SERVICE, 4, "1, 1, 1, 100%"))
    return touched(paper, people, release, 3)


def test_an_abort_brings_all_touched_batches_back_in_one_run_the_last_one_first(four, paper, people):
    order = [four.batches.get(number=n).nodes.get().node.name for n in (3, 2, 1)]
    services.release_abort(actor=people["lin"], release=four, reason="stop")
    release = until(paper, four, states.ABORTED)
    (run,) = runs_back()
    assert (names(run), run.concurrency) == (order, 3)
    assert {*order} == {name for name, key in paper.executed if "/rollback/" in key}, "touched nodes only"
    assert set(paper.versions(release)) == {OLD}
    assert [batch.state for batch in release.batches.all()] == [states.BATCH_ROLLED_BACK] * 3 + [states.PENDING]
    assert [batch.runs.filter(purpose="rollback").get().run for batch in release.batches.all()[:3]] == [run] * 3
    texts = [event.text for event in release.events.filter(after=states.BATCH_ROLLED_BACK).order_by("pk")]
    assert texts == ["batch 3 is back", "batch 2 is back", "batch 1 is back"]


def test_a_centre_that_can_spare_one_node_gives_one_at_a_time(four, paper, people):
    spare(1)
    services.release_abort(actor=people["lin"], release=four, reason="stop")
    until(paper, four, states.ABORTED)
    (run,) = runs_back()
    assert (len(names(run)), run.concurrency) == (3, 1)


def test_a_node_that_is_down_goes_back_first_and_takes_nothing_from_its_centre(four, paper, people):
    spare(0)
    down = four.batches.get(number=1).nodes.get().node
    Node.objects.filter(pk=down.pk).update(state="down")
    services.release_abort(actor=people["lin"], release=four, reason="stop")
    until(paper, four, states.ABORTED)
    assert names(runs_back()[0])[0] == down.name


@pytest.mark.parametrize(("allowed", "at_once"), [(0.25, 2), (0.05, 1), (0.3, 3)])
def test_no_more_nodes_are_out_than_carry_the_flow_that_the_plan_allows(four, paper, people, allowed, at_once):
    plan = four.plan
    for batch in plan["parts"][0]["batches"]:
        batch["blast"] = {**batch["blast"], "at_once": 0.1, "served": 0.1}
    Release.objects.filter(pk=four.pk).update(plan={**plan, "most_flow_share": allowed})
    services.release_abort(actor=people["lin"], release=four, reason="stop")
    until(paper, four, states.ABORTED)
    assert [run.concurrency for run in runs_back()] == [at_once]


def test_what_leans_on_another_service_goes_back_before_it(paper, people, tmp_path):
    for service in ("access-mobile", SERVICE):
        spare(2, service)
    release = approved(people, wish(tmp_path, "access-mobile", 2), wish(tmp_path, SERVICE, 2))
    release = touched(paper, people, release, 4)
    services.release_abort(actor=people["lin"], release=release, reason="stop")
    release = until(paper, release, states.ABORTED)
    first, second = (part.service.name for part in release.parts.order_by("-position"))
    services_of = [
        {*Node.objects.filter(name__in=names(run)).values_list("service__name", flat=True)} for run in runs_back()
    ]
    assert services_of == [{first}, {second}]


def test_a_node_that_cannot_be_brought_back_is_named_and_keeps_no_other_there(four, paper, people):
    lost = four.batches.get(number=3).nodes.get().node.name
    paper.nodes[lost].reachable = False
    services.release_abort(actor=people["lin"], release=four, reason="stop")
    release = until(paper, four, states.FAILED)
    assert lost in release.state_reason
    assert paper.versions(release) == {NEW: 1, OLD: 3}
    assert [names(run) for run in runs_back()][1:] == [[lost], [lost]], "only that one is tried again"
    by_batch = [batch.state for batch in release.batches.all()[:3]]
    assert by_batch == [states.BATCH_ROLLED_BACK, states.BATCH_ROLLED_BACK, states.BATCH_FAILED]
    paper.nodes[lost].reachable = True
    services.release_rollback_again(actor=people["lin"], release=release, reason="it is back")
    release = until(paper, release, states.ABORTED)
    assert set(paper.versions(release)) == {OLD}


def test_a_run_that_dies_midway_is_read_back_and_the_rest_goes_on(four, paper, people):
    services.release_abort(actor=people["lin"], release=four, reason="stop")
    paper.die_after = 1
    release = until(paper, four, states.ABORTED)
    first, second = runs_back()
    assert names(second) == names(first)[1:]
    assert max(paper.executed.values()) == 1
    assert set(paper.versions(release)) == {OLD}


def test_a_worker_killed_before_any_write_of_such_a_roll_back_changes_nothing(paper, people, killing, tmp_path):
    spare(3)
    at, reached = 0, True
    while reached:
        at += 1
        paper.reset()
        killing.update(at=-1, seen=0)
        release = touched(paper, people, approved(people, wish(tmp_path, SERVICE, 4, "1, 1, 1, 100%")), 3)
        services.release_abort(actor=people["lin"], release=release, reason="stop")
        killing.update(at=at, seen=0)
        reached = False
        for _turn in range(30):
            try:
                release = look(paper, release)
            except BaseException:  # noqa: BLE001 - the worker is killed
                reached = True
                killing["at"] = -1
                lease_runs_out(release)
            if release.state == states.ABORTED:
                break
        assert (release.state, set(paper.versions(release))) == (states.ABORTED, {OLD}), at
        assert max(paper.executed.values()) == 1
        assert not release.batches.filter(state__in=states.UNDER_WAY).exists()
    assert at > 5


def test_a_release_is_looked_after_at_once_when_its_run_has_ended(four, people, monkeypatch):
    poked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(steps, "poke", lambda task, *args: poked.append((task.name, *args)))
    steps.run_ended(Run.objects.latest("pk").pk)
    assert poked == [(tasks.release_advance.name, four.pk)]
