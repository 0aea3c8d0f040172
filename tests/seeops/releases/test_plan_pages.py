"""The form on which several services are planned, at full size: what it shows, refuses, keeps, and how much it asks the database."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from seeops.changes import services as changes
from seeops.inventory.models import Node, Service, Version
from seeops.releases import planning, services, simulation
from seeops.releases.models import Release
from tests.estate import person

pytestmark = pytest.mark.django_db
NAMES = ("access-mobile", "quote-push", "session")
MOST_QUERIES = 45


@pytest.fixture
def ticket(estate: Any, tmp_path: Any) -> Any:
    package = tmp_path / "package"
    package.write_bytes(b"package")
    digest = hashlib.sha256(b"package").hexdigest()
    chosen = list(Service.objects.filter(name__in=NAMES))
    for service in chosen:
        Version.objects.update_or_create(
            service=service, number="1.1.0", defaults={"digest": digest, "file": str(package)}
        )
    lin = person("lin", "operator")
    return changes.ticket_create(actor=lin, title="three services", kind="normal", services=chosen, reason="r")


def fields(ticket: Any, *, rows: int = 3, **more: Any) -> dict[str, Any]:
    """The form as a browser sends it."""
    sent = {
        "ticket": ticket.pk, "soak_s": "60", "drain": "1", "lock_policy": "fail", "differ_min": "", "most_flow": "30",
        "service": list(NAMES[:rows]), "version": ["1.1.0"] * rows, "expression": ["1, 5%, 30%, 100%"] * rows,
        "reversibility": ["auto"] * rows, "order": ["spread"] * rows, "short": [""] * rows,
    }  # fmt: skip
    return {**sent, **more}


def test_a_form_begins_with_a_row_for_each_service_of_the_ticket(ticket, client):
    client.force_login(ticket.requester)
    page = client.get(f"/releases/new/?ticket={ticket.pk}").content.decode()
    assert all(f"<option selected>{name}</option>" in page for name in NAMES)
    assert "Choose ticket, service and version" in page
    assert page.count('name="version"') == 3


def test_a_preview_of_three_services_is_ordered_sized_and_cheap(ticket, client, django_assert_max_num_queries):
    client.force_login(ticket.requester)
    client.get("/releases/preview/", fields(ticket))
    with django_assert_max_num_queries(MOST_QUERIES) as asked:
        page = client.get("/releases/preview/", fields(ticket)).content.decode()
    few = len(asked)
    with django_assert_max_num_queries(MOST_QUERIES) as asked:
        client.get("/releases/preview/", fields(ticket, rows=1))
    # A service costs a few queries, its nodes none: 200, 240 and 56 of them here.
    assert few - len(asked) <= 8
    assert "496 nodes: session 1.1.0, access-mobile 1.1.0, quote-push 1.1.0" in page
    assert page.index("1. session") < page.index("2. access-mobile") < page.index("3. quote-push")
    assert "quote-push-wha-001" in page
    assert "was not measured yet: 20 s for each turn are assumed" in page
    assert "If it started now" in page
    assert len(page) < 100_000


def test_rows_are_added_and_removed_and_keep_what_was_entered(ticket, client):
    client.force_login(ticket.requester)
    two = fields(ticket, rows=2, expression=["5 *2", "10 20 20"])
    added = client.get("/releases/preview/", {**two, "add": "1"}).content.decode()
    assert added.count('name="expression"') == 3
    assert 'value="5 *2"' in added
    assert 'value="10 20 20"' in added
    removed = client.get("/releases/preview/", {**two, "remove": "1"}).content.decode()
    assert 'value="5 *2"' not in removed
    assert 'value="10 20 20"' in removed
    assert removed.count('name="expression"') == 1


def test_what_was_previewed_is_what_is_saved_with_every_choice(ticket, client):
    client.force_login(ticket.requester)
    sent = fields(
        ticket, rows=2, expression=["5 *2", "1, 30%, rest"], reversibility=["manual", "auto"], order=["spread", "centres"],
        differ_min="90", most_flow="10", lock_policy="queue", gate_fault="kill", gate_nodes="1", gate_duration_s="10",
        budget="5",
    )  # fmt: skip
    assert client.post("/releases/new/", sent).status_code == 302
    release = Release.objects.get()
    plan = release.plan
    by_name = {part["service"]: part for part in plan["parts"]}
    assert plan["policy"] == {"locks": "queue"}
    assert (plan["versions_differ_at_most_s"], plan["most_flow_share"]) == (5400, 0.1)
    assert plan["gates"]["chaos"]["duration_s"] == 10
    assert plan["budget"] == {"share": 0.05}
    assert "Up to 5 % of a batch may be lost" in client.get(f"/changes/{ticket.pk}/").content.decode()
    assert by_name["access-mobile"]["reversibility"] == "manual"
    assert [len(b["nodes"]) for b in by_name["access-mobile"]["batches"]] == [5, 10, 20, 40, 80, 45]
    centres = [{node["centre"] for node in batch["nodes"]} for batch in by_name["quote-push"]["batches"]]
    assert centres == [{"WH-A"}] * 3 + [{"SZ-B"}] * 3 + [{"SZ-A"}] * 3
    for part in plan["parts"]:
        assert all(batch["blast"]["at_once"] <= 0.1 and batch["blast"]["lost"] == 0 for batch in part["batches"])
    again = planning.inputs_again(plan, {service.name: service for service in ticket.services.all()})
    assert planning.draft(**again).digest == release.plan_digest


def test_what_cannot_be_planned_says_why_beside_what_was_entered(ticket, client):
    client.force_login(ticket.requester)
    for change, words in (
        ({"expression": ["1, 5%, 5%", "1 *2", "1 *2"]}, "Batch 3 (5%) is empty"),
        ({"soak_s": "long"}, "is a whole number, not “long”"),
        ({"version": ["9.9", "1.1.0", "1.1.0"]}, "has no version “9.9”"),
        ({"most_flow": "0"}, "share of the flow"),
        ({"budget": "51"}, "between 0 and 50 % of the nodes may be lost"),
        ({"service": ["session", "session", "session"]}, "Named twice: session"),
    ):
        page = client.get("/releases/preview/", fields(ticket, **change)).content.decode()
        assert words in page, change
        refused = client.post("/releases/new/", fields(ticket, **change))
        assert (refused.status_code, words in refused.content.decode()) == (400, True), change
    assert not Release.objects.exists()


def test_a_saved_plan_is_tried_out_anew_each_time_it_is_looked_at(ticket, client):
    client.force_login(ticket.requester)
    client.post("/releases/new/", fields(ticket, rows=1))
    release = Release.objects.get()
    assert "nothing stands in its way" in client.get(f"/releases/{release.pk}/simulation/").content.decode()
    assert "simulation" in client.get(f"/releases/{release.pk}/?tab=plan").content.decode()
    Node.objects.filter(service__name="access-mobile", centre__code="WH-A", name__lt="access-mobile-wha-011").update(
        state="down"
    )
    page = client.get(f"/releases/{release.pk}/simulation/").content.decode()
    assert "it could not start" in page
    assert "access-mobile has no node to spare in WH-A now: 14 serve, 14 are needed." in page


def test_a_start_is_refused_while_there_is_less_to_spare_than_the_plan_takes(ticket):
    wish = planning.PartWish(Service.objects.get(name="session"), "1.1.0")
    release = services.release_plan(actor=ticket.requester, ticket=ticket, parts=[wish])
    chosen = [wish.service]
    simulation.require_possible(release.plan, chosen)
    Node.objects.filter(service__name="session", centre__code="SZ-A", name__lt="session-sza-010").update(state="down")
    with pytest.raises(
        simulation.RuleViolation, match=r"takes 3 nodes of session away in SZ-A .* only 2 may leave now"
    ):
        simulation.require_possible(release.plan, chosen)
