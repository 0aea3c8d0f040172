"""An on-call person goes from an alert to the dashboard and to the node that causes it."""

from __future__ import annotations

import re

import pytest

from tests.e2e.conftest import Visit
from tests.polling import eventually
from tests.product import Product
from trading_sim.client import ClusterClient

NODE = "order-trading-szb-001"


@pytest.mark.timeout(300)
def test_from_alert_to_dashboard_to_node(product: Product, visit: Visit) -> None:
    cluster = ClusterClient(product.instance.var / "cluster" / "endpoints.json")
    cluster.fault("kill", centre="SZ-B", nodes=[NODE], lease_s=240, owner="walk")
    api = product.api("sun")

    def group() -> dict | None:
        rows = api.get("alerts/", limit=100)["results"]
        return next((row for row in rows if row["name"] == "NodeDown" and row["service"] == "order-trading"), None)

    found = eventually(group, "an alert group about the killed node", 120, interval_s=1.0)
    page = visit("sun")
    page.goto("/alerts/")
    page.get_by_role("link", name=re.compile("order-trading")).first.click()
    page.wait_for_url(re.compile(rf"/alerts/{found['id']}/"))
    page.get_by_role("button", name=re.compile("Acknowledge")).first.click()
    dialog = page.locator("dialog[open]")
    if dialog.count():
        dialog.locator("textarea, input[name=note]").first.fill("looking at it")
        dialog.get_by_role("button", name=re.compile("Acknowledge")).click()
    page.get_by_text("acknowledged").first.wait_for()

    page.get_by_role("link", name="Dashboard of the service order-trading").click()
    page.wait_for_url(re.compile("/watch/dashboards/service/"))
    page.locator("[data-chart][data-drawn]").first.wait_for()

    page.goto(f"/alerts/{found['id']}/")
    page.get_by_role("link", name=re.compile(NODE)).first.click()
    page.wait_for_url(re.compile(f"/estate/nodes/{NODE}/"))
    page.get_by_text("down").first.wait_for()
    assert NODE in page.get_by_role("heading", level=1).inner_text()
