"""A short day of an unseen seed: manipulators are found, look-alikes are left alone. The whole measurement is `make bench`."""

from __future__ import annotations

import pytest

from trading_sim.load.episodes_stage import Play
from trading_sim.surveillance import bench
from trading_sim.surveillance.bench_command import parse_seeds
from trading_sim.surveillance.thresholds import TRAINING_SEEDS, UNSEEN_FROM

SEED = UNSEEN_FROM + 100


def short(seed: int) -> Play:
    return Play(seed, warm_s=5.0, close_s=150.0, end_s=155.0, manipulations=1, look_alikes=1, rate=0.6)


def test_a_short_unseen_day_is_judged_well_and_the_same_every_time() -> None:
    first = bench.summary([bench.play_day(short(SEED))])
    assert first["steps"]["warn"]["accuracy"] >= 0.95, first["wrong"]
    again = bench.summary([bench.play_day(short(SEED))])
    assert again["steps"] == first["steps"]


def test_training_and_unseen_seeds_never_meet() -> None:
    assert not set(TRAINING_SEEDS) & set(bench.UNSEEN_SEEDS)
    assert max(TRAINING_SEEDS) < UNSEEN_FROM
    with pytest.raises(ValueError, match="seed 3"):
        bench.measure([3])


def test_seeds_are_read_from_the_command_line() -> None:
    assert parse_seeds("1000-1002,1010") == (1000, 1001, 1002, 1010)
    with pytest.raises(ValueError, match="invalid literal"):
        parse_seeds("some")
