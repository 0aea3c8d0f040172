"""Pages and API of the inventory: filters, keys, bulk plans, few queries."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.test import Client

from seeops.inventory import listing, selectors
from seeops.inventory.models import Node, NodeAction, SavedView
from tests.estate import RunningCentre, person

PART = {"HX-Request": "true"}


def signed_in(*roles: str, **kwargs: Any) -> Client:
    client = Client(**kwargs)
    client.force_login(person("lin", *roles))
    return client


def body(response: Any) -> str:
    return response.content.decode()


def test_the_list_of_all_nodes_takes_few_queries(estate: dict[str, Any], django_assert_max_num_queries: Any) -> None:
    client = signed_in("operator")
    client.get("/estate/nodes/")
    # The part that htmx refreshes: the page without the rail, whose counts belong to other apps.
    with django_assert_max_num_queries(8):
        assert "1 204" in body(client.get("/estate/nodes/", headers=PART)).replace("\u2009", " ")
    with django_assert_max_num_queries(8):
        client.get("/estate/nodes/?service=quote-push&state=up&q=push+sza&sort=-state", headers=PART)


@pytest.mark.parametrize("sort", ["name", "-name", "service", "-centre", "state", "version", "since"])
def test_pages_by_key_show_every_node_once(small_estate: dict[str, Any], sort: str) -> None:
    Node.objects.filter(service__name="auth").update(state="down", version="1.1.0")
    seen: list[str] = []
    after = ""
    while True:
        page = listing.page(selectors.active_nodes(), sort=sort, after=after, size=23)
        seen += [node.name for node in page.nodes]
        after = page.after
        if not after:
            break
    assert len(seen) == len(set(seen)) == page.total == Node.objects.count()
    if sort == "state":
        assert {name.split("-")[0] for name in seen[: Node.objects.filter(state="down").count()]} == {"auth"}


def test_filters_of_the_address(small_estate: dict[str, Any]) -> None:
    client = signed_in("operator")
    Node.objects.filter(name="auth-sza-001").update(desired_version="1.1.0")
    assert "auth-szb-001" not in body(client.get("/estate/nodes/?service=auth&centre=SZ-A"))
    drift = body(client.get("/estate/nodes/?drift=1"))
    assert "auth-sza-001" in drift and "session-sza-001" not in drift
    assert "No node matches" in body(client.get("/estate/nodes/?q=nothing-like-this"))
    assert client.get("/estate/nodes/?state=fine").status_code == 400
    assert client.get("/estate/nodes/?sort=colour").status_code == 400


def test_the_export_has_every_filtered_row(small_estate: dict[str, Any]) -> None:
    response = signed_in("operator").get("/estate/nodes/?format=csv&service=auth")
    rows = list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode("utf-8-sig"))))
    assert [row["node"] for row in rows] == sorted(
        selectors.active_nodes().filter(service__name="auth").values_list("name", flat=True)
    )
    assert {row["state"] for row in rows} == {"up"}


def test_views_are_saved_per_person(small_estate: dict[str, Any]) -> None:
    client = signed_in("operator")
    client.post("/estate/nodes/views/save/", {"name": "auth", "query": "?service=auth&after=x~y"})
    assert SavedView.objects.get().query == "?service=auth"
    other = Client()
    other.force_login(person("wang", "operator"))
    assert (
        SavedView.objects.get().name
        not in body(other.get("/estate/nodes/?q=session")).split("<tbody")[0].split("views/")[-1]
    )
    client.post("/estate/nodes/views/delete/", {"name": "auth"})
    assert not SavedView.objects.exists()


def test_a_plan_says_what_it_takes_and_refuses_what_breaks(small_estate: dict[str, Any]) -> None:
    client = signed_in("operator")
    group = list(
        selectors.active_nodes().filter(service__name="quote-push", centre__code="SZ-A").values_list("name", flat=True)
    )
    fits = body(client.post("/estate/nodes/plan/", {"verb": "drain", "pick": group[:1]}))
    assert 'name="reason"' in fits and "/topology/impact/part/" in fits
    breaks = body(client.post("/estate/nodes/plan/", {"verb": "drain", "pick": group}, headers=PART))
    assert "Refused" in breaks and 'name="reason"' not in breaks
    matching = client.post("/estate/nodes/plan/", {"verb": "diagnose", "scope": "all", "query": "?service=quote-push"})
    assert body(matching).count('name="pick"') == selectors.active_nodes().filter(service__name="quote-push").count()
    assert client.post("/estate/nodes/plan/", {"verb": "configure", "pick": group[:1]}).status_code == 400


def test_several_nodes_become_a_batch_to_follow(small_estate: dict[str, Any]) -> None:
    client = signed_in("operator")
    picked = ["auth-sza-001", "auth-szb-001"]
    asked = client.post(
        "/estate/nodes/act/", {"verb": "diagnose", "pick": picked, "reason": "look", "key": "k"}, follow=True
    )
    assert "0 / 2" in body(asked) and NodeAction.objects.count() == 2
    client.post("/estate/nodes/act/", {"verb": "diagnose", "pick": picked, "reason": "look", "key": "k"})
    assert NodeAction.objects.count() == 2


def test_a_node_page_lives_without_its_agent(centre: RunningCentre, small_estate: dict[str, Any]) -> None:
    client = signed_in("operator", "auditor")
    for tab in ("summary", "relations", "metrics", "history", "audit"):
        assert client.get(f"/estate/nodes/auth-szb-001/?tab={tab}").status_code == 200
    assert "does not answer" in body(client.get("/estate/nodes/auth-szb-001/live/"))
    assert "cannot be read" in body(client.get("/estate/nodes/auth-szb-001/log/"))
    assert "does not answer" in body(client.get("/estate/nodes/auth-szb-001/configuration/"))
    assert "as of" in body(client.get("/estate/nodes/auth-sza-001/live/"))
    assert "is up" in body(client.get("/estate/nodes/auth-sza-001/log/"))
    assert client.get("/estate/nodes/no-such-node/").status_code == 404


def test_a_configuration_is_shown_as_difference_before_it_is_applied(
    centre: RunningCentre, small_estate: dict[str, Any]
) -> None:
    client, url = signed_in("operator"), "/estate/nodes/session-sza-001/configuration/"
    current = centre.agent("session-sza-001", "config")
    wanted = current["content"].replace("timeout_ms = 500", "timeout_ms = 450")
    shown = body(client.post(url, {"content": wanted.replace("\n", "\r\n")}))
    assert "-timeout_ms = 500" in shown and "+timeout_ms = 450" in shown
    change = {"content": wanted, "step": "apply", "base": current["digest"], "reason": "faster", "key": "c1"}
    client.post(url, change)
    assert centre.agent("session-sza-001", "config")["content"] == wanted
    late = client.post(url, change | {"content": current["content"], "key": "c2"})
    assert late.status_code == 409 and "changed meanwhile" in body(late)


def test_services_with_redundancy_and_versions(estate: dict[str, Any], django_assert_max_num_queries: Any) -> None:
    client = signed_in("operator")
    client.get("/estate/services/")
    with django_assert_max_num_queries(12):
        assert "quote-push" in body(client.get("/estate/services/", headers=PART))
    page = body(client.get("/estate/services/quote-push/"))
    assert page.count("data-node") == 240 and "1.0.0" in page
    assert client.get("/estate/services/absent/").status_code == 404


def test_the_api_filters_and_acts_as_the_pages_do(centre: RunningCentre, small_estate: dict[str, Any]) -> None:
    client = signed_in("operator")
    listed = client.get("/api/v1/nodes/?service=auth&centre=SZ-A&limit=1").json()
    assert listed["results"][0]["name"] == "auth-sza-001" and set(listed) == {"count", "next", "results"}
    assert client.get("/api/v1/nodes/?state=fine").json()["field"] == "state"
    done = client.post("/api/v1/nodes/auth-sza-001/diagnose/", {"reason": "look"}, content_type="application/json")
    assert (done.status_code, done.json()["state"]) == (200, "done")
    group = selectors.active_nodes().filter(service__name="reconciliation", centre__code="SZ-A")
    refused = client.post(f"/api/v1/nodes/{group[0].name}/drain/", {"reason": "x"}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (409, "redundancy")
    for resource in ("sites", "centres", "domains", "services", "versions", "chains"):
        assert client.get(f"/api/v1/{resource}/").status_code == 200


def test_who_may_not_see_the_estate_sees_nothing(small_estate: dict[str, Any]) -> None:
    client = signed_in()
    for url in ("/estate/nodes/", "/estate/services/", "/estate/nodes/auth-sza-001/", "/topology/", "/api/v1/nodes/"):
        assert client.get(url).status_code == 403
