"""The FX shock on a real machine: halted and locked at once, open for orders at half time, trading at the new price at the end."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from tests.trading_sim.load.load_world import MemoryShard
from trading_sim.load.calendar import AUCTION, CONTINUOUS, SessionCalendar
from trading_sim.load.flow import ShardFlow
from trading_sim.load.fx_shock import FxShocks, foreign_symbols, move
from trading_sim.load.halts import Halts
from trading_sim.load.keeper import ShardKeeper
from trading_sim.load.rates import SettingsError
from trading_sim.load.session import SessionClock
from trading_sim.market import shard_config
from trading_sim.protocol.records import COMMAND

CONFIG = replace(shard_config(0), max_order_id=1000, max_live=100, engine="twin")
FOREIGN = foreign_symbols(CONFIG.symbols)
BODY = {"kind": "fx-shock", "params": {"sigmas": 10, "direction": 1}, "lease_s": 40, "owner": "test"}


class World:
    """One shard, its keeper, and a clock of its own."""

    def __init__(self, folder) -> None:
        self.now = 400.0
        self.shard = MemoryShard(CONFIG)
        clock = SessionClock(folder / "session.json", SessionCalendar(2000), lambda: 700.0)
        clock.started_at = 0.0
        self.flow = ShardFlow(CONFIG, 1)
        halts = Halts(0, self.flow.rows, lambda: self.now)
        numbers = iter(range(1, 999))
        self.keeper = ShardKeeper(0, self, clock, self.flow, numbers.__next__, halts=halts)
        self.path = folder / "fx-shock.json"
        self.shocks = FxShocks(self.path, [self.keeper], lambda: self.now)
        self.requests = 0
        self.rounds()

    async def submit(self, commands, request):
        return self.shard.submit(1, request, commands)[2]

    async def query_symbol(self, symbol):
        return await self.shard.query_symbol(symbol)

    def rounds(self) -> None:
        async def some() -> None:
            for _ in range(10):
                await self.keeper.round()

        asyncio.run(some())

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.shocks.turn()
        self.rounds()

    def order(self, account: int, side: int, price: int, qty: int = 1):
        command = np_command(account, side, price, qty)
        self.requests += 1
        return self.shard.submit(2, self.requests, command)[2]

    def phase(self, symbol: int) -> int:
        return self.shard.machine.core.phase(symbol)


def np_command(account: int, side: int, price: int, qty: int):
    command = np.zeros(1, COMMAND)
    for name, value in zip(
        ("kind", "account", "symbol", "side", "price", "qty", "type", "tif"),
        (1, account, FOREIGN[0], side, price, qty, 1, 1),
        strict=True,
    ):
        command[name] = value
    return command


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_a_shock_halts_locks_opens_and_trades_at_the_new_price(world):
    reference = CONFIG.symbols[FOREIGN[0]]["reference"]
    price = int(reference * move(10, 1))
    assert world.keeper.phase == CONTINUOUS
    world.shocks.begin(BODY, "a", CONTINUOUS)
    world.rounds()
    assert [world.phase(symbol) for symbol in FOREIGN] == [AUCTION] * len(FOREIGN)
    assert {world.phase(symbol) for symbol in range(len(CONFIG.symbols)) if symbol not in FOREIGN} == {CONTINUOUS}
    assert len(world.order(1, 1, price).rejects) == 1, "the positions are locked"
    world.pass_time(21)
    assert len(world.order(1, 1, price).rejects) == 0
    assert len(world.order(2, 2, price).rejects) == 0
    assert world.phase(FOREIGN[0]) == AUCTION, "the time of the board does not end a shock"
    world.pass_time(20)
    assert world.phase(FOREIGN[0]) == CONTINUOUS
    assert asyncio.run(world.query_symbol(FOREIGN[0]))["last"] == price
    assert world.shocks.shock is None
    assert not world.path.exists()


def test_the_jump_stays(world):
    before = world.flow.prices.within(world.flow.market.low, world.flow.market.high)[FOREIGN[0]]
    world.shocks.begin(BODY, "a", CONTINUOUS)
    after = world.flow.prices.within(world.flow.market.low, world.flow.market.high)[FOREIGN[0]]
    assert after == pytest.approx(before * move(10, 1))


def test_a_shock_can_be_ended_and_is_taken_back_after_a_restart(world):
    world.shocks.begin(BODY, "a", CONTINUOUS)
    world.rounds()
    assert not world.shocks.end("b")
    again = FxShocks(world.path, [world.keeper], lambda: world.now)
    again.turn()
    world.rounds()
    assert world.phase(FOREIGN[0]) == CONTINUOUS
    assert not world.path.exists()
    assert world.shocks.end("a")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"params": {"sigmas": 0}}, "sigmas must be a number above 0"),
        ({"params": {"direction": 0}}, "direction must be 1 or -1"),
        ({"lease_s": 1e9}, "lease_s must be"),
        ({"owner": ""}, "owner must say"),
    ],
)
def test_a_shock_that_makes_no_sense_is_refused(world, change, message):
    with pytest.raises(SettingsError, match=message):
        world.shocks.begin({**BODY, **change}, "a", CONTINUOUS)
    assert world.shocks.shock is None


def test_one_shock_at_a_time_and_only_while_trading(world):
    with pytest.raises(SettingsError, match="does not trade continuously"):
        world.shocks.begin(BODY, "a", AUCTION)
    world.shocks.begin(BODY, "a", CONTINUOUS)
    with pytest.raises(SettingsError, match="in force already"):
        world.shocks.begin(BODY, "b", CONTINUOUS)
