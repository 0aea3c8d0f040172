"""Thousands of seeded schedules of faults on all cores; every failure prints its seed and how to replay it."""

from __future__ import annotations

import pytest

from trading_sim.sim import shard_schedules
from trading_sim.sim.shard_schedules import run_schedule

FIRST, SEEDS = 100_000, 10_000
SWEEP_SEED = 33


@pytest.mark.soak
@pytest.mark.timeout(3_600)
def test_no_schedule_breaks_a_promise(capsys: pytest.CaptureFixture[str]) -> None:
    ended = shard_schedules.main(["--from", str(FIRST), "--seeds", str(SEEDS), "--workers", "2"])
    told = capsys.readouterr()
    with capsys.disabled():
        print(told.out or told.err)
    assert ended == 0, told.err


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_a_loss_of_power_at_every_single_disk_operation_breaks_no_promise() -> None:
    """The same schedule again and again, each time with the power of one replica lost one operation later."""
    operations = run_schedule(SWEEP_SEED, faults_ms=1_500).operations
    for operation in range(1, min(operations, 1_500)):
        assert run_schedule(SWEEP_SEED, faults_ms=1_500, power_lost_at=operation).seed == SWEEP_SEED


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_lies_of_disks_are_found_out_by_the_hundred() -> None:
    found = 0
    for seed in range(FIRST, FIRST + 500):
        try:
            run_schedule(seed, lying_disks=True)
        except shard_schedules.ShardViolation:
            found += 1
    assert found > 100
