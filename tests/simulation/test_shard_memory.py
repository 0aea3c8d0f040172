"""Ten million commands through one shard (machine, session table, feed with a follower): memory must not grow once it is full.

Run by `make soak`; prints the resident memory along the way.
"""

from __future__ import annotations

import asyncio
import gc
import time
from dataclasses import replace

import numpy as np
import psutil
import pytest

from tests.polling import let_others_run
from trading_sim.load.session import SETTLE, phase_command
from trading_sim.load.shard_started import measured_config, order_pool
from trading_sim.shard.feed_hub import FeedHub
from trading_sim.shard.machine_factory import ShardMachineFactory
from trading_sim.shard.sequencer import Sequencer
from trading_sim.shard.state import ReplicatedState

COMMANDS, FULL_AT = 10_000_000, 2_000_000
BATCH, CLIENTS, SEED = 256, 2, 20_260_930
ORDERS_A_DAY = 800_000
#: How much higher the second half of the run may reach than the first one: a leak of one command would be 150 MiB, of an
#: event 190 MiB. Within a day memory rises and falls by some 20 MiB, so readings at different hours of it say nothing.
GROWTH_MIB = 8.0
CLOSED, CONTINUOUS = 4, 3


class Follower:
    """A sink that takes everything and counts it."""

    full = False

    def __init__(self) -> None:
        self.bytes, self.cuts = 0, []

    def write(self, data: bytes) -> None:
        self.bytes += len(data)

    def cut(self, reason: str) -> None:
        self.cuts.append(reason)


class Soak:
    """The shard, its stamps, and the loop that the feed belongs to."""

    def __init__(self) -> None:
        config = replace(measured_config(1_000_000), max_live=300_000)
        self.loop = asyncio.new_event_loop()
        self.state = ReplicatedState(ShardMachineFactory(config))
        self.stamps = Sequencer(1, 1, 0)
        self.hub = FeedHub(self.loop, time.time_ns)
        self.follower = Follower()
        self.loop.run_until_complete(self._follow())
        self.pool = order_pool(config, 200_000, SEED)
        self.requests = [0] * CLIENTS
        self.commands = self.of_today = 0

    async def _follow(self) -> None:
        self.hub.follow(self.follower, 1, 0)

    def submit(self, client: int, commands: np.ndarray) -> None:
        self.requests[client] += 1
        entry = self.stamps.batch(
            term=1, index=self.state.index + 1, wall_ns=self.state.index * 10**6, client_id=client + 1,
            request=self.requests[client], commands=commands.tobytes(),
        )  # fmt: skip
        self.hub.publish(entry, self.state.apply(entry))
        self.commands += len(commands)

    def run_to(self, total: int) -> None:
        """Orders in turn from all clients; a day ends when its order ids are nearly used up."""
        while self.commands < total:
            start = self.commands // BATCH * BATCH % (len(self.pool) - BATCH)
            self.submit(self.commands // BATCH % CLIENTS, self.pool[start : start + BATCH])
            self.of_today += BATCH
            if self.of_today >= ORDERS_A_DAY:
                for phase in (CLOSED, SETTLE, CONTINUOUS):
                    self.submit(0, phase_command(phase))
                self.of_today = 0
            self.loop.run_until_complete(let_others_run())


@pytest.mark.soak
def test_memory_is_flat_over_ten_million_commands():
    soak, process = Soak(), psutil.Process()
    started, read = time.monotonic(), {}
    for total in range(1_000_000, COMMANDS + 1, 1_000_000):
        soak.run_to(total)
        gc.collect()
        read[total] = process.memory_info().rss / 2**20
        print(
            f"{soak.commands:>12,} commands  day {soak.state.machine.day}  RSS {read[total]:8.1f} MiB  "
            f"feed {soak.follower.bytes / 2**20:9.1f} MiB  {time.monotonic() - started:6.1f} s  seed {SEED}"
        )
    soak.loop.close()
    half = FULL_AT + (COMMANDS - FULL_AT) // 2
    first = max(rss for total, rss in read.items() if FULL_AT < total <= half)
    second = max(rss for total, rss in read.items() if total > half)
    print(f"after {FULL_AT:,}: {read[FULL_AT]:.1f} MiB, after {COMMANDS:,}: {read[COMMANDS]:.1f} MiB")
    print(f"highest until {half:,}: {first:.1f} MiB, highest since: {second:.1f} MiB, {second - first:+.1f} MiB")
    assert not soak.follower.cuts
    assert soak.state.machine.day >= 10
    assert soak.hub.index == soak.state.index
    assert second - first < GROWTH_MIB
