"""What a client sees of a leader's death, and how long a killed replica needs to be whole again."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from tests.bench.matching_bench import machine
from tests.bench.shard_bench import Orders, config, verdict
from tests.trading_sim.shard.shard_processes import ShardProcesses
from tests.trading_sim.shard.test_shard_kill import check_history, kill_again_and_again
from trading_sim.shard.hardstate import HardState
from trading_sim.shard.machine_factory import ShardMachineFactory
from trading_sim.shard.sequencer import Sequencer
from trading_sim.shard.state import ReplicatedState
from trading_sim.shard.storage import Append, Storage
from trading_sim.sim.real import RealFiles

pytestmark = pytest.mark.bench
KILLS = 10
DAY, BATCH = 10_000_000, 256


def test_failover_seen_by_a_client(tmp_path: Path) -> None:
    shard = ShardProcesses(tmp_path)
    try:
        shard.start_all()
        customers, feed, waited = kill_again_and_again(shard, KILLS)
        check_history(shard, customers, feed)
    finally:
        shard.stop()
    p50, p99, longest = np.percentile(waited, (50, 99, 100))
    print(f"\n{machine()}\n{KILLS} kills of the leader under load: acknowledged orders lost 0, executed twice 0")
    print(f"  until a client's next answer: p50 {p50 * 1e3:.0f} ms, p99 {p99 * 1e3:.0f} ms, max {longest * 1e3:.0f} ms")
    print(verdict("failover p99, seconds", p99, 3.0, True))
    assert longest < 30


@pytest.mark.timeout(600)
def test_recovery_of_a_day(tmp_path: Path) -> None:
    """The whole day from the journal alone, without any snapshot: the worst case."""
    storage, _ = Storage.open(RealFiles(), str(tmp_path), segment_bytes=64 << 20)
    orders, sequencer, index = Orders(), Sequencer(1, 1, 0), 0
    while index * BATCH < DAY:
        entries = []
        for _ in range(200):
            index += 1
            entries.append(
                sequencer.batch(
                    term=1,
                    index=index,
                    wall_ns=index * 100_000,
                    client_id=1,
                    request=index,
                    commands=orders.take(BATCH).tobytes(),
                )
            )
        storage.save(HardState(1, "a") if index == 200 else None, [Append(tuple(entries))])
    storage.close()
    began = time.perf_counter()
    _, start = Storage.open(RealFiles(), str(tmp_path), segment_bytes=64 << 20)
    read = time.perf_counter() - began
    state = ReplicatedState(ShardMachineFactory(config()))
    for entry in start.entries:
        state.apply(entry)
    took = time.perf_counter() - began
    print(
        f"\n{machine()}\na day of {index * BATCH:,} commands in {index:,} entries, no snapshot: read in {read:.1f} s, whole in {took:.1f} s"
    )
    print(verdict("recovery of a killed replica, seconds", took, 60.0, True))
    assert state.next_seq == index * BATCH + 1
