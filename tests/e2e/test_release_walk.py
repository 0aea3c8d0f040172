"""What became of the two releases that an operator began: the good version reaches everybody, the bad one is caught early and
rolled back, and nobody was touched twice, although other walks went on beside them and processes were killed."""

from __future__ import annotations

import pytest

from tests.e2e import walks
from tests.e2e.conftest import Begun, Visit
from tests.product import Product


@pytest.mark.timeout(900)
def test_a_good_version_reaches_everybody_and_a_bad_one_is_caught(product: Product, begun: Begun, visit: Visit) -> None:
    caught = walks.ended(product, begun.bad, 420)
    assert caught["state"] == "rolled_back", caught["state_reason"]
    failed = [verdict["batch"] for verdict in caught["verdicts"] if verdict["outcome"] == "FAIL"]
    assert failed, caught["verdicts"]
    assert min(failed) <= 2, "a bad version must be caught in the first two batches"
    others = walks.nodes_of(product, begun.other)
    assert {node["version"] for node in others} == {"1.0.0"}

    done = walks.ended(product, begun.good, 600)
    assert done["state"] == "done", done["state_reason"]
    reached = walks.nodes_of(product, begun.big)
    assert {node["version"] for node in reached} == {"1.1.0"}
    assert [verdict["outcome"] for verdict in done["verdicts"]].count("PASS") >= 4

    assert walks.executed_more_than_once(reached + others) == {}
    assert walks.runners(product) == []
    page = visit("lin")
    page.goto(begun.good)
    page.get_by_text("done").first.wait_for()
    page.goto(begun.bad)
    page.get_by_text("rolled back").first.wait_for()
