"""The database is away for ten seconds, then the live store: a clear page that comes back by itself, and no dead live page."""

from __future__ import annotations

import time

import pytest
import requests

from tests.e2e.conftest import Begun, Visit
from tests.polling import eventually
from tests.product import Product

AWAY_S = 10.0
MARK = "[data-stream-state]"
# Counts what arrives over the page's stream, without touching how the page itself listens.
COUNT = """() => {
    window.heard = 0;
    document.body.addEventListener("live:tick", () => { window.heard += 1; });
}"""


def answers(product: Product) -> bool:
    return requests.get(f"{product.console}/healthz/", timeout=10).ok


@pytest.mark.timeout(240)
def test_a_database_that_is_away_is_said_and_comes_back(product: Product, begun: Begun, visit: Visit) -> None:
    page = visit("lin", outages=True)
    page.goto(begun.good)
    page.evaluate(COUNT)
    other = page.context.new_page()
    with product.without("postgres"):
        began = time.monotonic()
        other.goto("/estate/nodes/")
        other.get_by_text("The database does not answer.").wait_for()
        assert "Traceback" not in other.content()
        api = requests.get(f"{product.console}/api/v1/nodes/", headers=product.api("lin").headers, timeout=30)
        assert (api.status_code, api.json()["code"]) == (503, "unavailable")
        eventually(lambda: time.monotonic() - began > AWAY_S, "ten seconds have passed", 30)
    other.get_by_role("heading", name="Nodes").wait_for()
    page.wait_for_function("() => window.heard >= 1")
    page.locator(MARK).wait_for(state="hidden")
    eventually(lambda: answers(product), "the console is ready", 20)


@pytest.mark.timeout(240)
def test_no_page_needs_the_live_store(product: Product, begun: Begun, visit: Visit) -> None:
    page = visit("lin", outages=True)
    page.goto(begun.good)
    page.evaluate(COUNT)
    other = page.context.new_page()
    with product.without("valkey"):
        assert other.goto("/estate/nodes/").status == 200
        other.get_by_role("heading", name="Nodes").wait_for()
    heard = page.evaluate("window.heard")
    page.wait_for_function("before => window.heard > before", arg=heard)
    page.locator(MARK).wait_for(state="hidden")
