"""What figures mean: nothing unmeasured is good, and worse figures never look better."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seeops.monitoring import health, spark
from seeops.monitoring.files import thresholds
from seeops.monitoring.flights import Flights

SOME = st.floats(min_value=0, max_value=1e6, allow_nan=False)
RATIO = st.floats(min_value=0, max_value=1, allow_nan=False)


@pytest.mark.parametrize(
    ("figures", "state", "reason"),
    [
        ({"rate": None, "error_ratio": 0.0}, "unknown", "not_measured"),
        ({"rate": 5.0, "error_ratio": None}, "unknown", "not_measured"),
        ({"rate": 0.0, "error_ratio": None}, "absent", "no_traffic"),
        ({"rate": 5.0, "error_ratio": 0.0}, "good", ""),
        ({"rate": 5.0, "error_ratio": 0.006}, "attention", "errors"),
        ({"rate": 5.0, "error_ratio": 0.02}, "bad", "errors"),
        ({"rate": 0.1, "error_ratio": 1.0}, "good", ""),
        ({"rate": 5.0, "error_ratio": 0.0, "p99_s": 0.021, "baseline_s": 0.01}, "attention", "slow"),
        ({"rate": 5.0, "error_ratio": 0.0, "p99_s": 0.06, "baseline_s": 0.01}, "bad", "slow"),
        ({"rate": 5.0, "error_ratio": 0.0, "p99_s": 0.001, "baseline_s": 0.0001}, "good", ""),
        ({"rate": 5.0, "error_ratio": 0.0, "p99_s": 0.06, "baseline_s": None}, "good", ""),
    ],
)
def test_states(figures: dict, state: str, reason: str) -> None:
    assert health.judge(thresholds(), **figures) == health.Judgement(state, reason)


@given(rate=SOME.filter(lambda r: r > 0), low=RATIO, high=RATIO, p99=SOME, baseline=SOME)
def test_more_errors_never_look_better(rate: float, low: float, high: float, p99: float, baseline: float) -> None:
    low, high = sorted((low, high))
    states = [
        health.judge(thresholds(), rate=rate, error_ratio=ratio, p99_s=p99, baseline_s=baseline).state
        for ratio in (low, high)
    ]
    assert health.rank(states[1]) <= health.rank(states[0])


@given(st.lists(st.sampled_from(health.ORDER)))
def test_the_worst_of_none_is_unknown(states: list[str]) -> None:
    worst = health.worst(states)
    assert worst in states or (not states and worst == "unknown")
    assert all(health.rank(worst) <= health.rank(state) for state in states)


def test_a_gap_in_the_values_is_a_gap_in_the_line() -> None:
    assert spark.path([0, 10, None, 10, 0]) == "M0 15L15 1M45 1L60 15"


@pytest.mark.parametrize("values", [[], [None, None], [3.0], [None, 3.0]])
def test_too_few_values_are_no_line(values: list) -> None:
    assert spark.path(values) == ""


@given(st.lists(st.one_of(st.none(), st.floats(min_value=-1e9, max_value=1e9)), max_size=80))
def test_lines_stay_in_their_box(values: list) -> None:
    drawn = spark.path(values)
    points = [pair.split() for pair in drawn.replace("M", "L").split("L") if pair]
    assert all(0 <= int(x) <= spark.WIDTH and 0 <= int(y) <= spark.HEIGHT for x, y in points)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_answers_are_kept_for_their_age_and_errors_shorter() -> None:
    clock = Clock()
    flights = Flights(clock=clock, error_s=1.0)
    asked: list[str] = []

    def fail() -> None:
        asked.append("fail")
        raise OSError("down")

    def answer() -> str:
        asked.append("answer")
        return "fine"

    for _ in range(2):
        with pytest.raises(OSError, match="down"):
            flights.get("k", 10, fail)
    clock.now = 1.5
    assert flights.get("k", 10, answer) == "fine"
    clock.now = 11.0
    assert flights.get("k", 10, answer) == "fine"
    clock.now = 12.0
    assert flights.get("k", 10, answer) == "fine"
    assert asked == ["fail", "answer", "answer"]


def test_what_is_kept_is_bounded() -> None:
    flights = Flights(most=3)
    for key in range(10):
        flights.get(key, 60, lambda: None)
    assert len(flights._flights) == 3
