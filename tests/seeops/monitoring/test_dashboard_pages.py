"""Dashboards: the address restores the view, panels fail alone, and only named panels can be asked for."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from seeops.accounts.models import Person
from seeops.inventory import services as inventory
from seeops.monitoring import definitions
from seeops.topology import services as topology
from tests.prometheus_stub import PrometheusStub, matrix

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer(client: Client, valkey_url: str, settings, tmp_path) -> Client:
    settings.CLUSTER_ENDPOINTS = str(tmp_path / "endpoints.json")
    inventory.inventory_import(actor=None)
    topology.topology_import(actor=None)
    client.force_login(Person.objects.create_user(username="qian", password="x", roles=["auditor"]))
    return client


def panel(key: str = "service", name: str = "rate") -> str:
    return reverse("monitoring:panel", args=[key, name])


@pytest.mark.parametrize("key", [key for key, board in definitions.all_of_them().items() if not board.embedded])
def test_a_dashboard_asks_prometheus_nothing_before_its_first_paint(
    key: str, viewer: Client, stub: PrometheusStub, django_assert_max_num_queries
) -> None:
    with django_assert_max_num_queries(16):
        html = viewer.get(reverse("monitoring:dashboard", args=[key])).content.decode()
    assert stub.asked == []
    assert html.count("data-chart=") == sum(len(row.panels) for row in definitions.all_of_them()[key].rows)


def test_the_address_restores_variables_and_range(viewer: Client, stub: PrometheusStub) -> None:
    url = reverse("monitoring:dashboard", args=["service"])
    html = viewer.get(url, {"service": "auth", "centre": "SZ-B", "range": "1h"}).content.decode()
    assert '<option value="auth" selected>' in html
    assert "service=auth&amp;centre=SZ-B&amp;range=1h" in html


def test_a_panel_is_a_figure_with_links_one_level_deeper(viewer: Client, stub: PrometheusStub) -> None:
    stub.answer = lambda path, params: (200, matrix([({"centre": "SZ-A"}, [(float(params["end"]), 5)])]))
    figure = viewer.get(panel(), {"service": "auth"}).json()
    (trace,) = figure["data"]
    assert trace["name"] == "SZ-A"
    assert trace["meta"]["href"] == "/watch/dashboards/centre/?centre=SZ-A&range=15m"
    assert 'service="auth"' in stub.asked[0][1]["query"]


def test_nothing_measured_is_said_and_not_drawn_as_zero(viewer: Client, stub: PrometheusStub) -> None:
    stub.answer = lambda path, params: (200, matrix([]))
    figure = viewer.get(panel(), {"service": "auth"}).json()
    assert figure["data"] == []
    assert "not the same as zero" in figure["meta"]["note"]


def test_a_panel_that_fails_says_why(viewer: Client, stub: PrometheusStub) -> None:
    stub.answer = lambda path, params: (503, {"status": "error", "error": "too many queries"})
    answer = viewer.get(panel(), {"service": "auth"})
    assert answer.status_code == 503
    assert "too many queries" in answer.json()["detail"]


@pytest.mark.parametrize(
    "params",
    [{"service": 'x"} or vector(1) #'}, {"service": "auth", "centre": "nowhere"}, {"service": "auth", "range": "9y"}],
)
def test_what_the_inventory_does_not_know_is_refused_without_asking(
    params: dict, viewer: Client, stub: PrometheusStub
) -> None:
    assert viewer.get(panel(), params).status_code == 400
    assert stub.asked == []


def test_there_is_no_raw_query(viewer: Client, stub: PrometheusStub) -> None:
    viewer.get("/api/v1/dashboards/service/panels/rate/", {"service": "auth", "query": "up", "expr": "up"})
    assert all("service_centre:trading_requests:rate1m" in params["query"] for _path, params in stub.asked)
    assert viewer.get("/api/v1/dashboards/service/panels/nothing/").status_code == 400


def test_the_api_gives_lines_in_base_units(viewer: Client, stub: PrometheusStub) -> None:
    stub.answer = lambda path, params: (200, matrix([({"centre": "SZ-A"}, [(float(params["end"]), 0.005)])]))
    body = viewer.get("/api/v1/dashboards/service/panels/duration/", {"service": "auth"}).json()
    assert body["unit"] == "seconds"
    assert body["lines"][0]["values"][-1] == 0.005
    assert viewer.get("/api/v1/dashboards/").json()["count"] == len(definitions.all_of_them())


def test_panels_of_a_node_and_of_a_service(viewer: Client, stub: PrometheusStub) -> None:
    node = viewer.get(reverse("monitoring:node_panels", args=["auth-sza-001"])).content.decode()
    assert "node=auth-sza-001" in node
    service = viewer.get(reverse("monitoring:service_panels", args=["auth"])).content.decode()
    assert service.count("data-chart=") == 9


def test_dashboards_need_the_right_to_watch(client: Client, stub: PrometheusStub, valkey_url: str) -> None:
    client.force_login(Person.objects.create_user(username="nobody", password="x", roles=[]))
    assert client.get(reverse("monitoring:list")).status_code == 403
    assert client.get(panel()).status_code == 403
    assert client.get("/api/v1/dashboards/").status_code == 403
