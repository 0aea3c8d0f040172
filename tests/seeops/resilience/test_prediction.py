"""What an experiment should do to customers, and whether they felt just that."""

from __future__ import annotations

from typing import Any

import pytest

from seeops.inventory.models import Node
from seeops.resilience import catalogue, prediction, selectors
from seeops.resilience.prediction import Effect, Hit, effect, hits, right
from seeops.topology.selectors import snapshot


def step(function: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "action", "function": function, "arguments": arguments}


def test_hits_are_read_from_the_steps() -> None:
    found = hits(
        [
            step("inject_node_fault", kind="delay", service="risk-pretrade", centre="SZ-A", fraction=0.25),
            step("kill_shard_primary", shard=1, hold_s=20),
            step("inject_centre_fault", kind="centre-loss", centre="WH-A"),
            step("kill_process", name="shard-0-SZ-A"),
            step("kill_process", name="centre-SZ-B"),
            step("clear_faults"),
        ]
    )
    assert found == [
        Hit("delay", service="risk-pretrade", centre="SZ-A", fraction=0.25),
        Hit("kill", shard=1, primary=True),
        Hit("centre-loss", centre="WH-A"),
        Hit("kill", shard=0, centre="SZ-A", primary=True),
        Hit("centre-loss", centre="SZ-B"),
    ]


@pytest.mark.parametrize(
    ("hit", "lost", "without", "expected"),
    [
        (Hit("kill", service="cache"), False, False, Effect.NONE),
        (Hit("kill", service="cache"), True, True, Effect.LOSS),
        (Hit("delay", service="cache"), False, True, Effect.SLOWER),
        (Hit("errors", service="cache"), False, False, Effect.NONE),
        (Hit("errors", service="cache"), False, True, Effect.LOSS),
        (Hit("kill", shard=0, primary=True), False, False, Effect.INTERRUPTION),
        (Hit("disk_slow", shard=0), False, False, Effect.NONE),
        (Hit("clock_jump", shard=0, primary=True), False, False, Effect.NONE),
        (Hit("surge", factor=2.0), False, False, Effect.NONE),
    ],
)
def test_the_effect_follows_from_kind_and_redundancy(hit: Hit, lost: bool, without: bool, expected: Effect) -> None:
    assert effect([hit], lost=lost, lost_without_hit=without, overloaded=False) == expected


@pytest.mark.parametrize(
    ("expected", "worst", "recovered", "answer"),
    [
        ("none", 0.99, 0.0, True),
        ("none", 0.5, 4.0, False),
        ("slower", 0.97, 0.0, True),
        ("interruption", 0.4, 6.0, True),
        ("interruption", 0.4, None, False),
        ("loss", 0.6, 20.0, True),
        ("loss", 1.0, 0.0, False),
        ("loss", None, None, None),
        ("unknown", 0.5, 1.0, None),
        ("", 0.5, 1.0, None),
    ],
)
def test_a_prediction_is_right_when_customers_felt_just_that(
    expected: str, worst: float | None, recovered: float | None, answer: bool | None
) -> None:
    assert right(expected, worst_success=worst, recovered_s=recovered, allowed_s=15, measured=True) is answer
    assert right(expected, worst_success=worst, recovered_s=recovered, allowed_s=15, measured=False) is None


def test_the_bundled_cluster_carries_what_it_should(estate: dict[str, Any]) -> None:
    expected = {
        "centre-loss-remote": "loss",
        "node-kill-order-processing": "none",
        "node-delay-risk": "slower",
        "node-errors-session": "none",
        "shard-primary-kill": "interruption",
        "replica-partition-remote": "none",
        "load-surge": "none",
    }
    found = {code: selectors.predict(catalogue.experiment(code)) for code in expected}
    assert {code: report["effect"] for code, (report, _) in found.items()} == expected
    assert {code for code, (report, _) in found.items() if report["breaks"]} == {"centre-loss-remote"}
    assert selectors.predict(catalogue.experiment("node-delay-risk"))[1] == found["node-delay-risk"][1]
    # Nothing is predicted of a cluster that was not seen lately.
    Node.objects.update(state="unknown")
    assert selectors.predict(catalogue.experiment("node-delay-risk"))[0]["effect"] == "unknown"


def test_a_surge_beyond_the_nodes_capacity_is_foreseen(estate: dict[str, Any]) -> None:
    now = snapshot()
    assert prediction.overloads(now, {}, [Hit("surge", factor=1.0)]) == []
    assert prediction.overloads(now, {}, [Hit("surge", factor=20.0)])
    only = prediction.overloads(now, {}, [Hit("surge", factor=20.0, chains=("wealth-purchase",))])
    assert 0 < len(only) < len(prediction.overloads(now, {}, [Hit("surge", factor=20.0)]))
