"""Verdicts on seeded measurements: what is bad is caught, what is the same is left alone, what is unknown never passes."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seeops.releases.samples import NodeSample
from seeops.releases.verdict import FAIL, INCONCLUSIVE, PASS, JudgeSettings, holm, judge
from tests.seeops.releases.measured import LEAK_BYTES_PER_S, nodes

SETTINGS = JudgeSettings()


def outcomes(trials: int, count: int, **kind: float) -> Counter[str]:
    found: Counter[str] = Counter()
    for seed in range(trials):
        rng = np.random.default_rng(seed)
        peers = nodes(rng, 40)
        found[judge(nodes(rng, count, **kind), peers, SETTINGS).outcome] += 1
    return found


@pytest.mark.parametrize("count", [1, 11, 60])
def test_an_unchanged_version_is_never_failed_and_mostly_passes(count):
    found = outcomes(30, count)
    assert found[FAIL] == 0
    assert found[PASS] >= 24


@pytest.mark.parametrize(
    ("kind", "count", "at_least"),
    [
        ({"factor": 1.3}, 1, 21),
        ({"factor": 1.3}, 11, 24),
        ({"errors": 0.0202}, 1, 18),
        ({"errors": 0.0202}, 11, 24),
        ({"leak": LEAK_BYTES_PER_S}, 1, 24),
        ({"leak": LEAK_BYTES_PER_S}, 11, 24),
    ],
)
def test_slow_failing_and_leaking_versions_are_caught(kind, count, at_least):
    found = outcomes(24, count, **kind)
    assert found[FAIL] >= at_least
    assert found[PASS] <= 1


def test_a_node_that_is_a_little_slower_by_nature_is_no_finding():
    found: Counter[str] = Counter()
    for seed in range(24):
        rng = np.random.default_rng(seed)
        found[judge(nodes(rng, 1, between=0.10), nodes(rng, 60, between=0.10), SETTINGS).outcome] += 1
    assert found[FAIL] == 0


def blank(name: str) -> NodeSample:
    return NodeSample(node=name, centre="SZ-A")


def test_no_data_never_passes():
    rng = np.random.default_rng(1)
    good = nodes(rng, 20)
    for changed, peers in (([], good), (good, []), ([blank("a")], good), (good, [blank("b")] * 20), ([], [])):
        verdict = judge(changed, peers, SETTINGS)
        assert verdict.outcome == INCONCLUSIVE
        assert verdict.summary


def test_too_few_measured_nodes_or_requests_are_inconclusive_and_say_so():
    rng = np.random.default_rng(2)
    peers = nodes(rng, 20)
    half = [*nodes(rng, 5), *[replace(sample, measured=False, serving=True) for sample in nodes(rng, 5)]]
    verdict = judge(half, peers, SETTINGS)
    assert (verdict.outcome, verdict.summary) == (INCONCLUSIVE, "only 5 of 10 changed nodes were measured")
    assert judge(nodes(rng, 1, requests=30), peers, SETTINGS).outcome == INCONCLUSIVE
    assert judge(nodes(rng, 5), nodes(rng, 2), SETTINGS).outcome == INCONCLUSIVE


def test_a_failing_metric_wins_over_missing_ones():
    rng = np.random.default_rng(3)
    changed = [replace(sample, memory=(), measured=False) for sample in nodes(rng, 11, errors=0.05)]
    measured = [replace(sample, measured=True) for sample in changed]
    assert judge(measured, nodes(rng, 40), SETTINGS).outcome == FAIL


def test_changed_nodes_that_do_not_serve_fail_or_hold_but_never_pass():
    rng = np.random.default_rng(4)
    changed, peers = nodes(rng, 5), nodes(rng, 120)
    one_down = [replace(changed[0], serving=False), *changed[1:]]
    assert judge(one_down, peers, SETTINGS).outcome in (FAIL, INCONCLUSIVE)
    all_down = [replace(sample, serving=False) for sample in changed]
    assert judge(all_down, peers, SETTINGS).outcome == FAIL
    unknown = [replace(sample, serving=None) for sample in changed]
    assert judge(unknown, peers, SETTINGS).outcome == INCONCLUSIVE


def test_constant_measurements_are_judged_by_their_means():
    flat = NodeSample(
        node="n", centre="SZ-A", requests=500, errors=0, seconds=0.1, buckets=(500.0, *([0.0] * 12)),
        memory=tuple((10.0 * i, 4e8) for i in range(6)), serving=True, measured=True,
    )  # fmt: skip
    assert judge([flat] * 3, [flat] * 10, SETTINGS).outcome == PASS
    slower = replace(flat, seconds=0.2)
    assert judge([slower] * 3, [flat] * 10, SETTINGS).outcome == FAIL


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_values_that_are_no_numbers_never_pass(value):
    rng = np.random.default_rng(5)
    peers = nodes(rng, 20)
    broken = [replace(sample, seconds=value) for sample in nodes(rng, 5)]
    assert judge(broken, peers, SETTINGS).outcome != PASS


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values):
    adjusted = holm(p_values)
    assert all(0 <= raw <= fixed <= 1 for raw, fixed in zip(p_values, adjusted, strict=True))
    by_raw = [adjusted[index] for index in sorted(range(len(p_values)), key=p_values.__getitem__)]
    assert by_raw == sorted(by_raw)
    assert min(adjusted) == min(1.0, min(p_values) * len(p_values))


@given(factor=st.floats(0.5, 0.95), errors=st.floats(0, 0.0002), count=st.integers(1, 6), seed=st.integers(0, 10_000))
def test_a_better_version_is_never_failed_for_durations(factor, errors, count, seed):
    rng = np.random.default_rng(seed)
    verdict = judge(nodes(rng, count, factor=factor, errors=errors), nodes(rng, 12), SETTINGS)
    assert not [m for m in verdict.metrics if m.outcome == FAIL and "duration" in m.metric]


def test_samples_survive_storage():
    sample = nodes(np.random.default_rng(6), 1)[0]
    assert NodeSample.from_json(sample.as_json()) == sample
