"""A run that changes nodes holds them until it has ended, and whoever else wants them is told who does."""

from __future__ import annotations

from typing import Any

import pytest

from seeops.automation import services
from seeops.automation.models import Run, RunState
from seeops.core.errors import Conflict
from seeops.inventory import locks
from seeops.inventory.models import Lock, LockHolder, Node
from tests.estate import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def lin(small_estate: Any) -> Any:
    return person("lin", "operator")


def begin(actor: Any, playbook: str, *names: str) -> Run:
    return services.run_start(actor=actor, playbook=playbook, nodes=names, inputs={}, reason="test")


def test_two_runs_do_not_change_one_node_at_the_same_time(lin):
    first, second = Node.objects.filter(service__name="quote-push").values_list("name", flat=True)[:2]
    run = begin(lin, "restart", first)
    assert set(Lock.objects.filter(holder__owner=run.number).values_list("name", flat=True)) == {first}
    with pytest.raises(Conflict, match=f"node {first} is held by {run.number}"):
        begin(lin, "restart", first)
    begin(lin, "restart", second)
    begin(lin, "inspection", first)


@pytest.mark.parametrize("end", [RunState.DONE, RunState.FAILED, RunState.CANCELLED, RunState.LOST])
def test_every_end_of_a_run_frees_its_nodes(lin, end):
    name = Node.objects.filter(service__name="quote-push").values_list("name", flat=True)[0]
    run = begin(lin, "restart", name)
    Run.objects.filter(pk=run.pk).update(state=RunState.RUNNING)
    assert Lock.objects.filter(holder__owner=run.number).exists()
    Run.objects.filter(pk=run.pk).update(state=end)
    assert not LockHolder.objects.filter(owner=run.number).exists()


def test_a_run_whose_nodes_were_taken_over_is_asked_to_stop(lin):
    name = Node.objects.filter(service__name="quote-push").values_list("name", flat=True)[0]
    run = begin(lin, "restart", name)
    locks.release(run.number)
    run = services.run_check(run)
    assert run.state == RunState.CANCELLED
