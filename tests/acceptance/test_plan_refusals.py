"""Acceptance 8: a plan that cannot work is refused when it is made, by every path, in a sentence that names the object and what to do: an empty
slice, a duplicate host, a host that left, an unknown version, another package, both members of a pair, nothing to spare."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from seeops.changes import services as changes
from seeops.core.clock import now
from seeops.core.errors import InvalidInput, RuleViolation
from seeops.inventory.models import Node, Service, Version
from seeops.releases import planning, services
from seeops.releases.models import Release
from seeops.releases.planning import PartWish
from tests.estate import person, small_estate

__all__ = ["small_estate"]
pytestmark = pytest.mark.django_db

BIG, OTHER, SHARDS = "quote-push", "access-mobile", "matching"


@pytest.fixture
def ticket(small_estate: Any, tmp_path: Any) -> Any:
    package = tmp_path / "package"
    package.write_bytes(b"package")
    digest = hashlib.sha256(b"package").hexdigest()
    named = [Service.objects.get(name=name) for name in (BIG, OTHER, SHARDS)]
    for service in named:
        Version.objects.update_or_create(
            service=service, number="1.1.0", defaults={"digest": digest, "file": str(package)}
        )
    return changes.ticket_create(actor=person("lin", "operator"), title="t", kind="normal", services=named, reason="r")


def names_of(service: str) -> list[str]:
    return list(Node.objects.filter(service__name=service).order_by("name").values_list("name", flat=True))


def wish(service: str, **values: Any) -> dict[str, Any]:
    return {"service": service, "version": "1.1.0", **values}


def empty_slice() -> tuple[list[dict[str, Any]], str]:
    return [wish(BIG, nodes=[])], f"No node of {BIG} is named: name some"


def empty_batch() -> tuple[list[dict[str, Any]], str]:
    return [wish(BIG, expression="5%, 5%, 100%")], r"Batch 2 \(5%\) is empty.*leave it out or raise it"


def batches_that_end_early() -> tuple[list[dict[str, Any]], str]:
    return [wish(BIG, expression="1, 30%")], "end at .*: add 100% at the end"


def host_named_twice() -> tuple[list[dict[str, Any]], str]:
    first = names_of(BIG)[0]
    return [wish(BIG, nodes=[first, first])], f"Named twice: {first}. Each node takes part once"


def host_in_two_services() -> tuple[list[dict[str, Any]], str]:
    first = names_of(BIG)[0]
    parts = [wish(BIG, nodes=[first]), wish(OTHER, nodes=[*names_of(OTHER)[:1], first])]
    return parts, f"Named twice: {first}. Each node takes part once"


def service_twice() -> tuple[list[dict[str, Any]], str]:
    return [wish(BIG), wish(BIG)], f"Named twice: {BIG}. Each service stands once"


def host_of_another_service() -> tuple[list[dict[str, Any]], str]:
    other = names_of(OTHER)[0]
    return [wish(BIG, nodes=[other])], rf"{other} \(of {OTHER}\). Add it to the part of its own service"


def decommissioned_host() -> tuple[list[dict[str, Any]], str]:
    name = names_of(BIG)[0]
    Node.objects.filter(name=name).update(decommissioned_at=now())
    return [wish(BIG, nodes=[name])], f"{name} left the inventory on .*: take what was decommissioned out of the list"


def unheard_of_host() -> tuple[list[dict[str, Any]], str]:
    return [wish(BIG, nodes=["nobody-001"])], f"Not an active node of {BIG}: nobody-001"


def unknown_version() -> tuple[list[dict[str, Any]], str]:
    return [{"service": BIG, "version": "9.9.9"}], f"{BIG} has no version “9.9.9”"


def another_package() -> tuple[list[dict[str, Any]], str]:
    Version.objects.filter(service__name=BIG, number="1.1.0").update(digest="0" * 64)
    return [wish(BIG)], f"The package of {BIG} 1.1.0 is not what was registered: its digest is .*, not 000000000000…"


def package_that_is_gone() -> tuple[list[dict[str, Any]], str]:
    Version.objects.filter(service__name=BIG, number="1.1.0").update(file="/nowhere/package")
    return [wish(BIG)], f"The package of {BIG} 1.1.0 cannot be read .*import the versions again"


def both_members_of_a_pair() -> tuple[list[dict[str, Any]], str]:
    words = r"would hold two replicas of shard \d \(matching-.* and matching-.*\).*one of them must serve.*“1, 1, 2, 2”"
    return [wish(SHARDS, expression="1, 100%")], words


def nothing_to_spare() -> tuple[list[dict[str, Any]], str]:
    serving = Node.objects.filter(service__name=BIG, centre__code="SZ-A").order_by("name").values_list("pk", flat=True)
    Node.objects.filter(pk__in=list(serving)[: len(serving) // 2]).update(state="down")
    return [wish(BIG)], "SZ-A has no node to spare.*Bring a node back"


def nodes_that_nobody_sees() -> tuple[list[dict[str, Any]], str]:
    Node.objects.filter(service__name=BIG, centre__code="SZ-A").update(state="unknown")
    return [wish(BIG)], "nodes of quote-push in SZ-A are in an unknown state.*plan again when they have been observed"


def more_flow_than_is_allowed() -> tuple[list[dict[str, Any]], str]:
    Node.objects.filter(service__name=BIG, centre__code="SZ-B").exclude(name=names_of(BIG)[6]).update(state="down")
    return [wish(BIG, short=True)], "alone carries 34.0 % of the flow of .*allow more, or wait until more nodes"


REFUSED: list[Callable[[], tuple[list[dict[str, Any]], str]]] = [
    empty_slice, empty_batch, batches_that_end_early, host_named_twice, host_in_two_services, service_twice,
    host_of_another_service, decommissioned_host, unheard_of_host, unknown_version, another_package, package_that_is_gone,
    both_members_of_a_pair, nothing_to_spare, nodes_that_nobody_sees, more_flow_than_is_allowed,
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.__name__)
def test_what_cannot_work_is_refused_when_it_is_planned_on_every_path(ticket, client, case):
    parts, words = case()
    wishes = [PartWish(**{**part, "service": Service.objects.get(name=part["service"])}) for part in parts]
    with pytest.raises(InvalidInput, match=words):
        services.release_plan(actor=ticket.requester, ticket=ticket, parts=wishes)
    client.force_login(ticket.requester)
    for path, body in (
        ("/api/v1/releases/preview/", {"parts": parts}),
        ("/api/v1/releases/", {"parts": parts, "ticket": ticket.number}),
    ):
        answer = client.post(path, body, content_type="application/json")
        assert answer.status_code == 400
        with pytest.raises(InvalidInput, match=words):
            raise InvalidInput(answer.json()["detail"])
    assert not Release.objects.exists()


def test_a_host_that_leaves_the_inventory_after_planning_stops_the_start(ticket):
    made = services.release_plan(
        actor=ticket.requester, ticket=ticket, parts=[PartWish(Service.objects.get(name=BIG), "1.1.0")]
    )
    name = planning.nodes_of(made.plan)[-1]["name"]
    Node.objects.filter(name=name).update(decommissioned_at=now())
    with pytest.raises(RuleViolation, match=f"{name} left the inventory since the plan was made: plan again"):
        services.release_start(actor=ticket.requester, release=made)


def test_a_package_that_is_exchanged_after_planning_stops_the_start(ticket, tmp_path):
    made = services.release_plan(
        actor=ticket.requester, ticket=ticket, parts=[PartWish(Service.objects.get(name=BIG), "1.1.0")]
    )
    (tmp_path / "package").write_bytes(b"something else")
    with pytest.raises(InvalidInput, match="is not what was registered"):
        services.release_start(actor=ticket.requester, release=made)


def test_a_centre_without_a_spare_node_is_planned_only_when_people_accept_what_is_lost(ticket):
    nothing_to_spare()
    wish_short = PartWish(Service.objects.get(name=BIG), "1.1.0", short=True)
    (part,) = planning.draft(parts=[wish_short]).plan["parts"]
    assert "SZ-A has no node to spare: its nodes are changed one at a time." in part["warnings"]
    losing = [batch for batch in part["batches"] if batch["blast"]["lost"] > 0]
    assert losing
    assert all(batch["concurrency"] == 1 for batch in losing)
    first = (
        f"While batch {losing[0]['number']} is under way, up to {losing[0]['blast']['lost'] * 100:.1f} % of the flow"
    )
    assert any(warning.startswith(first) for warning in part["warnings"])
