"""What may start and what may not: every reason of its own, and never the last healthy one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seeops.resilience.guard import MOST_SHARE, Cell, Facts, ReplicaSet, refusals

CALM = Facts(
    lever_pulled=False,
    running=(),
    occupied=(),
    releases_on_targets=(),
    critical_alerts=(),
    cluster_answers=True,
    cells=(Cell("order-trading", "SZ-A", total=24, serving=24, needed=14, taken=5),),
    shards=(),
    max_nodes=6,
    whole_centres=(),
    nodes_in_whole_centres=0,
    centres_total=3,
    centres_down=(),
)


def test_in_a_calm_cluster_nothing_speaks_against_it() -> None:
    assert refusals(CALM) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"lever_pulled": True}, "safety lever"),
        ({"running": ["EXP-000007"]}, "EXP-000007 is running"),
        ({"releases_on_targets": ["REL-000003"]}, "REL-000003"),
        ({"critical_alerts": ["CentreDown · SZ-B"]}, "critical alert"),
        ({"cluster_answers": False}, "does not answer"),
        ({"cells": [Cell("cache", "SZ-A", 20, 20, 12, 11)], "max_nodes": 20}, "More than 50 %"),
        ({"cells": [Cell("cache", "SZ-A", 20, 20, 12, 7)]}, "7 nodes would be hit, 6 are declared"),
        ({"cells": [Cell("product", "WH-A", 2, 1, 1, 1)]}, "last healthy node"),
        ({"cells": [Cell("ghost", "WH-A", 0, 0, 0, 0)]}, "no node"),
        ({"shards": [ReplicaSet(1, replicas=3, up=2, taken=1)]}, "Shard 1 has 2 of 3"),
        ({"whole_centres": ["WH-A"], "nodes_in_whole_centres": 154}, "154 nodes would be hit"),
        ({"whole_centres": ["WH-A"], "centres_down": ["SZ-B"]}, "SZ-B is already down"),
        ({"whole_centres": ["A", "B", "C"]}, "every data centre"),
    ],
)
def test_every_danger_has_its_own_reason(change: dict[str, Any], reason: str) -> None:
    found = refusals(replace(CALM, **{"cells": (), **change}))
    assert any(reason in text for text in found), found


def test_one_replica_of_three_may_be_lost() -> None:
    assert refusals(replace(CALM, shards=(ReplicaSet(0, replicas=3, up=3, taken=1),))) == []


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 60), st.integers(0, 200))
def test_what_is_allowed_leaves_a_healthy_node_and_stays_within_bounds(
    total: int, serving: int, taken: int, most: int
) -> None:
    cell = Cell("cache", "SZ-A", total, min(serving, total), 1, taken)
    if not refusals(replace(CALM, cells=(cell,), max_nodes=most)):
        assert cell.serving - taken >= 1
        assert taken <= min(most, MOST_SHARE * total)


@given(st.integers(1, 7), st.integers(0, 7), st.integers(0, 7))
def test_an_allowed_experiment_never_stops_a_shard(replicas: int, up: int, taken: int) -> None:
    shard = ReplicaSet(0, replicas, min(up, replicas), taken)
    if not refusals(replace(CALM, shards=(shard,))):
        assert shard.up - taken > replicas // 2
