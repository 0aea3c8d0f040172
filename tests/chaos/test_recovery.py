"""Recovery and loss from the clients' seconds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.chaostrading.sampling import Counters, difference
from chaos.recovery import measure


def seconds(values: list[float | None], *, lost: list[int] | None = None) -> list[dict[str, Any]]:
    """One sample a second from second 0; None is a gap."""
    return [
        {
            "at": float(at),
            "success": value,
            "bad": 0 if value is None else round((1 - value) * 100),
            "lost": lost[at] if lost else 0,
            "duplicates": 0,
            "gap": "" if value is not None else "no answer",
        }
        for at, value in enumerate(values)
    ]


def test_a_fault_nobody_felt_recovers_at_once() -> None:
    found = measure(seconds([1.0] * 12), 2.5, threshold=0.98)
    assert found.recovered_s == 0.0
    assert found.felt_s is None
    assert found.failed_requests == 0


def test_a_dip_is_timed_until_three_windows_hold() -> None:
    found = measure(seconds([1.0, 1.0, 1.0, 0.2, 0.4, 1.0, 0.9, *[1.0] * 8]), 2.5, threshold=0.98)
    assert found.felt_s == 0.5
    assert found.recovered_s == 4.5
    assert found.worst_success == pytest.approx((0.2 + 0.4 + 1.0 + 0.9 + 1.0) / 5)
    assert found.failed_requests == 80 + 60 + 10


def test_seconds_without_a_measurement_are_not_good() -> None:
    found = measure(seconds([1.0, 1.0, 1.0, None, None, *[1.0] * 8]), 1.5, threshold=0.98)
    assert found.unmeasured_s == 2
    assert found.recovered_s == 3.5


def test_never_recovered_is_unknown_not_zero() -> None:
    assert measure(seconds([1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0]), 1.5, threshold=0.98).recovered_s is None


def test_loss_is_the_growth_over_the_fault() -> None:
    found = measure(seconds([1.0] * 8, lost=[3, 3, 3, 4, 5, 5, 5, 5]), 2.5, threshold=0.98)
    assert found.lost_orders == 2
    assert measure(seconds([1.0] * 4), -1.0, threshold=0.98).lost_orders is None


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=1, max_size=60), st.floats(0, 60))
def test_recovery_is_never_before_it_was_felt(values: list[float | None], injected_at: float) -> None:
    found = measure(seconds(values), injected_at, threshold=0.9)
    if found.felt_s is not None and found.recovered_s is not None:
        assert found.recovered_s > found.felt_s


def test_counters_that_begin_anew_count_from_zero() -> None:
    before = Counters({"cash-order": {"ok": 1000, "failed": 3}}, 0, 0, {})
    after = Counters({"cash-order": {"ok": 40, "failed": 2}}, 0, 0, {})
    sample = difference(before, after, at=1.0, t=1.0)
    assert (sample.asked, sample.bad) == (42, 2)


def test_p99_comes_from_the_change_of_the_buckets() -> None:
    old = [100] * 13
    new = [100 + 990, *[100] * 7, 100 + 10, *[100] * 4]
    sample = difference(
        Counters({"cash-order": {"ok": 0}}, 0, 0, {"cash-order": old}),
        Counters({"cash-order": {"ok": 1000}}, 0, 0, {"cash-order": new}),
        at=1.0,
        t=1.0,
    )
    assert 0.2 < sample.p99_ms["cash-order"] <= 100
