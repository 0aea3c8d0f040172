"""Halted symbols: learnt from events or from phases, reopened when they are due, by the keeper of a real machine."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from tests.trading_sim.load.load_world import MemoryShard
from trading_sim.load.calendar import SessionCalendar
from trading_sim.load.flow import ShardFlow
from trading_sim.load.halts import Halts
from trading_sim.load.keeper import ShardKeeper
from trading_sim.load.session import SessionClock, phase_command
from trading_sim.market import BOARDS, shard_config
from trading_sim.matching.records import EventKind, Phase, Reason
from trading_sim.protocol.records import EVENT

CONFIG = replace(shard_config(0), max_order_id=1000, max_live=100, engine="twin")
ROWS = CONFIG.symbols
BORDER = next(symbol for symbol, row in enumerate(ROWS) if row.get("continuous_only"))


def phase_event(symbol: int, phase: int, reason: int = 0) -> np.ndarray:
    event = np.zeros(1, EVENT)
    event["symbol"], event["price"], event["reason"], event["kind"] = symbol, phase, reason, EventKind.PHASE
    return event


@pytest.fixture
def now():
    return [100.0]


@pytest.fixture
def halts(now):
    return Halts(0, ROWS, lambda: now[0])


def test_a_halt_is_due_after_the_time_of_its_board(halts, now):
    halts.note_events(phase_event(0, Phase.AUCTION, Reason.HALTED))
    halts.note_events(phase_event(BORDER, Phase.AUCTION, Reason.HALTED))
    assert halts.halted() == [0, BORDER]
    now[0] += ROWS[BORDER]["halt_s"]
    assert halts.due() == BORDER
    halts.reopened(BORDER)
    assert halts.due() is None
    now[0] += ROWS[0]["halt_s"]
    assert halts.due() == 0


def test_another_phase_ends_a_halt_and_the_end_of_the_day_is_no_symbol(halts):
    halts.note_events(phase_event(3, Phase.AUCTION, Reason.HALTED))
    halts.note_events(phase_event(0xFFFFFFFF, 5))
    assert halts.halted() == [3]
    halts.note_events(phase_event(3, Phase.CONTINUOUS))
    assert halts.halted() == []


@pytest.mark.parametrize(
    ("all_others", "border", "symbol_0", "expected", "halted"),
    [
        (Phase.CONTINUOUS, Phase.CONTINUOUS, Phase.CONTINUOUS, Phase.CONTINUOUS, []),
        (Phase.CONTINUOUS, Phase.CONTINUOUS, Phase.AUCTION, Phase.CONTINUOUS, [0]),
        (Phase.CONTINUOUS, Phase.AUCTION, Phase.CONTINUOUS, Phase.CONTINUOUS, [BORDER]),
        (Phase.CONTINUOUS, Phase.CONTINUOUS, Phase.CLOSED, 0, []),
        (Phase.CONTINUOUS, Phase.CLOSED, Phase.CONTINUOUS, 0, []),
        (Phase.AUCTION, Phase.CLOSED, Phase.AUCTION, Phase.AUCTION, []),
        (Phase.AUCTION_LOCKED, Phase.CONTINUOUS, Phase.AUCTION_LOCKED, Phase.AUCTION_LOCKED, []),
        (Phase.AUCTION_LOCKED, Phase.AUCTION, Phase.AUCTION_LOCKED, Phase.AUCTION_LOCKED, [BORDER]),
        (Phase.CLOSED, Phase.CLOSED, Phase.CLOSED, Phase.CLOSED, []),
    ],
)
def test_the_phase_of_a_shard_in_which_symbols_may_be_halted(halts, all_others, border, symbol_0, expected, halted):
    phases = [int(all_others)] * len(ROWS)
    for symbol, row in enumerate(ROWS):
        if row.get("continuous_only"):
            phases[symbol] = int(Phase.CONTINUOUS if border == Phase.AUCTION else border)
    phases[BORDER] = int(border)
    phases[0] = int(symbol_0)
    assert halts.common_phase(phases) == expected
    assert halts.halted() == halted


class Client:
    """The shard's client, without a network."""

    def __init__(self) -> None:
        self.shard = MemoryShard(CONFIG)

    async def submit(self, commands, request):
        return self.shard.submit(1, request, commands)[2]

    async def query_symbol(self, symbol):
        return await self.shard.query_symbol(symbol)


def test_the_keeper_reopens_one_symbol_and_leaves_the_others_alone(tmp_path, halts, now):
    clock = SessionClock(tmp_path / "session.json", SessionCalendar(1000), lambda: 400.0)
    clock.started_at = 0.0
    client = Client()
    keeper = ShardKeeper(0, client, clock, ShardFlow(CONFIG, 1), iter(range(1, 99)).__next__, halts=halts)

    async def rounds() -> None:
        for _ in range(8):
            await keeper.round()

    asyncio.run(rounds())
    assert keeper.phase == Phase.CONTINUOUS
    sent = keeper.commands
    halting = client.shard.submit(2, 1, phase_command(Phase.AUCTION, 5))[2]
    halting.events["reason"] = Reason.HALTED
    halts.note_events(halting.events)
    asyncio.run(rounds())
    assert keeper.commands == sent
    now[0] += 60
    asyncio.run(rounds())
    assert keeper.commands == sent + 1
    assert {client.shard.machine.core.phase(symbol) for symbol in range(len(ROWS))} == {Phase.CONTINUOUS}
    assert halts.halted() == []


def test_boards_say_what_trades_how():
    rows = {row["board"]: row for row in ROWS}
    assert set(rows) == {board.name for board in BOARDS}
    assert (rows["main"]["band_ppm"], rows["growth"]["band_ppm"]) == (100_000, 200_000)
    assert (rows["cross-border"]["low"], rows["cross-border"]["high"]) == (0, 0)
    assert rows["cross-border"]["breaker_follows"] == 1
    assert rows["wealth"]["low"] == rows["wealth"]["high"] == rows["wealth"]["nav"]
