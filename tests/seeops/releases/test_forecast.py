"""How long a plan takes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seeops.changes.closing import UNMEASURED_NODE_S, Measured
from seeops.releases.forecast import UNMEASURED, Pace, forecast, pace

# How busy the machine is says nothing about the strategies.
SLOW = [HealthCheck.too_slow]

NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)


def plan(*parts: tuple[str, list[tuple[int, int]]], soak_s: int = 60) -> dict[str, Any]:
    """Parts as (service, [(nodes, at once)])."""
    number, made = 0, []
    for service, batches in parts:
        listed = []
        for nodes, at_once in batches:
            number += 1
            listed.append({"number": number, "nodes": [{}] * nodes, "concurrency": at_once})
        made.append({"service": service, "batches": listed})
    return {"parts": made, "soak_s": soak_s}


def test_batches_follow_each_other_in_the_usual_and_in_the_slow_course():
    paces = {"session": Pace(10, 20, 1, 5), "auth": Pace(5, 5, 0, 3)}
    made = forecast(plan(("session", [(1, 1), (10, 4)]), ("auth", [(3, 3)])), paces)
    assert [(item.begins_s, item.ends_s) for item in made.batches] == [(0, 70), (70, 160), (160, 225)]
    assert [item.slow_ends_s for item in made.batches] == [140, 320, 385]
    assert (made.usual_s, made.slow_s, made.unmeasured) == (225, 385, [])


def test_what_was_never_measured_is_said_and_counted_long():
    made = forecast(plan(("session", [(4, 2)])), {})
    assert made.unmeasured == ["session"]
    assert made.usual_s == 2 * UNMEASURED_NODE_S + 60
    assert pace([], []) == UNMEASURED


def test_the_pace_is_the_median_and_the_ninetieth_percentile_of_what_was_measured():
    measured = [Measured(10, 5, seconds) for seconds in (20, 20, 22, 24, 24, 26, 28, 30, 40, 200)]
    assert pace(measured, [0] * 8 + [1, 3]) == Pace(12.5, 20.0, 1, 10)
    assert pace([Measured(4, 4, 8.0)], []) == Pace(8.0, 8.0, 0, 1)


def sited(*batches: str) -> dict[str, Any]:
    """A plan of one service: each batch names the centres of its nodes by one letter each."""
    numbered, number = [], 0
    for position, centres in enumerate(batches, start=1):
        nodes = [{"name": f"n{number + i}", "centre": centre, "from": "1.0.0"} for i, centre in enumerate(centres)]
        number += len(nodes)
        numbered.append({"number": position, "nodes": nodes, "concurrency": len(nodes)})
    return {"parts": [{"service": "session", "version": "1.1.0", "batches": numbered}], "soak_s": 50}


@pytest.mark.parametrize(
    ("batches", "usual_s"),
    [
        (
            ("W", "WAB", "WAB"),
            120,
        ),  # after the second batch both sites run both versions, after the third only the new one
        (("W", "WW", "AB"), 180),
        (("WAB", "WAB"), 0),
        (("A", "B"), 0),  # A and B are of one site
    ],
)
def test_sites_differ_while_they_run_different_sets_of_versions(batches, usual_s):
    made = sited(*batches)
    course = forecast(made, {"session": Pace(10, 20, 0, 5)})
    sites = {"W": "wuhan", "A": "shenzhen", "B": "shenzhen"}
    assert course.differ_s(made["parts"][0], sites) == (usual_s, usual_s * 70 / 60)


def test_the_latest_start_is_counted_back_from_the_end_by_the_slow_course():
    made = forecast(plan(("session", [(1, 1), (5, 5)])), {"session": Pace(10, 30, 0, 4)})
    closes = NOON + dt.timedelta(seconds=180)
    assert made.latest_start(closes) == NOON
    assert made.fits_until(NOON, closes) == 2
    assert made.fits_until(NOON + dt.timedelta(seconds=1), closes) == 1
    assert made.fits_until(closes, closes) == 0


@given(
    sizes=st.lists(st.tuples(st.integers(1, 200), st.integers(1, 24)), min_size=1, max_size=12),
    turn=st.floats(0.1, 100),
    slower=st.floats(1, 5),
    extensions=st.integers(0, 3),
)
@settings(deadline=None, suppress_health_check=SLOW)
def test_the_slow_course_is_never_the_faster_one_and_batches_never_overlap(sizes, turn, slower, extensions):
    made = forecast(plan(("session", sizes)), {"session": Pace(turn, turn * slower, extensions, 9)})
    for before, after in zip(made.batches, made.batches[1:], strict=False):
        assert (after.begins_s, after.slow_begins_s) == (before.ends_s, before.slow_ends_s)
    assert all(item.slow_needs_s >= item.needs_s - 1e-6 for item in made.batches)
    assert made.fits_until(made.latest_start(NOON), NOON) in (len(sizes) - 1, len(sizes))
    assert made.usual_s == pytest.approx(sum(-(-n // k) * turn + 60 for n, k in sizes))
