"""Publishes how good the surveillance is on unseen seeds, and how soon it acts on a real shard. Targets are asserted."""

from __future__ import annotations

import os

import pytest

from trading_sim.surveillance import bench, bench_command

pytestmark = pytest.mark.bench
LIVE_S = 75.0


def test_surveillance_is_accurate_on_unseen_seeds() -> None:
    report = bench.measure(bench.UNSEEN_SEEDS)
    report["bulk_events_per_cpu_s"] = bench.bulk_throughput(bench.UNSEEN_SEEDS[0])
    report["load_average"] = round(os.getloadavg()[0], 2)
    print("\n" + bench_command.table(report))
    assert report["steps"]["warn"]["accuracy"] >= bench_command.TARGET_ACCURACY
    assert report["steps"]["act"]["accuracy"] >= bench_command.TARGET_ACCURACY


def test_surveillance_acts_within_seconds_on_a_real_shard() -> None:
    live = bench_command.live(bench.UNSEEN_SEEDS[0], LIVE_S, base_port=24_400)
    print("\n" + "\n".join(bench_command.live_lines(live)))
    assert live["crossing_to_action_s"]
    assert max(live["crossing_to_action_s"]) <= bench_command.TARGET_ACTION_S
