"""A leading replica hands its lead on before its batch begins."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from seeops.changes import services as changes
from seeops.cluster import door
from seeops.cluster.leaders import Lead
from seeops.core.errors import RuleViolation
from seeops.inventory.models import Service, Version
from seeops.releases import handing, services
from seeops.releases.models import BatchNode, Release
from seeops.releases.planning import PartWish
from tests.estate import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def release(small_estate: Any, tmp_path: Any) -> Release:
    service = Service.objects.get(name="matching")
    (tmp_path / "package").write_bytes(b"package")
    digest = hashlib.sha256(b"package").hexdigest()
    Version.objects.update_or_create(
        service=service, number="1.1.0", defaults={"digest": digest, "file": str(tmp_path / "package")}
    )
    lin = person("lin", "operator")
    ticket = changes.ticket_create(actor=lin, title="matching", kind="normal", services=[service], reason="r")
    return services.release_plan(actor=lin, ticket=ticket, parts=[PartWish(service, "1.1.0")])


class Replicas:
    """The shards' answers: who leads, and which heirs refuse."""

    def __init__(self, leading: dict[int, Lead], refuse: tuple[str, ...] = ()) -> None:
        self.leading, self.refuse, self.asked = leading, refuse, []

    def call(self, node: str, verb: str, *, to: str, **identity: Any) -> dict[str, Any]:
        self.asked.append((node, verb, to))
        if to in self.refuse:
            raise RuleViolation(f"{to} is behind")
        return {}


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> Any:
    def standing(leading: dict[int, Lead], refuse: tuple[str, ...] = ()) -> Replicas:
        replicas = Replicas(leading, refuse)
        places = ("SZ-A", "SZ-B", "WH-A")
        monkeypatch.setattr(handing, "replicated", lambda: {0: places, 1: places})
        monkeypatch.setattr(handing, "leads", lambda shards: {s: lead for s, lead in leading.items() if s in shards})
        monkeypatch.setattr(door, "call", replicas.call)
        return replicas

    return standing


def batch_of(release: Release, name: str) -> tuple[Any, list[BatchNode]]:
    item = release.nodes.select_related("batch", "node__centre").get(node__name=name)
    return item.batch, [item]


def test_a_follower_is_touched_without_asking_anybody_to_hand_on(release, stand):
    replicas = stand({0: Lead("SZ-A", 4), 1: Lead("SZ-A", 2)})
    assert handing.hand_on(release, *batch_of(release, "matching-wha-001")) == ""
    assert replicas.asked == []


def test_a_leader_hands_on_to_a_replica_that_was_changed_already(release, stand):
    replicas = stand({0: Lead("SZ-A", 4)})
    BatchNode.objects.filter(release=release, node__name="matching-wha-001").update(state="done")
    assert handing.hand_on(release, *batch_of(release, "matching-sza-001")) == ""
    assert replicas.asked == [("matching-sza-001", "handover", "WH-A")]


def test_another_heir_is_asked_when_one_is_behind_and_without_any_the_batch_waits(release, stand):
    replicas = stand({0: Lead("SZ-A", 4)}, refuse=("SZ-B",))
    assert handing.hand_on(release, *batch_of(release, "matching-sza-001")) == ""
    assert [to for _node, _verb, to in replicas.asked] == ["SZ-B", "WH-A"]
    stand({0: Lead("SZ-A", 4)}, refuse=("SZ-B", "WH-A"))
    problem = handing.hand_on(release, *batch_of(release, "matching-sza-001"))
    assert problem.startswith("matching-sza-001 leads shard 0 and could not hand its lead on (WH-A is behind)")


def test_a_shard_whose_leader_nobody_knows_is_not_touched(release, stand, monkeypatch):
    stand({1: Lead("SZ-A", 2)})
    assert "not known which replica leads shard 0" in handing.hand_on(release, *batch_of(release, "matching-wha-001"))
    monkeypatch.setattr(handing, "replicated", dict)
    assert handing.hand_on(release, *batch_of(release, "matching-wha-001")) == ""


def test_heirs_are_those_with_the_new_version_first():
    assert handing.heirs("SZ-A", [("SZ-B", False), ("WH-A", True), ("SZ-A", True)]) == ["WH-A", "SZ-B"]
