"""The overview: what is wrong comes first, what is not measured is never good, and the page stays cheap."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from seeops.accounts.models import Person
from seeops.inventory import services as inventory
from seeops.monitoring import now, prometheus
from seeops.topology import services as topology
from tests import monitored_cluster
from tests.prometheus_stub import PrometheusStub, running

pytestmark = pytest.mark.django_db


@pytest.fixture
def stub(settings, valkey_url: str, tmp_path) -> Iterator[PrometheusStub]:
    """A stand-in for Prometheus and the inventory of the whole cluster, which itself does not run."""
    settings.CLUSTER_ENDPOINTS = str(tmp_path / "endpoints.json")
    inventory.inventory_import(actor=None)
    topology.topology_import(actor=None)
    cache.clear()
    with running() as server:
        settings.PROMETHEUS_URL = server.url
        prometheus.forget()
        now._flights.forget()
        yield server
    prometheus.forget()
    now._flights.forget()
    cache.clear()


@pytest.fixture
def page(client: Client):
    person = Person.objects.create_user(username="lin", password="x", roles=["operator"])
    client.force_login(person)

    def get(name: str = "console:overview") -> str:
        answer = client.get(reverse(name), headers={} if name == "console:overview" else {"HX-Request": "true"})
        assert answer.status_code == 200
        return answer.content.decode()

    return get


def chain_states(html: str) -> list[tuple[str, str]]:
    return [
        (code, state.strip())
        for state, code in re.findall(r'<article class="chain-row ([a-z ]*)" id="chain-([a-z-]+)"', html)
    ]


def test_every_chain_is_shown_and_all_is_calm(stub: PrometheusStub, page) -> None:
    stub.answer = monitored_cluster.healthy()
    html = page()
    states = chain_states(html)
    assert len(states) == 14
    assert {state for _code, state in states} == {"good"}
    assert "1\u2009204" in html
    assert "150" in html


def test_the_failing_chain_comes_first_and_names_its_hop(stub: PrometheusStub, page) -> None:
    stub.answer = monitored_cluster.healthy(failing_hop=("wealth-purchase", "product"))
    html = page()
    assert chain_states(html)[0] == ("wealth-purchase", "bad")
    assert "look at product" in html
    assert re.search(r'class="hop bad sync first"[^>]*service=product', html)


def test_without_prometheus_the_page_renders_unknown_and_says_why(stub: PrometheusStub, page) -> None:
    stub.answer = lambda path, params: (503, {"status": "error", "error": "starting"})
    html = page()
    assert {state for _code, state in chain_states(html)} == {"unknown"}
    assert "No measurements" in html
    assert "starting" in html
    assert 'class="hop good' not in html


def test_an_outage_keeps_the_last_figures_but_not_as_good(stub: PrometheusStub, page) -> None:
    stub.answer = monitored_cluster.healthy(age_s=3600)
    now.refresh()
    stub.answer = lambda path, params: (503, {"status": "error", "error": "gone"})
    prometheus.forget()
    now.refresh()
    html = page()
    assert {state for _code, state in chain_states(html)} == {"unknown"}
    assert "10.0<i>/s</i>" in html
    assert "last that were measured" in html


def test_stale_rules_are_unknown(stub: PrometheusStub, page) -> None:
    stub.answer = monitored_cluster.healthy(age_s=31)
    html = page()
    assert {state for _code, state in chain_states(html)} == {"unknown"}
    assert "Measurements are stale" in html


def test_chains_seen_by_some_data_centres_only_are_not_called_good(stub: PrometheusStub, page) -> None:
    stub.answer = monitored_cluster.healthy(centres_up=2)
    html = page()
    assert {state for _code, state in chain_states(html)} == {"unknown"}
    assert "1 data centre is not measured" in html


def test_no_heartbeat_is_said_and_no_alert_is_not_called_none(stub: PrometheusStub, page) -> None:
    stub.answer = monitored_cluster.healthy()
    assert "Alerting is blind" in page()


def test_the_page_is_cheap(stub: PrometheusStub, page, django_assert_max_num_queries) -> None:
    stub.answer = monitored_cluster.healthy()
    now.refresh()
    assert len(stub.asked) <= 5
    with django_assert_max_num_queries(10):
        fragment = page("console:now")
    assert len(stub.asked) <= 5
    assert len(fragment.encode()) < 100_000
    assert len(page().encode()) < 100_000


def test_viewers_share_one_snapshot(stub: PrometheusStub, page) -> None:
    stub.answer = monitored_cluster.healthy()
    page()
    asked = len(stub.asked)
    for _ in range(5):
        page("console:now")
    assert len(stub.asked) == asked


def test_the_page_is_for_people_who_may_see_the_estate(client: Client, stub: PrometheusStub) -> None:
    assert client.get(reverse("console:overview")).status_code == 302
    client.force_login(Person.objects.create_user(username="nobody", password="x", roles=[]))
    assert client.get(reverse("console:overview")).status_code == 403


def test_metrics_say_what_redundancy_is_needed(stub: PrometheusStub, page, client: Client) -> None:
    page()
    text = client.get(reverse("metrics")).content.decode()
    assert 'seeops_redundancy_needed{service="auth",centre="SZ-A"} 10' in text
    assert "\nseeops_alert_heartbeat_age_seconds " not in text
