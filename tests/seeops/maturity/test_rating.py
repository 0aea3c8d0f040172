"""From evidence to levels: unknown never counts as met, levels fall by themselves when evidence ages."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seeops.maturity.framework import Criterion, FrameworkError, Text, frameworks, parse
from seeops.maturity.measures import MEASURES
from seeops.maturity.rating import Fact, State, item_level, judge, rate

NOW = dt.datetime(2026, 1, 5, 8, 0, tzinfo=dt.UTC)
TEXT = Text("text", "文字")


def criterion(level: int = 1, **bounds: float) -> Criterion:
    return Criterion("c", level, TEXT, 7.0, "some.measure", sample_at_least=int(bounds.pop("sample", 1)), **bounds)


def fact(value: float | None, *, sample: int = 10, age_d: float = 0) -> Fact:
    return Fact(value, sample, NOW - dt.timedelta(days=age_d))


@pytest.mark.parametrize(
    ("bounds", "given_fact", "state"),
    [
        ({"at_least": 0.9}, fact(0.9), State.MET),
        ({"at_least": 0.9}, fact(0.89), State.NOT_MET),
        ({"at_most": 0.03}, fact(0.03), State.MET),
        ({"at_most": 0.03}, fact(0.04), State.NOT_MET),
        ({"at_least": 0.9}, None, State.NOT_EVALUATED),
        ({"at_least": 0.9}, fact(None), State.NOT_EVALUATED),
        ({"at_least": 0.9}, fact(1.0, age_d=8), State.NOT_EVALUATED),
        ({"at_least": 0.9, "sample": 20}, fact(1.0, sample=19), State.NOT_EVALUATED),
    ],
)
def test_a_criterion_is_judged_by_bound_age_and_sample(
    bounds: dict[str, float], given_fact: Fact | None, state: State
) -> None:
    assert judge(criterion(**bounds), given_fact, NOW).state is state


@given(st.lists(st.tuples(st.integers(1, 5), st.booleans()), min_size=1, max_size=8))
def test_an_items_level_needs_everything_below_it(rows: list[tuple[int, bool]]) -> None:
    results = tuple(judge(criterion(level, at_least=1.0), fact(float(met)), NOW) for level, met in rows)
    level = item_level(results)
    assert all(met for at, met in rows if at <= level)
    above = sorted({at for at, _ in rows if at > level})
    assert not above or not all(met for at, met in rows if at == above[0])


def test_without_evidence_every_level_is_zero() -> None:
    rated = rate(frameworks()["technical-operation"], {}, NOW)
    assert rated.level == 0
    assert rated.count(State.MET) == 0
    assert rated.count(State.NOT_EVALUATED) == len(rated.results())


def test_every_measure_of_the_frameworks_is_taken_and_every_taken_one_is_used() -> None:
    named = {entry.measure for framework in frameworks().values() for entry in framework.criteria() if entry.measure}
    assert named - set(MEASURES) == set()
    assert set(MEASURES) - named == set()


def test_a_framework_that_does_not_fit_says_where() -> None:
    with pytest.raises(FrameworkError, match="levels"):
        parse("code: x\nname: {en: a, zh: b}\ndisclaimer: {en: a, zh: b}\nlevels: []\ndomains: []\n", name="x.yaml")
    with pytest.raises(FrameworkError, match="not YAML"):
        parse("a: [", name="x.yaml")
