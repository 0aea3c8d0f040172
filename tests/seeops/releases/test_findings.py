"""What stands against a plan at this moment."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from seeops.releases.findings import (
    BLOCKS,
    INFO,
    WARNS,
    Room,
    of_leaders,
    of_nodes,
    of_peak,
    of_requests,
    of_room,
    of_time,
    ordered,
)
from seeops.releases.forecast import Pace, forecast
from seeops.releases.judge_settings import JudgeSettings
from seeops.releases.sample_size import requests_needed
from tests.seeops.releases.small_topology import snapshot


def plan(*, at_once: int = 2, short: bool = False, differ_s: int | None = None) -> dict[str, Any]:
    """Three nodes of gate in A and one in B, in two batches."""
    nodes = [{"name": f"gate-A-{number}", "centre": "A", "from": "1.0.0"} for number in range(3)]
    other = [{"name": "gate-B-0", "centre": "B", "from": "1.0.0"}]
    return {
        "parts": [
            {
                "service": "gate",
                "version": "1.1.0",
                "short": short,
                "batches": [
                    {"number": 1, "concurrency": 1, "nodes": other},
                    {"number": 2, "concurrency": at_once, "nodes": nodes},
                ],
            }
        ],
        "soak_s": 60,
        "versions_differ_at_most_s": differ_s,
    }


SITES = {"A": "north", "B": "south"}
NOW = {"gate-A-0": "1.0.0", "gate-A-1": "1.0.0", "gate-A-2": "1.0.0", "gate-B-0": "1.0.0"}


def texts(found: list[Any]) -> list[tuple[str, str]]:
    return [(finding.level, finding.text) for finding in found]


def test_nodes_that_left_or_moved_since_the_plan_block_it():
    assert of_nodes(plan(), NOW) == []
    moved = {**NOW, "gate-A-1": "1.1.0"}
    del moved["gate-B-0"]
    assert texts(of_nodes(plan(), moved)) == [
        (BLOCKS, "gate-B-0 left the inventory since the plan was made: plan again."),
        (BLOCKS, "1 nodes run another version than planned (gate-A-1): plan again."),
    ]


def test_fewer_spare_nodes_than_the_plan_takes_away_block_it():
    rooms = {"gate": {"A": Room(6, 0, 4, 2), "B": Room(4, 0, 2, 2)}}
    assert of_room(plan(), rooms) == []
    (found,) = of_room(plan(at_once=3), rooms)
    assert found.level == BLOCKS
    assert "takes 3 nodes of gate away in A at the same time, and only 2 may leave" in found.text
    bare = {"gate": {"A": Room(4, 0, 4, 0), "B": Room(4, 1, 2, 2)}}
    assert [(f.level, f.text.split(" ", 1)[0]) for f in of_room(plan(at_once=1), bare)] == [
        (BLOCKS, "gate"),
        (WARNS, "1"),
    ]
    assert [f.level for f in of_room(plan(at_once=1, short=True), bare)] == [WARNS]


def test_too_little_for_the_peak_of_the_day_warns():
    facts = snapshot({("gate", "A"): 6, ("gate", "B"): 4, ("book", "A"): 3, ("store", "A"): 2})
    rooms = {"gate": {"A": Room(6, 0, 1, 5), "B": Room(4, 0, 1, 3)}}
    # 50 requests a second, 60 % of them in A; a node carries 10: five nodes away leave one for 30.
    assert of_peak(plan(at_once=2), facts, rooms) == []
    rooms["gate"]["A"] = Room(4, 0, 1, 3)
    (found,) = of_peak(plan(at_once=2), facts, rooms)
    assert (found.level, "would carry 67 % of its requests with 2 nodes away" in found.text) == (WARNS, True)


def test_sites_that_would_differ_too_long_and_what_was_not_measured_are_told():
    unmeasured = forecast(plan(), {})
    assert [finding.level for finding in of_time(plan(), unmeasured, SITES)] == [INFO]
    measured = forecast(plan(), {"gate": Pace(10, 60, 0, 3)})
    assert of_time(plan(), measured, SITES) == []
    assert [finding.level for finding in of_time(plan(differ_s=100), measured, SITES)] == [BLOCKS]
    assert [finding.level for finding in of_time(plan(differ_s=200), measured, SITES)] == [WARNS]
    assert of_time(plan(differ_s=400), measured, SITES) == []


def test_a_lead_that_moved_or_is_not_known_warns():
    replica = {"name": "m-A-0", "centre": "A", "from": "1.0.0", "shard": 0, "leads": True}
    made = {"parts": [{"service": "m", "batches": [{"number": 1, "concurrency": 1, "nodes": [replica]}]}]}
    assert of_leaders(made, {0: "A"}) == []
    assert "led in B now" in of_leaders(made, {0: "B"})[0].text
    assert "not known which replica leads shard 0" in of_leaders(made, {})[0].text


def test_what_blocks_comes_first():
    rooms = {"gate": {"A": Room(4, 1, 4, 0), "B": Room(4, 0, 2, 2)}}
    found = [*of_time(plan(), forecast(plan(), {}), SITES), *of_room(plan(), rooms)]
    assert [finding.level for finding in ordered(found)] == [BLOCKS, WARNS, INFO]


def judged() -> dict[str, Any]:
    """The plan with what decides how long its batches may soak, and how much a verdict needs."""
    return {**plan(), "judge": asdict(JudgeSettings()), "most_extensions": 3}


def test_a_batch_with_too_few_requests_for_a_verdict_is_told_before_it_starts():
    # The first batch is one node in B: 119 requests in 240 s are half a request a second.
    assert of_requests(judged(), {("gate", "A"): 20.0, ("gate", "B"): 0.5}) == []
    assert texts(of_requests(judged(), {("gate", "A"): 20.0, ("gate", "B"): 0.4})) == [
        (
            WARNS,
            "Batch 1 of gate would see about 96 requests in 4 min of soak, as they come now, and a verdict needs 119: it would hold "
            "for a person. Use more nodes, or a longer soak.",
        )
    ]
    assert [f.text[:7] for f in of_requests(judged(), {("gate", "A"): 20.0})] == ["Batch 1"], "a silent centre is none"


def test_requests_that_nobody_has_measured_are_not_taken_for_enough():
    (found,) = of_requests(judged(), None)
    assert (found.level, found.text[:15]) == (INFO, "It is not known")


@pytest.mark.parametrize(("nodes", "needed"), [(0, 119), (1, 119), (10, 1197), (25, 2995), (1000, 2995)])
def test_a_verdict_needs_so_many_requests_that_none_of_them_failing_shows_something(nodes, needed):
    assert requests_needed(JudgeSettings(), nodes) == needed
    assert requests_needed(JudgeSettings(min_requests=5000), nodes) == 5000
