"""Pages and API of the topology."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from seeops.core.errors import InvalidInput
from seeops.inventory import selectors as inventory
from seeops.inventory.models import Centre, Node
from seeops.topology import selectors
from tests.estate import person


@pytest.fixture
def client(db: None) -> Client:
    client = Client()
    client.force_login(person("lin", "operator"))
    return client


def test_the_picture_stays_small(client: Client, estate: dict[str, Any], django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(20):
        answer = client.get("/topology/graph.json")
    assert len(answer.content) < 120_000
    assert len(answer.json()["things"]) == 32
    login = client.get("/topology/graph.json?chain=login").json()
    assert len(login["things"]) == 5 and login["hidden"] == 27


def test_the_table_says_the_same_as_the_picture(client: Client, small_estate: dict[str, Any]) -> None:
    page = client.get("/topology/?domain=options").content.decode()
    things = client.get("/topology/graph.json?domain=options").json()["things"]
    assert page.count("data-map-focus=") == len(things)
    assert all(f'data-map-focus="{thing["id"]}"' in page for thing in things)


def test_chains_and_panels(client: Client, small_estate: dict[str, Any]) -> None:
    assert "Cash equity order" in client.get("/topology/chains/").content.decode()
    assert client.get("/topology/chains/cash-order/").status_code == 200
    assert client.get("/topology/chains/none/").status_code == 404
    lost = client.get("/topology/services/matching/impact/").content.decode()
    assert "Customers notice" in lost and "Cash equity order" in lost
    one = client.get("/topology/services/quote-push/impact/?down=quote-push@SZ-A:1").content.decode()
    assert "No business chain is hit" in one
    assert "Sign-in" in client.get("/topology/services/auth/chains/").content.decode()
    dialog = client.post("/topology/impact/part/", {"pick": ["auth-sza-001"]})
    assert dialog.status_code == 200
    asked = client.get("/topology/impact/?centre=SZ-A&service=auth&basis=planned").content.decode()
    assert "Redundancy left" in asked
    assert client.get("/topology/services/auth/impact/?down=nonsense").status_code == 400


def test_the_api_answers_what_breaks(client: Client, small_estate: dict[str, Any]) -> None:
    question = {"services": ["auth"], "down": [{"service": "session", "centre": "SZ-A", "nodes": 1}]}
    report = client.post("/api/v1/impact/", question, content_type="application/json").json()
    assert report["verdict"] == "breaks" and {"login"} <= {chain["code"] for chain in report["chains"]}
    assert len(report["digest"]) == len(report["snapshot_digest"]) == 64
    wrong = client.post("/api/v1/impact/", {"nodes": ["nowhere"]}, content_type="application/json")
    assert (wrong.status_code, wrong.json()["field"]) == (400, "targets")


def test_how_many_may_leave_counts_quorum_and_unknown(small_estate: dict[str, Any]) -> None:
    quote, match = inventory.service_by_name("quote-push"), inventory.service_by_name("matching")
    first = Centre.objects.get(code="SZ-A")
    serving = inventory.nodes_of(quote).filter(centre=first)
    needed = inventory.needed()["quote-push", "SZ-A"]
    assert selectors.max_unavailable(quote, first) == serving.count() - needed
    Node.objects.filter(pk=serving[0].pk).update(state="unknown")
    assert selectors.max_unavailable(quote, first) == serving.count() - needed - 1
    assert selectors.max_unavailable(match, first) == 1
    Node.objects.filter(service=match, centre=first, shard=0).update(state="down")
    assert selectors.max_unavailable(match, first) == 0


def test_a_basis_is_one_of_two(small_estate: dict[str, Any]) -> None:
    Node.objects.update(state="unknown")
    assert not any(node.serving for node in selectors.snapshot().nodes)
    assert all(node.serving for node in selectors.snapshot("planned").nodes)
    with pytest.raises(InvalidInput):
        selectors.snapshot("hoped")
