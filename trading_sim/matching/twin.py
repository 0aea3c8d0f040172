"""Executable specification of the matching contract: dicts, deques and Python integers, nothing clever.

The fast engine in `core` must give the same event bytes and the same state hash for every command stream. Read this
file to learn what a command means. Where the contract's text leaves room, this is the reading taken:

- A kind that is not known is REJECTED BAD_FIELD. For CANCEL, REPLACE and PHASE the fields side, type and tif are not
  looked at, nor order_id for PHASE.
- "order_id rests in that symbol's book" for CANCEL and REPLACE includes that the symbol exists, so a wrong symbol is
  UNKNOWN_ORDER, never BAD_SYMBOL; order_id 0 is UNKNOWN_ORDER as well.
- A phase that forbids a command gives BAD_PHASE (HALTED belongs to halts, which no command causes yet).
- The price of a MARKET order is never checked, but its events carry the price as sent.
- CAPACITY is checked before DUPLICATE_ORDER and without asking whether the order would rest: an order id above
  `max_order_id`, or `max_live` orders resting already.
- An order id may come again once its order has left the book.
- MARKET with tif IOC leaves its remainder as NO_LIQUIDITY, not IOC_REMAINDER.
- A POST_ONLY order is an ordinary order once it rests: a REPLACE may make it trade.
- REPLACE keeps side and account of the resting order, whatever the command carries; price 262,144 and above without a
  band is BAD_PRICE there too. The same price with a larger quantity goes to the tail.
- A command to every symbol acts as one command a symbol in ascending order: uncross, then PHASE event, symbol after
  symbol; these events carry the symbol itself, not 0xFFFFFFFF.
- A PHASE event has order_id, qty, leaves and side 0. A PHASE with unknown phase and unknown symbol is BAD_FIELD.
- Uncross candidates are the prices of resting orders of either side; without executable volume nothing trades. The
  events of an auction trade carry the buy order's open quantity as leaves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple, Self

import numpy as np

from trading_sim.matching import snapshot
from trading_sim.matching.records import (
    COMMAND,
    EVENT,
    EVERY_SYMBOL,
    FLAG_AUCTION,
    EventKind,
    Kind,
    OrderType,
    Phase,
    Reason,
    Side,
    Tif,
)
from trading_sim.matching.snapshot import CoreState
from trading_sim.matching.symbols import SymbolTable

AUCTION_PHASES = (Phase.AUCTION, Phase.AUCTION_LOCKED)


class Command(NamedTuple):
    """One COMMAND record as Python integers."""

    seq: int
    order_id: int
    price: int
    qty: int
    symbol: int
    account: int
    kind: int
    side: int
    type: int
    tif: int


class Order:
    """An order with its open quantity."""

    __slots__ = ("account", "order_id", "price", "qty", "side", "symbol")

    def __init__(self, order_id: int, symbol: int, side: int, price: int, qty: int, account: int) -> None:
        self.order_id = order_id
        self.symbol = symbol
        self.side = side
        self.price = price
        self.qty = qty
        self.account = account


class Book:
    """Resting orders of one symbol: for each side a dict from price to the queue of orders at that price."""

    def __init__(self) -> None:
        self.phase: int = Phase.CONTINUOUS
        self.queues: dict[int, dict[int, deque[Order]]] = {Side.BUY: {}, Side.SELL: {}}

    def best(self, side: int) -> int | None:
        """Highest bid or lowest ask."""
        prices = self.queues[side]
        if not prices:
            return None
        return max(prices) if side == Side.BUY else min(prices)

    def prices(self, side: int) -> list[int]:
        """Prices of one side, best first."""
        return sorted(self.queues[side], reverse=side == Side.BUY)

    def append(self, order: Order) -> None:
        """Put the order at the tail of its price."""
        self.queues[order.side].setdefault(order.price, deque()).append(order)

    def remove(self, order: Order) -> None:
        """Take the order out of its queue; an empty queue goes too."""
        queue = self.queues[order.side][order.price]
        queue.remove(order)
        if not queue:
            del self.queues[order.side][order.price]

    def volume(self, side: int, price: int) -> int:
        """Open quantity of one side at prices that cross `price`."""
        return sum(o.qty for p, queue in self.queues[side].items() if not_worse(side, p, price) for o in queue)


def not_worse(side: int, price: int, limit: int) -> bool:
    """Whether a resting `price` of `side` satisfies a counterpart whose limit is `limit`."""
    return price >= limit if side == Side.BUY else price <= limit


def opposite(side: int) -> int:
    """The other side."""
    return Side.SELL if side == Side.BUY else Side.BUY


class TwinCore:
    """Matching core in plain Python; same interface, bytes and state hash as `trading_sim.matching.core.Core`."""

    def __init__(self, table: SymbolTable, max_order_id: int = 1_000_000, max_live: int = 200_000) -> None:
        self.table = table
        self.max_order_id = max_order_id
        self.max_live = max_live
        self._books = [Book() for _ in range(len(table))]
        self._live: dict[int, Order] = {}
        self._events: list[tuple[int, ...]] = []

    def step(self, commands: np.ndarray) -> np.ndarray:
        """Apply COMMAND records, return the EVENT records they cause."""
        if commands.dtype != COMMAND:
            raise TypeError(f"commands must have the COMMAND dtype, not {commands.dtype}")
        self._events = []
        for record in commands.tolist():
            self._apply(Command._make(record))
        return np.array(self._events, dtype=EVENT)

    def best(self, symbol: int) -> tuple[int | None, int | None]:
        """Best bid and best ask in ticks, None for an empty side."""
        book = self._books[symbol]
        return book.best(Side.BUY), book.best(Side.SELL)

    def depth(self, symbol: int, side: int, levels: int) -> list[tuple[int, int, int]]:
        """The best `levels` prices of a side as (price, open quantity, orders)."""
        book = self._books[symbol]
        rows = ((price, book.queues[side][price]) for price in book.prices(side)[: max(levels, 0)])
        return [(price, sum(order.qty for order in queue), len(queue)) for price, queue in rows]

    def phase(self, symbol: int) -> int:
        """The symbol's phase."""
        return int(self._books[symbol].phase)

    def live_orders(self) -> int:
        """Number of resting orders."""
        return len(self._live)

    def state_hash(self) -> int:
        """Unsigned 64-bit hash of phases and resting orders."""
        state = self._state()
        return snapshot.state_hash(self.table, state.phases, state.orders)

    def snapshot(self) -> bytes:
        """The state as bytes, readable by every engine."""
        return snapshot.encode(self.table, self._state())

    @classmethod
    def restore(cls, table: SymbolTable, data: bytes) -> Self:
        """A core that goes on where the snapshot was taken. Raises SnapshotError."""
        state = snapshot.decode(table, data)
        core = cls(table, state.max_order_id, state.max_live)
        for book, phase in zip(core._books, state.phases.tolist(), strict=True):
            book.phase = phase
        for order_id, price, qty, account, symbol, side in state.orders.tolist():
            core._rest(Order(order_id, symbol, side, price, qty, account))
        return core

    def _state(self) -> CoreState:
        phases = np.array([book.phase for book in self._books], dtype="u1")
        rows = [
            (order.order_id, order.price, order.qty, order.account, order.symbol, order.side)
            for book in self._books
            for side in Side
            for price in book.prices(side)
            for order in book.queues[side][price]
        ]
        orders = np.array(rows, dtype=snapshot.RESTING)
        return CoreState(self.max_order_id, self.max_live, phases, orders)

    def _apply(self, command: Command) -> None:
        handlers = {
            Kind.NEW: self._new,
            Kind.CANCEL: self._cancel,
            Kind.REPLACE: self._replace,
            Kind.PHASE: self._phase,
        }
        handler = handlers.get(command.kind)
        reason = handler(command) if handler else Reason.BAD_FIELD
        if reason:
            self._report(command, EventKind.REJECTED, qty=command.qty, reason=reason)

    def _report(
        self,
        command: Command,
        kind: int,
        *,
        qty: int,
        leaves: int = 0,
        reason: int = Reason.NONE,
        maker_id: int = 0,
        price: int | None = None,
        side: int | None = None,
    ) -> None:
        price = command.price if price is None else price
        side = command.side if side is None else side
        self._events.append(
            (command.seq, command.order_id, maker_id, price, qty, leaves, command.symbol, kind, reason, side, 0)
        )

    # NEW

    def _new(self, command: Command) -> Reason:
        reason = self._refusal_of_new(command)
        if reason:
            return reason
        self._report(command, EventKind.ACCEPTED, qty=command.qty, leaves=command.qty)
        order = Order(command.order_id, command.symbol, command.side, command.price, command.qty, command.account)
        book = self._books[command.symbol]
        if book.phase in AUCTION_PHASES:
            self._rest(order)
            return Reason.NONE
        limit = command.price if command.type == OrderType.LIMIT else None
        if command.tif == Tif.FOK and self._available(book, order, limit) < order.qty:
            self._report(command, EventKind.CANCELLED, qty=order.qty, reason=Reason.FOK_UNFILLED)
            return Reason.NONE
        self._match(command, book, order, limit)
        if order.qty == 0:
            return Reason.NONE
        if command.type == OrderType.MARKET:
            self._report(command, EventKind.CANCELLED, qty=order.qty, reason=Reason.NO_LIQUIDITY)
        elif command.tif == Tif.IOC:
            self._report(command, EventKind.CANCELLED, qty=order.qty, reason=Reason.IOC_REMAINDER)
        else:
            self._rest(order)
        return Reason.NONE

    def _refusal_of_new(self, command: Command) -> Reason:
        limit_order = command.type == OrderType.LIMIT
        if not _fields_known(command):
            return Reason.BAD_FIELD
        if command.symbol >= len(self._books):
            return Reason.BAD_SYMBOL
        book = self._books[command.symbol]
        if book.phase == Phase.CLOSED:
            return Reason.BAD_PHASE
        if book.phase in AUCTION_PHASES and not (limit_order and command.tif == Tif.DAY):
            return Reason.BAD_PHASE
        if command.qty == 0:
            return Reason.BAD_QTY
        if command.side == Side.BUY and command.qty % int(self.table.lot[command.symbol]):
            return Reason.BAD_LOT
        if limit_order and (reason := self._refusal_of_price(command)):
            return reason
        if command.order_id > self.max_order_id or len(self._live) >= self.max_live:
            return Reason.CAPACITY
        if command.order_id in self._live:
            return Reason.DUPLICATE_ORDER
        if command.tif == Tif.POST_ONLY and book.phase == Phase.CONTINUOUS:
            other = opposite(command.side)
            best = book.best(other)
            if best is not None and not_worse(other, best, command.price):
                return Reason.WOULD_CROSS
        return Reason.NONE

    def _refusal_of_price(self, command: Command) -> Reason:
        low, high = self.table.price_range(command.symbol)
        if command.price <= 0:
            return Reason.BAD_PRICE
        if low <= command.price <= high:
            return Reason.NONE
        return Reason.PRICE_LIMIT if self.table.has_band(command.symbol) else Reason.BAD_PRICE

    # matching

    def _available(self, book: Book, order: Order, limit: int | None) -> int:
        other = opposite(order.side)
        worst = book.prices(other)[-1:] if limit is None else [limit]
        return book.volume(other, worst[0]) if worst else 0

    def _match(self, command: Command, book: Book, taker: Order, limit: int | None) -> None:
        other = opposite(taker.side)
        while taker.qty:
            price = book.best(other)
            if price is None or (limit is not None and not not_worse(other, price, limit)):
                return
            maker = book.queues[other][price][0]
            qty = min(taker.qty, maker.qty)
            taker.qty -= qty
            self._report(
                command,
                EventKind.TRADE,
                qty=qty,
                leaves=taker.qty,
                maker_id=maker.order_id,
                price=price,
                side=taker.side,
            )
            self._fill(book, maker, qty)

    def _rest(self, order: Order) -> None:
        self._books[order.symbol].append(order)
        self._live[order.order_id] = order

    def _leave(self, order: Order) -> None:
        self._books[order.symbol].remove(order)
        del self._live[order.order_id]

    def _fill(self, book: Book, order: Order, qty: int) -> None:
        order.qty -= qty
        if order.qty == 0:
            self._leave(order)

    # CANCEL and REPLACE

    def _resting(self, command: Command) -> Order | None:
        order = self._live.get(command.order_id)
        return order if order is not None and order.symbol == command.symbol else None

    def _cancel(self, command: Command) -> Reason:
        order = self._resting(command)
        if order is None:
            return Reason.UNKNOWN_ORDER
        if self._books[order.symbol].phase in (Phase.AUCTION_LOCKED, Phase.CLOSED):
            return Reason.BAD_PHASE
        self._leave(order)
        self._report(
            command, EventKind.CANCELLED, qty=order.qty, reason=Reason.USER, price=order.price, side=order.side
        )
        return Reason.NONE

    def _replace(self, command: Command) -> Reason:
        order = self._resting(command)
        if order is None:
            return Reason.UNKNOWN_ORDER
        book = self._books[order.symbol]
        if book.phase in (Phase.AUCTION_LOCKED, Phase.CLOSED):
            return Reason.BAD_PHASE
        if command.qty == 0:
            return Reason.BAD_QTY
        if reason := self._refusal_of_price(command):
            return reason
        self._report(command, EventKind.REPLACED, qty=command.qty, leaves=command.qty, side=order.side)
        if command.price == order.price and command.qty <= order.qty:
            order.qty = command.qty
            return Reason.NONE
        self._leave(order)
        order.price, order.qty = command.price, command.qty
        if book.phase == Phase.CONTINUOUS:
            self._match(command, book, order, command.price)
        if order.qty:
            self._rest(order)
        return Reason.NONE

    # PHASE and the auction

    def _phase(self, command: Command) -> Reason:
        if command.price not in tuple(Phase):
            return Reason.BAD_FIELD
        if command.symbol != EVERY_SYMBOL and command.symbol >= len(self._books):
            return Reason.BAD_SYMBOL
        symbols: Iterable[int] = (command.symbol,)
        if command.symbol == EVERY_SYMBOL:
            symbols = range(len(self._books))
        for symbol in symbols:
            book = self._books[symbol]
            if book.phase in AUCTION_PHASES and command.price not in AUCTION_PHASES:
                self._uncross(command.seq, symbol, book)
            book.phase = command.price
            self._events.append((command.seq, 0, 0, command.price, 0, 0, symbol, EventKind.PHASE, Reason.NONE, 0, 0))
        return Reason.NONE

    def _uncross(self, seq: int, symbol: int, book: Book) -> None:
        price = uncross_price(book, int(self.table.reference[symbol]))
        if price is None:
            return
        while True:
            bid, ask = book.best(Side.BUY), book.best(Side.SELL)
            if bid is None or ask is None or bid < price or ask > price:
                return
            buy, sell = book.queues[Side.BUY][bid][0], book.queues[Side.SELL][ask][0]
            qty = min(buy.qty, sell.qty)
            self._fill(book, buy, qty)
            self._fill(book, sell, qty)
            fields = (seq, buy.order_id, sell.order_id, price, qty, buy.qty, symbol)
            self._events.append((*fields, EventKind.TRADE, Reason.NONE, Side.BUY, FLAG_AUCTION))


def uncross_price(book: Book, reference: int) -> int | None:
    """The price at which an auction executes, None when nothing can trade.

    Largest executable volume, then smallest imbalance, then closest to `reference`, then the higher price.
    """
    candidates = []
    for price in {*book.queues[Side.BUY], *book.queues[Side.SELL]}:
        bid, ask = book.volume(Side.BUY, price), book.volume(Side.SELL, price)
        candidates.append((min(bid, ask), -abs(bid - ask), -abs(price - reference), price))
    if not candidates:
        return None
    volume, _, _, price = max(candidates)
    return price if volume else None


def _fields_known(command: Command) -> bool:
    """Whether a NEW makes sense at all, before the symbol is looked at."""
    return (
        command.side in tuple(Side)
        and command.type in tuple(OrderType)
        and command.tif in tuple(Tif)
        and command.order_id != 0
        and not (command.type == OrderType.MARKET and command.tif == Tif.POST_ONLY)
    )
