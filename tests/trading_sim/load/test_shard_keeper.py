"""The keeper brings a real shard machine through trading days, whatever answers are lost."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading_sim.load.load_world import MemoryShard
from trading_sim.load.calendar import SessionCalendar
from trading_sim.load.flow import ShardFlow
from trading_sim.load.keeper import ShardKeeper
from trading_sim.load.session import SessionClock, ShardState
from trading_sim.market import shard_config
from trading_sim.protocol.operator import phase_command
from trading_sim.shard.client import ShardUnavailable

CONFIG = replace(shard_config(0), max_order_id=1000, max_live=100)


class FlakyClient:
    """A shard's client whose answers get lost on demand, before or after the execution."""

    def __init__(self, troubles: list[str | None]) -> None:
        self.shard = MemoryShard(CONFIG)
        self.troubles = troubles

    async def submit(self, commands, request):
        trouble = self.troubles.pop() if self.troubles else None
        if trouble == "before":
            raise ShardUnavailable("not sent", False)
        _, _, result = self.shard.submit(1, request, commands)
        if trouble == "after":
            raise ShardUnavailable("answer lost", True)
        return result

    async def query_symbol(self, symbol):
        return await self.shard.query_symbol(symbol)


def settled_days(client) -> int:
    return sum(int((commands["price"] == 5).sum()) for _, _, commands in client.shard.journal)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from([None, None, "before", "after"]), max_size=20))
def test_three_days_settle_three_times_whatever_is_lost(tmp_path_factory, troubles):
    now = [0.0]
    clock = SessionClock(tmp_path_factory.mktemp("clock") / "session.json", SessionCalendar(1000), lambda: now[0])
    client, flow = FlakyClient(list(troubles)), ShardFlow(CONFIG, 1)
    numbers = iter(range(1, 10_000))
    keeper = ShardKeeper(0, client, clock, flow, lambda: next(numbers))
    seen = set()

    async def three_days() -> None:
        while now[0] < 2999:
            now[0] += 5
            clock.turn()
            for _ in range(6):
                try:
                    if not await keeper.round():
                        break
                except ShardUnavailable:
                    keeper.state = None
            if keeper.state is not None:
                seen.add((keeper.state.day, keeper.state.phase))

    asyncio.run(three_days())
    assert settled_days(client) == client.shard.machine.day == 3
    assert {(day, phase) for day in range(3) for phase in (1, 2, 3, 4)} <= seen


def test_symbols_in_different_phases_are_brought_together(tmp_path):
    clock = SessionClock(tmp_path / "session.json", SessionCalendar(1000), lambda: 100.0)
    clock.started_at = 0.0
    client = FlakyClient([])
    client.shard.machine.core.step_with_parties(phase_command(3, 4))
    keeper = ShardKeeper(0, client, clock, ShardFlow(CONFIG, 1), iter(range(1, 99)).__next__)
    asyncio.run(keeper.observe())
    assert keeper.state == ShardState(0, 0)
    assert asyncio.run(keeper.round())
    assert set(client.shard.machine.core.phases().tolist()) == {3}


@pytest.mark.parametrize(("elapsed", "day"), [(100.0, 3), (999.0, 2)])
def test_a_new_clock_joins_the_day_of_the_shards(tmp_path, elapsed, day):
    now = [0.0]
    clock = SessionClock(tmp_path / "session.json", SessionCalendar(1000), lambda: now[0])
    now[0] = elapsed
    client = FlakyClient([])
    client.shard.machine.desk.control["day"] = 3
    keeper = ShardKeeper(0, client, clock, ShardFlow(CONFIG, 1), iter(range(1, 99)).__next__)
    asyncio.run(keeper.round())
    assert clock.day == day
    asyncio.run(keeper.round())
    assert client.shard.machine.day == 3


def test_a_shard_that_is_ahead_waits_closed(tmp_path):
    clock = SessionClock(tmp_path / "session.json", SessionCalendar(1000), lambda: 100.0)
    clock.started_at = 0.0
    keeper = ShardKeeper(0, FlakyClient([]), clock, ShardFlow(CONFIG, 1), iter(range(1, 99)).__next__)
    keeper.state = ShardState(2, 3)
    asyncio.run(keeper.round())
    assert keeper.phase == 4
    assert not asyncio.run(keeper.round())
    clock.join(2)
    assert asyncio.run(keeper.round())
    assert keeper.phase == pytest.approx(3)
