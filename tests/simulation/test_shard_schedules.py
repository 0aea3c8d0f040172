"""A simulated shard under seeded faults keeps its promises; with disks that lie the same checker finds the loss."""

import pytest

from trading_sim.sim import shard_schedules
from trading_sim.sim.shard_checker import ShardViolation
from trading_sim.sim.shard_schedules import run_schedule

SEEDS = 160
GROUPS = 8


@pytest.mark.parametrize("group", range(GROUPS))
def test_no_schedule_breaks_a_promise(group: int) -> None:
    results = [run_schedule(seed) for seed in range(group + 1, SEEDS + 1, GROUPS)]
    assert sum(result.crashes for result in results) > len(results)
    assert sum(result.acknowledged for result in results) > 20 * len(results)


def test_the_weather_reaches_what_it_is_meant_to_reach() -> None:
    results = [run_schedule(seed, faults_ms=8_000) for seed in (4, 8, 12, 16, 2644)]
    assert sum(result.rotted for result in results) >= 3, "no journal rotted"
    assert sum(result.reads for result in results) >= 5, "no read was answered under a lease"
    assert max(result.terms for result in results) >= 3, "no leader was ever replaced"
    assert sum(run_schedule(seed).rebuilt for seed in range(40, 70)) >= 3, "nothing executed ahead was ever taken back"


def test_the_same_seed_gives_the_same_schedule() -> None:
    assert run_schedule(77) == run_schedule(77)


def test_disks_that_lie_about_syncing_are_found_out() -> None:
    found = []
    for seed in range(1, 41):
        try:
            run_schedule(seed, lying_disks=True)
        except ShardViolation as violation:
            found.append(str(violation))
            assert f"seed {seed}:" in found[-1]
    assert len(found) >= 10
    assert any("Lost:" in text or "executed another entry" in text for text in found)


def test_the_command_line_prints_the_seed_of_a_violation(capsys: pytest.CaptureFixture[str]) -> None:
    assert shard_schedules.main(["--seeds", "40", "--lying-disks"]) == 1
    told = capsys.readouterr().err
    assert "VIOLATION seed " in told
    replay = next(line for line in told.splitlines() if line.startswith("replay: ")).split()[4:]
    assert shard_schedules.main(replay) == 1
    assert "everything heals" in (again := capsys.readouterr().err) or "VIOLATION" in again


def test_the_command_line_sums_up_schedules_without_violation(capsys: pytest.CaptureFixture[str]) -> None:
    assert shard_schedules.main(["--seeds", "2", "--from", "5"]) == 0
    assert "2 schedules from seed 5" in capsys.readouterr().out
