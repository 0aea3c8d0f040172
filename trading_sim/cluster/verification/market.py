"""Judges every event by the rules of the market alone: plain dictionaries, nothing of the core, the desk or the ledger.

A replay runs the same code as the replicas, so a fault of that code would look the same in both. What is checked here follows from the
journal's commands and the rules of the market: band, limit, quantity, price priority, T+1, and that nothing refused ever trades. The
audit begins with the first entry; orders from before (of a log that begins behind a snapshot) are passed over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trading_sim.cluster.verification.findings import Check, Findings
from trading_sim.protocol.operator import EVERY_SYMBOL, OPERATOR, PHASE_KIND, SETTLE

NEW = 1
ACCEPTED, REJECTED, TRADE, CANCELLED, REPLACED, PHASE = 1, 2, 3, 4, 5, 6
BUY, SELL = 1, 2
MARKET = 2
IN_AUCTION = 1
MILLION = 1_000_000


@dataclass
class Order:
    """What the journal says of an order, and how much of it is still open. `accepted`: the shard took it; `resting`: it is in the book."""

    number: int
    account: int
    symbol: int
    side: int
    price: int
    is_market: bool
    leaves: int
    accepted: bool = False
    refused: bool = False
    resting: bool = False


class MarketAudit:
    """Watches one shard. `whole`: the log begins with the first entry, so that today's holdings are known."""

    def __init__(
        self,
        accounts: Sequence[Mapping[str, Any]],
        symbols: Sequence[Mapping[str, Any]],
        findings: Findings,
        *,
        whole: bool,
    ) -> None:
        self._rules: Check = findings["market-rules"]
        self._refusals: Check = findings["refusals"]
        self._settlement: Check = findings["settlement"]
        self._whole = whole
        self._rows = symbols
        self._low = [row["low"] for row in symbols]
        self._high = [row["high"] for row in symbols]
        self._last = [row["reference"] for row in symbols]
        self._orders: dict[int, Order] = {}
        # (symbol, side) → price → open quantity in the book
        self._book: dict[tuple[int, int], dict[int, int]] = defaultdict(dict)
        self._sellable: dict[tuple[int, int], int] = defaultdict(int)
        self._today: dict[tuple[int, int], int] = defaultdict(int)
        for row in accounts:
            for symbol, quantity in row.get("positions", {}).items():
                self._sellable[row["account"], int(symbol)] = quantity
        self._next_day_only = [not (row.get("same_day") or row.get("margin_ppm")) for row in symbols]

    def watch(self, index: int, commands: np.ndarray, events: np.ndarray, rejects: np.ndarray) -> None:
        """One executed entry: its stamped commands, and all that the shard told of them."""
        fresh = commands[commands["kind"] == NEW]
        for row in fresh.tolist():
            _, number, price, quantity, symbol, account, _, side, kind, _ = row
            self._orders[number] = Order(number, account, symbol, side, price, kind == MARKET, quantity)
        refused = rejects[np.isin(rejects["order_id"], fresh["order_id"])]["order_id"].tolist()
        for number in refused:
            if number in self._orders:
                self._orders[number].refused = True
        for event in events.tolist():
            self._event(index, event)
        for number in refused:
            self._orders.pop(number, None)
        self._settle_after(commands, events)

    def _event(self, index: int, event: tuple) -> None:
        _, number, maker, price, quantity, leaves, symbol, kind, _, side, flags = event
        order = self._orders.get(number)
        if kind == TRADE:
            self._trade(index, order, self._orders.get(maker), price, quantity, symbol, flags)
        elif order is None:
            return
        elif kind == ACCEPTED:
            self._refusals.checked += 1
            if order.refused:
                self._refusals.problem(
                    f"entry {index}: order {number} of account {order.account} was refused and accepted"
                )
            order.accepted = True
            self._rest(order)
        elif kind == REJECTED:
            if not order.accepted:  # a rejected change leaves its order as it is
                self._forget(order)
        elif kind == CANCELLED:
            self._forget(order)
        elif kind == REPLACED:
            self._take_out(order, order.leaves)
            order.price, order.leaves = price, leaves
            self._rest(order)

    def _rest(self, order: Order) -> None:
        """The order stands in the book from now on; what it trades at once is taken out again by its trades."""
        if order.leaves and not order.is_market:
            levels = self._book[order.symbol, order.side]
            levels[order.price] = levels.get(order.price, 0) + order.leaves
            order.resting = True

    def _take_out(self, order: Order, quantity: int) -> None:
        if not order.resting:
            return
        levels = self._book[order.symbol, order.side]
        left = levels.get(order.price, 0) - quantity
        if left > 0:
            levels[order.price] = left
        else:
            levels.pop(order.price, None)

    def _forget(self, order: Order) -> None:
        self._take_out(order, order.leaves)
        self._orders.pop(order.number, None)

    def _trade(
        self, index: int, taker: Order | None, maker: Order | None, price: int, quantity: int, symbol: int, flags: int
    ) -> None:
        self._rules.checked += 1
        where = f"entry {index}: {quantity} of symbol {symbol} at {price}"
        if self._high[symbol] and not self._low[symbol] <= price <= self._high[symbol]:
            self._rules.problem(f"{where} is outside the day's band {self._low[symbol]} … {self._high[symbol]}")
        self._last[symbol] = price
        for order in (taker, maker):
            if order is not None:
                self._side(where, order, price, quantity, symbol)
        if taker is not None and maker is not None:
            if taker.side == maker.side:
                self._rules.problem(f"{where}: orders {taker.number} and {maker.number} stand on the same side")
            if not flags & IN_AUCTION and maker.resting:
                self._priority(where, maker)
        self._move(index, taker, maker, quantity, symbol)
        for order in (taker, maker):
            if order is not None:
                self._fill(order, quantity)

    def _side(self, where: str, order: Order, price: int, quantity: int, symbol: int) -> None:
        name = f"order {order.number} of account {order.account}"
        self._refusals.checked += 1
        if order.refused or not order.accepted:
            self._refusals.problem(
                f"{where}: {name} traded, though it was {'refused' if order.refused else 'never accepted'}"
            )
        if order.symbol != symbol:
            self._rules.problem(f"{where}: {name} is for symbol {order.symbol}")
        beyond = price > order.price if order.side == BUY else price < order.price
        if not order.is_market and beyond:
            self._rules.problem(f"{where}: {name} has the limit {order.price}")
        if quantity > order.leaves or quantity < 1:
            self._rules.problem(f"{where}: {name} has {order.leaves} open")

    def _priority(self, where: str, maker: Order) -> None:
        levels = self._book[maker.symbol, maker.side]
        best = (max if maker.side == BUY else min)(levels, default=maker.price)
        if best > maker.price if maker.side == BUY else best < maker.price:
            self._rules.problem(
                f"{where}: order {maker.number} at {maker.price} was executed before better ones at {best}"
            )

    def _move(self, index: int, taker: Order | None, maker: Order | None, quantity: int, symbol: int) -> None:
        """Shares change hands; what was bought today is not sold today."""
        if not self._whole or not self._next_day_only[symbol]:
            return
        for order in (taker, maker):
            if order is None:
                continue
            key = (order.account, symbol)
            if order.side == BUY:
                self._today[key] += quantity
                continue
            self._settlement.checked += 1
            self._sellable[key] -= quantity
            if self._sellable[key] < 0:
                self._settlement.problem(
                    f"entry {index}: order {order.number} of account {order.account} sells {-self._sellable[key]} "
                    f"of symbol {symbol} more than the account held at the day's start"
                )
                self._sellable[key] = 0

    def _fill(self, order: Order, quantity: int) -> None:
        self._take_out(order, quantity)
        order.leaves -= quantity
        if order.leaves <= 0:
            self._orders.pop(order.number, None)

    def _settle_after(self, commands: np.ndarray, events: np.ndarray) -> None:
        """The day ended in this entry when its settlement was carried out: shares become sellable, bands follow the last prices."""
        asked = (commands["kind"] == PHASE_KIND) & (commands["price"] == SETTLE) & (commands["account"] == OPERATOR)
        done = (events["kind"] == PHASE) & (events["price"] == SETTLE) & (events["symbol"] == EVERY_SYMBOL)
        if not asked.any() or not done.any():
            return
        for key, quantity in self._today.items():
            self._sellable[key] += quantity
        self._today.clear()
        self._orders.clear()
        self._book.clear()
        for symbol, row in enumerate(self._rows):
            if row.get("nav"):
                self._low[symbol] = self._high[symbol] = 0  # its price comes from a rule, not from trading
            elif "band_ppm" in row:
                self._low[symbol], self._high[symbol] = _band(self._last[symbol], row["band_ppm"])


def _band(price: int, ppm: int) -> tuple[int, int]:
    """`price` less and more `ppm` millionths, rounded half up to a tick, never below one tick."""
    low = max(1, (price * (MILLION - ppm) + MILLION // 2) // MILLION)
    return low, max(low, (price * (MILLION + ppm) + MILLION // 2) // MILLION)
