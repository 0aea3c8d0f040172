"""What became of the two releases that an operator began: good versions of two services reach everybody, in the order of what
depends on what; a bad one is caught early and rolled back; nobody was touched twice, although other walks went on beside them."""

from __future__ import annotations

import pytest

from tests.e2e import walks
from tests.e2e.conftest import BAD, GOOD, Begun, Visit
from tests.e2e.test_pages import serious_findings, settle
from tests.product import Product


@pytest.mark.timeout(900)
def test_a_good_version_reaches_everybody_and_a_bad_one_is_caught(product: Product, begun: Begun, visit: Visit) -> None:
    caught = walks.ended(product, begun.bad, 420)
    assert caught["state"] == "rolled_back", caught["state_reason"]
    failed = [verdict["batch"] for verdict in caught["verdicts"] if verdict["outcome"] == "FAIL"]
    assert failed, caught["verdicts"]
    assert min(failed) <= 2, "a bad version must be caught in the first two batches"
    others = walks.nodes_of(product, BAD[0].service)
    assert {node["version"] for node in others} == {"1.0.0"}

    done = walks.ended(product, begun.good, 600)
    assert done["state"] == "done", done["state_reason"]
    assert sorted(part["service"] for part in done["parts"]) == sorted(part.service for part in GOOD)
    of_batches = [batch["service"] for batch in done["batches"]]
    assert of_batches == sorted(of_batches, key=[part["service"] for part in done["parts"]].index), "part after part"
    reached = [node for part in GOOD for node in walks.nodes_of(product, part.service)]
    assert len(reached) >= 200
    assert {node["version"] for node in reached} == {"1.1.0"}
    assert [verdict["outcome"] for verdict in done["verdicts"]].count("PASS") >= len(of_batches) - 1

    assert walks.executed_more_than_once(reached + others) == {}
    assert walks.runners(product) == []
    look_at_the_evidence(product, begun, visit)


def look_at_the_evidence(product: Product, begun: Begun, visit: Visit) -> None:
    """The pages of the walk, as they are in the end: ticket, release with verdicts and their digests, the batches, the audit."""
    shots = product.instance.var / "shots"
    shots.mkdir(exist_ok=True)
    problems: list[str] = []
    for width, dark in ((1440, False), (390, True)):
        page = visit("lin", width=width, dark=dark)
        for name, address, text in (
            ("ticket", begun.ticket, "done"),
            ("good", begun.good, "done"),
            ("bad", begun.bad, "rolled back"),
        ):
            page.goto(address)
            page.get_by_text(text).first.wait_for()
            settle(page)
            page.screenshot(path=shots / f"walk-{name}-{width}-{'dark' if dark else 'light'}.png", full_page=True)
            problems += [f"{name} {width}: {finding}" for finding in serious_findings(page)]
    assert problems == []
    auditor = visit("he")
    auditor.goto("/audit/")
    auditor.locator("tbody tr", has_text="release.").first.wait_for()
