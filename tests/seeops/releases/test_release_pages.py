"""Pages of releases at full size: bytes, queries, and what the address shows."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from seeops.changes import services as changes
from seeops.inventory.models import Node, Service, Version
from seeops.releases import services
from seeops.releases.models import Batch, BatchNode, Release
from seeops.releases.planning import PartWish
from tests.estate import person

pytestmark = pytest.mark.django_db
FIRST_PAINT_BYTES = 150_000


@pytest.fixture
def release(estate: Any, tmp_path: Any) -> Release:
    service = Service.objects.get(name="quote-push")
    package = tmp_path / "package"
    package.write_bytes(b"package")
    digest = hashlib.sha256(b"package").hexdigest()
    Version.objects.update_or_create(service=service, number="1.1.0", defaults={"digest": digest, "file": str(package)})
    lin = person("lin", "operator")
    ticket = changes.ticket_create(actor=lin, title="quote-push", kind="normal", services=[service], reason="r")
    return services.release_plan(actor=lin, ticket=ticket, parts=[PartWish(service, "1.1.0")])


def test_the_first_paint_of_a_release_of_a_thousand_nodes_is_small(release, client, django_assert_max_num_queries):
    batch = Batch.objects.filter(release=release).last()
    planned = set(release.nodes.values_list("node_id", flat=True))
    more = Node.objects.exclude(pk__in=planned)[: 1000 - len(planned)]
    BatchNode.objects.bulk_create(
        BatchNode(batch=batch, release=release, node=node, position=1000 + index, from_version="1.0.0")
        for index, node in enumerate(more)
    )
    client.force_login(release.created_by)
    with django_assert_max_num_queries(40):
        page = client.get(f"/releases/{release.pk}/")
    assert page.status_code == 200
    assert release.nodes.count() == 1000
    assert len(page.content) < FIRST_PAINT_BYTES
    assert sum(len(nodes) for item in client.get(f"/releases/{release.pk}/board.json").json()["batches"]
               for _, nodes in item["centres"]) == 1000  # fmt: skip


def test_nothing_is_planned_while_the_nodes_are_unknown(release, client):
    Node.objects.filter(service=release.parts.get().service, centre__code="SZ-A").update(state="unknown")
    client.force_login(release.created_by)
    body = {"service": "quote-push", "version": "1.1.0"}
    answer = client.post("/api/v1/releases/preview/", body, content_type="application/json")
    assert answer.status_code == 400
    assert "unknown state" in answer.json()["detail"]
    assert "SZ-A" in answer.json()["detail"]


def test_every_tab_list_and_preview_answers(release, client, django_assert_max_num_queries):
    client.force_login(release.created_by)
    for tab in ("board", "verdicts", "log", "plan", "history", "audit"):
        assert client.get(f"/releases/{release.pk}/?tab={tab}").status_code == 200
    for part in ("live/", "log/?after=0", "verdicts/?last=1"):
        assert client.get(f"/releases/{release.pk}/{part}").status_code == 200
    with django_assert_max_num_queries(25):
        assert release.number in client.get("/releases/?q=quote").content.decode()
    assert client.get("/releases/?format=csv").status_code == 200
    address = f"/releases/preview/?ticket={release.ticket_id}&service=quote-push&version=1.1.0&soak_s=60"
    page = client.get(f"{address}&expression=1,+5%25,+30%25,+100%25&drain=1").content.decode()
    assert "240" in page
    assert "quote-push-wha-001" in page
    assert "Batch 2 (1%) is empty" in client.get(f"{address}&expression=1%25,+1%25,+100%25").content.decode()


def test_the_api_previews_plans_and_refuses_to_start_without_approval(release, client):
    client.force_login(release.created_by)
    body = {"service": "quote-push", "version": "1.1.0"}
    plan = client.post("/api/v1/releases/preview/", body, content_type="application/json").json()
    assert (plan["nodes"], plan["plan_digest"]) == (240, release.plan_digest)
    refused = client.post(f"/api/v1/releases/{release.pk}/start/", {}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (409, "rule")
    unknown = client.post("/api/v1/releases/preview/", {**body, "version": "9"}, content_type="application/json")
    assert (unknown.status_code, unknown.json()["field"]) == (400, "version")
    listing = client.get("/api/v1/releases/?state=ready").json()
    assert [row["number"] for row in listing["results"]] == [release.number]
