"""Scrape targets: right labels, one query, and the last good list when the database is away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from seeops.accounts import services as accounts
from seeops.accounts.selectors import machine
from seeops.core.errors import InvalidInput, Unavailable
from seeops.inventory import discovery
from seeops.inventory.models import Centre, Node
from tests.estate import person


@pytest.fixture(autouse=True)
def own_files(settings: Any, tmp_path: Any) -> Iterator[None]:
    settings.VAR_DIR = tmp_path
    discovery.forget()
    yield
    discovery.forget()


def addressed() -> None:
    Centre.objects.filter(code="SZ-A").update(url="http://10.0.0.1:9000")
    Node.objects.filter(name="auth-sza-001").update(agent_url="http://10.0.0.1:9000/nodes/auth-sza-001")


def test_a_node_is_a_target_with_its_place(small_estate: dict[str, Any], django_assert_num_queries: Any) -> None:
    addressed()
    with django_assert_num_queries(1):
        (target,) = discovery.http_sd("node")
        discovery.http_sd("node")
    assert target["targets"] == ["10.0.0.1:9000"]
    assert target["labels"] == {
        "__metrics_path__": "/nodes/auth-sza-001/metrics", "__scheme__": "http", "instance": "auth-sza-001",
        "node": "auth-sza-001", "service": "auth", "centre": "SZ-A", "site": "shenzhen", "domain": "common",
    }  # fmt: skip


def test_the_last_good_list_outlives_the_database(small_estate: dict[str, Any], monkeypatch: Any) -> None:
    addressed()
    good = discovery.http_sd("node")
    discovery.forget()

    def away() -> list[Any]:
        raise OperationalError("the server closed the connection")

    monkeypatch.setitem(discovery.JOBS, "node", away)
    assert json.loads(json.dumps(good)) == discovery.http_sd("node")
    monkeypatch.setitem(discovery.JOBS, "centre", away)
    with pytest.raises(Unavailable, match="never read"):
        discovery.http_sd("centre")
    with pytest.raises(InvalidInput, match="nonsense"):
        discovery.http_sd("nonsense")


def test_machines_and_nobody_else_read_targets(small_estate: dict[str, Any]) -> None:
    addressed()
    _, key = accounts.token_create(actor=None, person=machine("monitoring"), name="scrape")
    operator, operator_key = accounts.token_create(actor=None, person=person("lin", "operator"), name="own")
    url = "/api/v1/http-sd/node/"
    assert Client().get(url).status_code == 401
    assert Client(headers={"authorization": f"Bearer {operator_key}"}).get(url).status_code == 403
    answer = Client(headers={"authorization": f"Bearer {key}"}).get(url)
    assert answer.status_code == 200 and answer.json()[0]["labels"]["node"] == "auth-sza-001"
