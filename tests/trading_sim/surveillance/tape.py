"""A tape of events written by hand: orders, trades and cancels of accounts at given seconds, as a shard's feed tells them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from trading_sim.protocol.records import EVENT, PARTY
from trading_sim.surveillance.findings import Finding
from trading_sim.surveillance.thresholds import Thresholds
from trading_sim.surveillance.watch import ShardWatch

BUY, SELL = 1, 2
SECOND = 10**9
START_NS = 1_790_000_000 * SECOND
SYMBOLS = 4
USUAL = np.full(SYMBOLS, 100)


@dataclass
class Order:
    number: int
    account: int
    symbol: int
    side: int
    price: int
    qty: int
    leaves: int


@dataclass
class Tape:
    """`rows` are (seconds, EVENT, PARTY) in order."""

    rows: list[tuple[float, np.ndarray, np.ndarray]] = field(default_factory=list)
    mirrored: bool = False
    orders: int = 0

    def _write(self, at: float, account: int, other: int = 0, **fields: int) -> None:
        event, party = np.zeros(1, EVENT), np.zeros(1, PARTY)
        event["seq"] = len(self.rows) + 1
        for name, value in fields.items():
            event[name] = value
        party["account"], party["other"] = account, other
        self.rows.append((at, event, party))

    def _side(self, side: int) -> int:
        return 3 - side if self.mirrored else side

    def _price(self, price: int) -> int:
        return 2000 - price if self.mirrored else price

    def place(self, at: float, account: int, side: int, price: int, qty: int, symbol: int = 0) -> Order:
        """An accepted order."""
        self.orders += 1
        order = Order(self.orders, account, symbol, self._side(side), self._price(price), qty, qty)
        self._write(
            at, account, kind=1, order_id=order.number, price=order.price, qty=qty, leaves=qty, symbol=symbol, side=order.side
        )  # fmt: skip
        return order

    def trade(self, at: float, taker: Order, maker: Order, qty: int) -> None:
        """The taker meets the maker at the maker's price."""
        taker.leaves -= qty
        maker.leaves -= qty
        self._write(
            at, taker.account, maker.account, kind=3, order_id=taker.number, maker_id=maker.number, price=maker.price,
            qty=qty, leaves=taker.leaves, symbol=taker.symbol, side=taker.side,
        )  # fmt: skip

    def cancel(self, at: float, order: Order) -> None:
        """Taken back by its owner."""
        self._write(
            at, order.account, kind=4, reason=14, order_id=order.number, price=order.price, qty=order.leaves,
            symbol=order.symbol, side=order.side,
        )  # fmt: skip
        order.leaves = 0

    def phase(self, at: float, phase: int) -> None:
        """All symbols enter a phase."""
        for symbol in range(SYMBOLS):
            self._write(at, 0, kind=6, price=phase, symbol=symbol)

    def cross(self, at: float, seller: int, buyer: int, price: int, qty: int, symbol: int = 0) -> None:
        """Two orders that meet at once."""
        maker = self.place(at, seller, SELL, price, qty, symbol)
        self.trade(at, self.place(at, buyer, BUY, price, qty, symbol), maker, qty)

    # -- watching ------------------------------------------------------------------------------------------------------

    def watch(self, cuts: list[int] | None = None, thresholds: Thresholds | None = None) -> list[Finding]:
        """Everything found. `cuts`: after how many events an entry ends (entries also end where the time changes)."""
        watch = ShardWatch(0, USUAL, thresholds)
        found: list[Finding] = []
        ends = set(cuts or range(1, len(self.rows) + 1))
        begin = 0
        for position in range(1, len(self.rows) + 1):
            last = position == len(self.rows)
            if last or position in ends or self.rows[position][0] != self.rows[begin][0]:
                part = self.rows[begin:position]
                now_ns = START_NS + round(part[0][0] * SECOND)
                found += watch.feed(now_ns, *(np.concatenate([row[i] for row in part]) for i in (1, 2)))
                begin = position
        return found + watch.pass_time(START_NS + round((self.rows[-1][0] + 10) * SECOND))


def furthest(found: list[Finding]) -> dict[tuple[str, tuple[int, ...], int], int]:
    """(pattern, accounts, symbol) → the step that was reached."""
    steps: dict[tuple[str, tuple[int, ...], int], int] = {}
    for one in found:
        key = (one.pattern, one.accounts, one.symbol)
        steps[key] = max(steps.get(key, 0), one.step)
    return steps
