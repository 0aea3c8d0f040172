"""Failover playbooks: which nodes they run on, what those know of their peers, and everything that must refuse them."""

from __future__ import annotations

from typing import Any

import pytest

from seeops.automation import catalogue, failover, services
from seeops.changes import services as changes
from seeops.cluster import door, occupied
from seeops.core.clock import now
from seeops.core.errors import Forbidden, InvalidInput, RuleViolation
from seeops.inventory import locks
from seeops.inventory.models import Centre, Node, Service
from tests.seeops.changes.control import colleague

COMMON = {"node_key": "RUN-000001", "node_epoch": 7, "node_reason": "test"}
ENDPOINTS = {
    "load": "http://127.0.0.1:4", "shards": {},
    "centres": {"SZ-A": "http://127.0.0.1:1", "SZ-B": "http://127.0.0.1:2", "WH-A": "http://127.0.0.1:3"},
}  # fmt: skip


@pytest.fixture
def lin(small_estate: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(door, "endpoints", lambda: ENDPOINTS)
    monkeypatch.setattr(failover, "impact", lambda snapshot, centres: type("Report", (), {"breaks": False})())
    for node in Node.objects.filter(service__name="matching"):
        Node.objects.filter(pk=node.pk).update(agent_url=f"http://127.0.0.1:1/nodes/{node.name}")
    return colleague("lin", "operator")


def approved(lin: Any, kind: str = "normal") -> Any:
    service = Service.objects.get(name="matching")
    ticket = changes.ticket_create(actor=lin, title="switch", kind=kind, services=[service], reason="drill")
    ticket = changes.ticket_submit(actor=lin, ticket=ticket)
    for name in ("wang", "sun"):
        ticket.refresh_from_db()
        if ticket.state == "submitted":
            approver = colleague(name, "approver")
            changes.ticket_approve(actor=approver, ticket=ticket, reason="read", seen=ticket.content_digest)
    ticket.refresh_from_db()
    return ticket


def of_shard(lin: Any, *nodes: str) -> list[dict[str, Any]]:
    return failover.targets(failover.SHARD, actor=lin, nodes=nodes, inputs={}, common=COMMON)


def of_centre(lin: Any, ticket: str, **inputs: Any) -> list[dict[str, Any]]:
    given = {"centre": "WH-A", "direction": "away", "ticket": ticket, **inputs}
    return failover.targets(failover.CENTRE, actor=lin, nodes=[], inputs=given, common=COMMON)


def test_both_playbooks_stand_in_the_catalogue_and_keep_to_freezes() -> None:
    for code in failover.BOOKS:
        book = catalogue.playbook(code)
        assert book.changes_nodes
        assert book.check


def test_a_shard_goes_to_the_chosen_node_which_knows_its_peers(lin: Any) -> None:
    (target,) = of_shard(lin, "matching-wha-001")
    assert target["name"] == "matching-wha-001"
    assert target["vars"] == {
        "node_key": "RUN-000001/matching-wha-001", "node_epoch": 7, "node_reason": "test", "shard_centre": "WH-A",
        "shard_peers": {
            centre: f"http://127.0.0.1:1/nodes/matching-{place}-001"
            for centre, place in (("SZ-A", "sza"), ("SZ-B", "szb"), ("WH-A", "wha"))
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    "nodes", [[], ["matching-wha-001", "matching-wha-002"], ["session-sza-001"], ["matching-none-001"]]
)
def test_only_one_matching_node_can_be_chosen(lin: Any, nodes: list[str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        of_shard(lin, *nodes)
    assert caught.value.field == "nodes"


def test_who_may_not_restart_nodes_may_not_move_leaders(lin: Any) -> None:
    with pytest.raises(Forbidden):
        of_shard(colleague("he", "auditor"), "matching-wha-001")


def test_an_experiment_or_a_lock_is_in_the_way(lin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(occupied, "by_others", lambda kind: ["EXP-0001 is running."])
    with pytest.raises(RuleViolation, match="EXP-0001"):
        of_shard(lin, "matching-wha-001")
    monkeypatch.undo()
    monkeypatch.setattr(door, "endpoints", lambda: ENDPOINTS)
    locks.acquire(owner="REL-000009", wanted=[("shard", "0")], fence=3, seconds=60, reason="a release")
    with pytest.raises(RuleViolation, match="REL-000009"):
        of_shard(lin, "matching-wha-001")
    assert of_shard(lin, "matching-wha-002"), "the other shard is free"


def test_a_centre_needs_an_approved_change_of_people(lin: Any) -> None:
    with pytest.raises(InvalidInput, match="There is no change"):
        of_centre(lin, "CHG-999999")
    service = Service.objects.get(name="matching")
    draft = changes.ticket_create(actor=lin, title="switch", kind="normal", services=[service], reason="drill")
    with pytest.raises(RuleViolation, match="approval by somebody else"):
        of_centre(lin, draft.number)
    targets = of_centre(lin, approved(lin).number)
    own = Node.objects.filter(centre__code="WH-A").count()
    assert len(targets) == own
    about = targets[0]["vars"]
    assert about["centre_load_url"] == ENDPOINTS["load"]
    assert about["centre_url"] == ENDPOINTS["centres"]["WH-A"]
    assert sorted(about["centre_shards"]) == ["0", "1"]
    assert about["centre_needed"]["matching"] >= 1
    assert all(target["vars"]["centre_last_slice"] for target in targets), "fewer nodes than one slice"


@pytest.mark.parametrize(
    ("inputs", "field"), [({"centre": "XX"}, "centre"), ({"to": "WH-A"}, "to"), ({"to": "XX"}, "to")]
)
def test_names_that_do_not_fit_are_refused(lin: Any, inputs: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        of_centre(lin, "CHG-1", **inputs)
    assert caught.value.field == field


def test_no_second_centre_is_lost_and_no_flow_with_it(lin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ticket = approved(lin)
    Centre.objects.filter(code="SZ-B").update(observed_at=None)
    with pytest.raises(RuleViolation, match="no second data centre"):
        of_centre(lin, ticket.number)
    assert of_centre(lin, ticket.number, direction="back"), "coming back is possible all the same"
    Centre.objects.filter(code="SZ-B").update(observed_at=now())
    monkeypatch.setattr(failover, "impact", lambda snapshot, centres: type("Report", (), {"breaks": True})())
    with pytest.raises(RuleViolation, match="some flow would be lost"):
        of_centre(lin, ticket.number)


def test_a_run_is_started_with_these_targets(lin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run = services.run_start(
        actor=lin,
        playbook=failover.SHARD,
        nodes=["matching-wha-001"],
        inputs={"wait_s": 20},
        reason="drill",
        check=True,
    )
    assert run.purpose == "check"
    assert run.targets[0]["vars"]["shard_centre"] == "WH-A"
    assert run.targets[0]["vars"]["node_key"] == f"{run.number}/matching-wha-001"
