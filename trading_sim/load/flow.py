"""The order flow of one shard: fair prices, customers and order maker put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trading_sim.load.calendar import AUCTION, CLOSED, CONTINUOUS
from trading_sim.load.customers import Customers
from trading_sim.load.orders import CANCEL_CHAIN, MIXES, Market, OrderMaker
from trading_sim.load.prices import FairPrices
from trading_sim.market.accounts import GROUPS
from trading_sim.market.boards import BOARDS
from trading_sim.shard.config import ShardConfig

ORDER_CHAINS = (*MIXES, CANCEL_CHAIN)


class ShardFlow:
    """Seeded flow of shard `config.shard`; equal seeds and equal replies give equal orders."""

    def __init__(self, config: ShardConfig, seed: int) -> None:
        self.shard = config.shard
        self._generator = np.random.default_rng((seed, config.shard))
        rows = self.rows = config.symbols
        sizes = {board.name: board.quantity_lots for board in BOARDS}
        self.market = Market(
            boards=[row["board"] for row in rows],
            lots=np.array([row["lot"] for row in rows]),
            sizes=np.array([sizes[row["board"]] for row in rows]),
            low=np.array([row["low"] for row in rows]),
            high=np.array([row["high"] for row in rows]),
        )
        self.prices = FairPrices(np.array([row["reference"] for row in rows]), self._generator)
        self.customers = Customers(config.accounts, rows)
        groups = {group.name: np.arange(group.first, group.last + 1) for group in GROUPS}
        self._maker = OrderMaker(self.market, self.customers, groups, self._generator)

    def start_day(self, symbols: Sequence[Mapping[str, Any]]) -> None:
        """Take over today's bands and last prices, as `query_symbol` answers them for every symbol in order."""
        self.market.low = np.array([row["low"] for row in symbols])
        self.market.high = np.array([row["high"] for row in symbols])
        self._maker.market = self.market
        self.prices.restart_at(np.array([row["last"] for row in symbols]))

    def step(self, day_part: float) -> None:
        """Let the fair prices move for `day_part` of a trading day."""
        self.prices.step(day_part)

    def make(self, expected: Mapping[str, float], accounts: np.ndarray, phase: int) -> dict[str, np.ndarray]:
        """COMMAND records per chain, Poisson around `expected` requests, by customers with accounts[id] true.

        CLOSED: none; an auction: only LIMIT DAY; AUCTION_LOCKED: no changes of orders either.
        """
        if phase == CLOSED:
            return {}
        fair = self.prices.within(self.market.low, self.market.high)
        made = {}
        for chain, rate in expected.items():
            count = int(self._generator.poisson(rate))
            if chain != CANCEL_CHAIN:
                orders = self._maker.new_orders(chain, count, fair, self.prices.trend, accounts, phase != CONTINUOUS)
            elif phase in (AUCTION, CONTINUOUS):
                orders = self._maker.changes(count, fair, accounts)
            else:
                continue
            if len(orders):
                made[chain] = orders
        return made
