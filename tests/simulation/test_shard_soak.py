"""Thousands of seeded schedules of faults; every failure prints its seed and can be replayed by it."""

from __future__ import annotations

import pytest

from trading_sim.sim.shard_schedules import run_schedule

FIRST, SEEDS = 100_000, 2_000


@pytest.mark.soak
@pytest.mark.parametrize("hundred", range(SEEDS // 100))
def test_no_schedule_breaks_a_promise(hundred: int) -> None:
    for seed in range(FIRST + hundred * 100, FIRST + (hundred + 1) * 100):
        assert run_schedule(seed).seed == seed
