"""A stage for episodes: one shard's real state machine with the load's ordinary flow, and episodes on top, all seeded.

Nothing is simulated twice: orders come from the same generator as in the running cluster, and checks, matching and ledger are the shard's own. A
stage's day begins in continuous trading and ends with the closing auction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from trading_sim.load.episodes import MANIPULATIONS
from trading_sim.load.episodes_innocent import LOOK_ALIKES
from trading_sim.load.episodes_script import NEW, Actor, quote_from
from trading_sim.load.flow import ShardFlow
from trading_sim.load.session import phase_command
from trading_sim.market import shard_config
from trading_sim.market.accounts import GROUPS
from trading_sim.market.usual import usual_sizes
from trading_sim.shard.config import ShardConfig
from trading_sim.shard.machine import ShardMachine

STEP_S = 0.25
START_NS = 1_790_000_000 * 10**9
LOCKED, CONTINUOUS, CLOSED = 2, 3, 4
REJECTED = 2
#: Orders per second of each chain on the stage.
RATES = {
    "cash-order": 50.0,
    "institution-order": 30.0,
    "margin-order": 12.0,
    "options-order": 8.0,
    "order-cancel": 30.0,
}


@dataclass(frozen=True)
class Played:
    """One entry of the shard's journal as the feed tells it; `commands` are stamped. `parties` is empty where nobody tells them."""

    index: int
    now_ns: int
    commands: np.ndarray
    events: np.ndarray
    parties: np.ndarray
    rejects: np.ndarray


class Market(Protocol):
    """Where a stage's orders go."""

    def query_symbol(self, symbol: int) -> dict[str, Any]:
        """Market data, as the shard's machine answers."""

    def execute(self, commands: np.ndarray, now_ns: int) -> Played:
        """Stamp COMMAND records and execute them as one entry."""


class LocalMarket:
    """The state machine in this process, stamped as a leader would."""

    def __init__(self, config: ShardConfig) -> None:
        self._machine = ShardMachine(config)
        self._seq = self._order_id = self._index = 0

    def query_symbol(self, symbol: int) -> dict[str, Any]:
        """See `Market`."""
        return self._machine.query_symbol(symbol)

    def execute(self, commands: np.ndarray, now_ns: int) -> Played:
        """See `Market`."""
        commands["seq"] = np.arange(self._seq + 1, self._seq + 1 + len(commands))
        new = np.flatnonzero(commands["kind"] == NEW)
        commands["order_id"][new] = np.arange(self._order_id + 1, self._order_id + 1 + len(new))
        self._seq += len(commands)
        self._order_id += len(new)
        self._index += 1
        result = self._machine.apply(commands.copy(), now_ns)
        return Played(self._index, now_ns, commands, result.events, result.parties, result.rejects)


@dataclass(frozen=True)
class Play:
    """`warm_s` of ordinary flow, then episodes until `close_s`, then the closing auction until `end_s`.

    manipulations, look_alikes: how many of each kind.
    """

    seed: int
    warm_s: float = 20.0
    close_s: float = 300.0
    end_s: float = 310.0
    manipulations: int = 2
    look_alikes: int = 2
    rate: float = 1.0


class Stage:
    """One run. `actors` are its labels: pattern "" is innocent."""

    def __init__(self, play: Play, shard: int = 0, market: Market | None = None) -> None:
        self.play = play
        self.config: ShardConfig = shard_config(shard)
        self.market = market or LocalMarket(self.config)
        self.flow = ShardFlow(self.config, play.seed)
        self._draw = np.random.default_rng((play.seed, shard, 77))
        self.usual = usual_sizes(self.config.symbols)
        self._everyone = np.ones(max(row["account"] for row in self.config.accounts) + 1, bool)
        self._cast_accounts: set[int] = set()
        self.actors = self._cast()

    # -- casting -------------------------------------------------------------------------------------------------------

    def _cast(self) -> list[Actor]:
        actors = []
        for table, count, guilty in (
            (MANIPULATIONS, self.play.manipulations, True),
            (LOOK_ALIKES, self.play.look_alikes, False),
        ):
            for name, (make, least, most, group) in table.items():
                for _ in range(count):
                    size = int(self._draw.integers(least, most + 1))
                    symbol = self._symbol()
                    accounts = self._accounts(group, size, symbol)
                    draw = np.random.default_rng(self._draw.integers(1 << 62))
                    pattern = name if guilty else ""
                    actors.append(Actor(name, pattern, accounts, symbol, make(accounts, draw), self._start(name)))
        return actors

    def _symbol(self) -> int:
        """A share that is traded enough to be worth it."""
        shares = [s for s, row in enumerate(self.config.symbols) if row["board"] in ("main", "growth")]
        return int(shares[int(self._draw.integers(0, len(shares)))])

    def _accounts(self, group: str, count: int, symbol: int) -> tuple[int, ...]:
        """Customers of a group that hold the symbol and have no part yet."""
        span = next(one for one in GROUPS if one.name == group)
        able = [
            row["account"]
            for row in self.config.accounts
            if span.first <= row["account"] <= span.last
            and str(symbol) in row["positions"]
            and row["account"] not in self._cast_accounts
        ]
        if len(able) < count:
            raise ValueError(
                f"the stage of seed {self.play.seed} has too few customers of {group} left for its episodes"
            )
        chosen = tuple(int(a) for a in self._draw.choice(able, count, replace=False))
        self._cast_accounts.update(chosen)
        return chosen

    def _start(self, name: str) -> float:
        if name in ("ramping", "rebalancing"):
            return self.play.close_s - float(self._draw.uniform(40, 70))
        latest = max(self.play.warm_s + 1, self.play.close_s - 90)
        return float(self._draw.uniform(self.play.warm_s, latest))

    # -- playing -------------------------------------------------------------------------------------------------------

    @property
    def start_ns(self) -> int:
        """When the day begins."""
        return START_NS

    def entries(self) -> Iterator[Played]:
        """The day, entry by entry."""
        yield self._apply(phase_command(CONTINUOUS), 0.0)
        phase, steps = CONTINUOUS, int(self.play.end_s / STEP_S)
        for step in range(1, steps + 1):
            now = step * STEP_S
            if phase == CONTINUOUS and now >= self.play.close_s:
                phase = LOCKED
                yield self._apply(phase_command(LOCKED), now)
            yield from self.step_flow(now, phase)
            for actor in self.actors:
                entry = self.step_actor(actor, now)
                if entry is not None:
                    yield entry
        yield self._apply(phase_command(CLOSED), self.play.end_s)

    def step_flow(self, now: float, phase: int = CONTINUOUS) -> list[Played]:
        """The ordinary orders of one step at `now` seconds."""
        self.flow.step(STEP_S / 1800.0)
        due = {chain: rate * STEP_S * self.play.rate for chain, rate in RATES.items()}
        return [self._flow(orders, now) for orders in self.flow.make(due, self._everyone, phase).values()]

    def _flow(self, orders: np.ndarray, now: float) -> Played:
        entry, rejected = self._applied(orders, now)
        outcomes = np.isin(entry.commands["seq"], rejected).astype("u1") * 2
        self.flow.customers.note_orders(
            entry.commands, entry.commands["order_id"], outcomes, np.zeros(len(outcomes), "u1")
        )
        return entry

    def step_actor(self, actor: Actor, now: float) -> Played | None:
        """What an actor does at `now` seconds; None: nothing."""
        if actor.ended_s is not None or now < actor.starts_s:
            return None
        row = self.market.query_symbol(actor.symbol)
        commands = actor.step(quote_from(row, int(self.usual[actor.symbol]), now))
        if not len(commands):
            return None
        entry, rejected = self._applied(commands, now, actor)
        return entry

    def _apply(self, commands: np.ndarray, now: float) -> Played:
        return self._applied(commands, now)[0]

    def _applied(self, commands: np.ndarray, now: float, actor: Actor | None = None) -> tuple[Played, np.ndarray]:
        """Execute; everybody hears of the events. Returns the entry and the refused sequence numbers."""
        done = self.market.execute(commands.copy(), START_NS + int(now * 1e9))
        refused = done.events["seq"][done.events["kind"] == REJECTED]
        rejected = np.concatenate([done.rejects["seq"], refused])
        if actor is not None:
            actor.learn(done.commands["order_id"], ~np.isin(done.commands["seq"], rejected))
        for one in self.actors:
            one.note(done.events)
        self.flow.customers.note_events(done.events)
        return done, rejected
