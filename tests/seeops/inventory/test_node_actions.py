"""Actions on nodes: refused when redundancy breaks, executed once, unknown until known."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest

from seeops.audit.models import AuditRecord
from seeops.core.clock import now
from seeops.core.errors import Forbidden, InvalidInput, RuleViolation, Unavailable
from seeops.inventory import selectors, services
from seeops.inventory.models import ActionState, Node, NodeAction, Redundancy, Verb
from tests.estate import RunningCentre, person

SERVICE = "quote-push"  # 6 nodes in SZ-A at this scale, 4 of them needed


def nodes(service: str, centre: str = "SZ-A") -> list[Node]:
    found = selectors.active_nodes().filter(service__name=service, centre__code=centre)
    return list(found.select_related("service", "centre").order_by("name"))


def test_a_step_that_breaks_redundancy_is_refused(small_estate: dict[str, Any]) -> None:
    lin, group = person("lin", "operator"), nodes(SERVICE)
    needed = Redundancy.objects.get(service__name=SERVICE, centre__code="SZ-A").needed
    spare = len(group) - needed
    with pytest.raises(RuleViolation, match="needs") as refused:
        services.nodes_act(actor=lin, nodes=group[: spare + 1], verb=Verb.DRAIN, reason="too many")
    assert refused.value.code == "redundancy" and NodeAction.objects.count() == 0
    assert len(services.nodes_act(actor=lin, nodes=group[:spare], verb=Verb.DRAIN, reason="fits")) == spare
    # What is already asked to leave counts as gone, though no node has answered yet.
    with pytest.raises(RuleViolation):
        services.nodes_act(actor=lin, nodes=group[spare : spare + 1], verb=Verb.RESTART, reason="one more")
    services.nodes_act(actor=lin, nodes=group, verb=Verb.UNDRAIN, reason="takes nothing away")


def test_reason_right_and_verb_are_required(small_estate: dict[str, Any]) -> None:
    node = nodes(SERVICE)[:1]
    with pytest.raises(InvalidInput, match="reason"):
        services.nodes_act(actor=person("lin", "operator"), nodes=node, verb=Verb.DRAIN, reason="  ")
    with pytest.raises(Forbidden, match="node.drain"):
        services.nodes_act(actor=person("audit", "auditor"), nodes=node, verb=Verb.DRAIN, reason="x")
    with pytest.raises(InvalidInput, match="explode"):
        services.nodes_act(actor=person("wang", "operator"), nodes=node, verb="explode", reason="x")


def test_a_node_is_drained_once_for_the_same_key(centre: RunningCentre, small_estate: dict[str, Any]) -> None:
    lin, node, key = person("lin", "operator"), nodes(SERVICE)[0], uuid.uuid4().hex
    first = services.node_drain(actor=lin, node=node, reason="maintenance", key=key)
    again = services.node_drain(actor=lin, node=node, reason="maintenance", key=key)
    assert first.pk == again.pk and first.state == ActionState.DONE
    agent = centre.agent(node.name, "actions")["actions"][first.key]
    assert (agent["times_executed"], agent["times_requested"]) == (1, 1)
    assert selectors.node_by_name(node.name).state_now in ("draining", "drained")
    assert list(
        AuditRecord.objects.filter(object_id=str(node.pk)).order_by("seq").values_list("action", flat=True)
    ) == [
        "node.drain",
        "node.drain.done",
    ]
    services.node_undrain(actor=lin, node=node, reason="over")


def test_an_unknown_outcome_is_asked_again_with_the_same_key(
    centre: RunningCentre, small_estate: dict[str, Any]
) -> None:
    lin, node = person("lin", "operator"), nodes(SERVICE, "SZ-B")[0]
    with pytest.raises(Unavailable, match="not known yet"):
        services.node_restart(actor=lin, node=node, reason="hangs")
    action = NodeAction.objects.get()
    assert action.state == ActionState.UNKNOWN and action.finished_at is None
    assert services.actions_open() == []
    NodeAction.objects.update(at=now() - dt.timedelta(minutes=1), tried_at=now() - dt.timedelta(minutes=1))
    assert services.actions_open() == [action]
    # The agent is reached now: the same key, executed once.
    NodeAction.objects.update(node=nodes(SERVICE)[1])
    (open_action,) = services.actions_open()
    assert services.action_execute(open_action).state == ActionState.DONE
    assert centre.agent(open_action.node.name, "actions")["actions"][action.key]["times_executed"] == 1


def test_a_batch_runs_and_what_was_not_asked_can_be_spared(centre: RunningCentre, small_estate: dict[str, Any]) -> None:
    lin, group = person("lin", "operator"), nodes("access-mobile")
    asked = services.nodes_act(actor=lin, nodes=group, verb=Verb.DIAGNOSE, reason="look")
    services.actions_run(asked[0].batch)
    assert set(NodeAction.objects.values_list("state", flat=True)) == {ActionState.DONE}
    later = services.nodes_act(actor=lin, nodes=group, verb=Verb.DIAGNOSE, reason="again")
    assert services.actions_cancel(actor=lin, batch=later[0].batch, reason="enough") == len(group)
    services.actions_run(later[0].batch)
    assert set(NodeAction.objects.filter(batch=later[0].batch).values_list("state", flat=True)) == {
        ActionState.CANCELLED
    }


def test_a_wrong_configuration_is_refused_and_a_right_one_gets_its_digest(
    centre: RunningCentre, small_estate: dict[str, Any]
) -> None:
    lin, node = person("lin", "operator"), nodes("auth")[0]
    content = centre.agent(node.name, "config")["content"]
    with pytest.raises(RuleViolation, match="nonsense"):
        services.node_configure(actor=lin, node=node, content="nonsense = 1\n", reason="try")
    changed = content.replace("workers = 8", "workers = 6")
    done = services.node_configure(actor=lin, node=node, content=changed, reason="fewer workers")
    assert done.result["digest"] == centre.agent(node.name, "config")["digest"]
