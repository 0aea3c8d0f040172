"""kill -9 of the worker, the broker and the runner while a batch is being deployed: the release goes on and ends right."""

from __future__ import annotations

import os
import signal

import pytest

from tests.e2e import walks
from tests.polling import eventually
from tests.product import Product

SERVICE = "session"


def begin(product: Product) -> int:
    """A release of a good version, asked, approved and started through the API."""
    operator, approver = product.api("wu"), product.api("zhao")
    ticket = operator.post(
        "changes/", title="session to 1.1.0", kind="normal", reason="planned maintenance", services=[SERVICE]
    )
    release = operator.post(
        "releases/", ticket=ticket["number"], service=SERVICE, version="1.1.0", expression="10%, 100%", soak_s=20
    )
    submitted = operator.post(f"changes/{ticket['id']}/submit/")
    refused = operator.request(
        "POST", f"changes/{ticket['id']}/approve/", json={"reason": "mine", "seen": submitted["content_digest"]}
    )
    assert refused.status_code in (403, 409)
    approver.post(f"changes/{ticket['id']}/approve/", reason="read", seen=submitted["content_digest"])
    operator.post(f"releases/{release['id']}/start/")
    return int(release["id"])


def deploying(product: Product, pk: int, batch: int) -> bool:
    batches = product.api("wu").get(f"releases/{pk}/")["batches"]
    return any(row["number"] == batch and row["state"] == "deploying" and row["done"] > 0 for row in batches)


@pytest.mark.timeout(600)
def test_a_release_ends_right_when_worker_and_runner_are_killed(product: Product) -> None:
    walks.observed(product, SERVICE)
    pk = begin(product)
    eventually(lambda: deploying(product, pk, 1), "the first batch is being deployed", 90, interval_s=0.2)
    product.kill("worker")
    eventually(lambda: deploying(product, pk, 2), "the second batch is being deployed", 240, interval_s=0.2)
    for process in walks.runners(product):
        os.kill(process.pid, signal.SIGKILL)
    product.kill("beat")

    release = walks.ended(product, f"/releases/{pk}/", 300)
    assert release["state"] == "done", release["state_reason"]
    nodes = walks.nodes_of(product, SERVICE)
    assert {node["version"] for node in nodes} == {"1.1.0"}
    assert walks.executed_more_than_once(nodes) == {}
