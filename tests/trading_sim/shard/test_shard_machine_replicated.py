"""The shard's real state machine behind three real replicas gives what it gives alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.trading_sim.shard.shard_processes import NAMES, ShardProcesses
from trading_sim.protocol.records import COMMAND
from trading_sim.shard.client import ShardClient
from trading_sim.shard.config import ShardConfig
from trading_sim.shard.machine import ShardMachine
from trading_sim.shard.replica import DEFAULT_MACHINE
from trading_sim.shard.warm import ACCOUNTS, SYMBOL, commands, trading_day


def test_a_day_of_trading_is_replicated_and_survives_the_leader(tmp_path: Path) -> None:
    config = ShardConfig(shard=0, symbols=[SYMBOL], accounts=ACCOUNTS, max_order_id=1000, max_live=1000, engine="twin")
    day = commands(trading_day())
    alone = ShardMachine(config)
    expected = [alone.apply(day[position : position + 1], 1).events for position in range(len(day))]
    shard = ShardProcesses(tmp_path, DEFAULT_MACHINE, config.to_json())
    try:
        shard.start_all()
        with ShardClient(list(shard.addresses.values()), 1, timeout_s=10.0) as client:
            leader = shard.leader()
            replies = []
            for position in range(len(day)):
                if position == len(day) // 2:
                    shard.kill(leader)
                replies.append(client.submit(unstamped(day[position : position + 1]), position + 1))
            for reply, events in zip(replies, expected, strict=True):
                assert reply.events.tobytes() == events.tobytes()
            assert client.query_account(1)["day"] == 1
        shard.start(leader)
        assert shard.agree()["last_order_id"] == alone.last_order_id
        assert [shard.status(name)["hash_mismatches"] for name in NAMES] == [{}, {}, {}]
    finally:
        shard.stop()


def unstamped(batch: np.ndarray) -> np.ndarray:
    """As a client sends it: no seq, no order id on NEW."""
    fresh = batch.astype(COMMAND, copy=True)
    fresh["seq"] = 0
    fresh["order_id"][fresh["kind"] == 1] = 0
    return fresh
