"""Every page of the rail, wide and narrow, light and dark: it draws, nothing fails, nothing sticks out, axe finds nothing serious."""

from __future__ import annotations

from typing import Any

import pytest

from seeops.bootstrap.paths import SHARED_VAR
from tests.e2e.conftest import Visit
from tests.product import Product

AXE = SHARED_VAR / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
PEOPLE = ("lin", "sun", "he", "admin")


def rail(page: Any) -> list[str]:
    return sorted(set(page.eval_on_selector_all("nav.rail a[href]", "links => links.map(a => a.getAttribute('href'))")))


def settle(page: Any) -> None:
    page.wait_for_load_state("load")
    page.wait_for_function("() => !document.querySelector('.htmx-request')")


def sticks_out(page: Any) -> int:
    """How many pixels the page is wider than the window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def serious_findings(page: Any) -> list[str]:
    # The page's own policy forbids added scripts, as it should; evaluate runs beside it.
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary'][:200]}"
        for rule in found["violations"]
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"][:3]
    ]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("width", "dark"), [(1440, False), (390, True), (1440, True), (390, False)])
def test_every_page_draws(product: Product, visit: Visit, width: int, dark: bool) -> None:
    shots = product.instance.var / "shots"
    shots.mkdir(exist_ok=True)
    problems: list[str] = []
    seen: set[str] = set()
    for person in PEOPLE:
        page = visit(person, width=width, dark=dark)
        for address in rail(page):
            if address in seen:
                continue
            seen.add(address)
            answer = page.goto(address)
            settle(page)
            name = f"{address.strip('/').replace('/', '-') or 'overview'}-{width}-{'dark' if dark else 'light'}"
            page.screenshot(path=shots / f"{name}.png", full_page=True)
            if answer.status != 200:
                problems.append(f"{address}: {answer.status}")
            if sticks_out(page) > 0:
                problems.append(f"{address}: {sticks_out(page)} px wider than {width}")
            problems += [f"{address}: {finding}" for finding in serious_findings(page)]
    assert len(seen) >= 10
    assert problems == []
