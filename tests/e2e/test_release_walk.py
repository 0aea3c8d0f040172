"""An operator brings a good and a bad version to services of 200 nodes and more: ticket, impact, approval by somebody else,
batches, verdicts; the bad one is caught early and rolled back, and nobody was touched twice."""

from __future__ import annotations

import pytest

from tests.e2e import walks
from tests.e2e.conftest import Visit
from tests.product import Product

BIG, OTHER = "quote-push", "access-mobile"
EXPRESSION, SOAK_S = "1, 5%, 30%, 100%", 30


def prepare(visit: Visit, *, service: str, version: str) -> str:
    """The operator asks and plans, the approver approves, the operator starts: the release's address."""
    operator, approver = visit("lin"), visit("chen")
    ticket = walks.request_change(operator, title=f"{service} to {version}", service=service)
    release = walks.plan_release(
        operator, ticket, service=service, version=version, expression=EXPRESSION, soak_s=SOAK_S
    )
    walks.submit(operator, ticket)
    operator.goto(ticket)
    assert operator.get_by_role("button", name="Decide…").count() == 0, "the requester must not decide"
    walks.approve(approver, ticket)
    walks.start(operator, release)
    return release


@pytest.mark.timeout(900)
def test_a_good_version_reaches_everybody_and_a_bad_one_is_caught(product: Product, visit: Visit) -> None:
    assert len(walks.observed(product, BIG)) >= 200
    walks.observed(product, OTHER)
    good = prepare(visit, service=BIG, version="1.1.0")
    bad = prepare(visit, service=OTHER, version="1.2.0")

    caught = walks.ended(product, bad, 420)
    assert caught["state"] == "rolled_back", caught["state_reason"]
    failed = [verdict["batch"] for verdict in caught["verdicts"] if verdict["outcome"] == "FAIL"]
    assert failed, caught["verdicts"]
    assert min(failed) <= 2, "a bad version must be caught in the first two batches"
    others = walks.nodes_of(product, OTHER)
    assert {node["version"] for node in others} == {"1.0.0"}

    done = walks.ended(product, good, 600)
    assert done["state"] == "done", done["state_reason"]
    reached = walks.nodes_of(product, BIG)
    assert {node["version"] for node in reached} == {"1.1.0"}
    assert [verdict["outcome"] for verdict in done["verdicts"]].count("PASS") >= 4

    assert walks.executed_more_than_once(reached + others) == {}
    page = visit("lin")
    page.goto(good)
    page.get_by_text("done").first.wait_for()
    page.goto(bad)
    page.get_by_text("rolled back").first.wait_for()
