"""Executable specification of the matching contract: dicts, deques and Python integers, nothing clever.

The fast engine in `core` must give the same event bytes and the same state hash for every command stream. Read this
file to learn what a command means. Where the contract's text leaves room, this is the reading taken:

- A kind that is not known is REJECTED BAD_FIELD. For CANCEL, REPLACE and PHASE the fields side, type and tif are not
  looked at, nor order_id for PHASE.
- "order_id rests in that symbol's book" for CANCEL and REPLACE includes that the symbol exists, so a wrong symbol is
  UNKNOWN_ORDER, never BAD_SYMBOL; order_id 0 is UNKNOWN_ORDER as well.
- A phase that forbids a command gives BAD_PHASE, also while a breaker has halted the symbol.
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

The breaker of a symbol whose row has `breaker_ppm` (rows without it know nothing of all this):

- In CONTINUOUS nothing executes at a price further from the anchor than anchor · ppm // 1,000,000. The anchor is the table's
  reference, then the price of the last auction that traded; with `breaker_follows` also that of the last trade of
  the last command that traded.
- A NEW or REPLACE that would go on beyond the collar trades up to it and then halts the symbol: PHASE with price AUCTION and
  reason HALTED. What is left of LIMIT DAY and of a REPLACE rests, anything else is CANCELLED HALTED behind it.
- FOK that only the collar keeps from filling trades nothing: the symbol halts, the order is CANCELLED HALTED.
- An auction executes at any price: it is how a symbol finds its way out of a halt. It is reopened by a PHASE command.
- A PHASE command whose qty is not 0 sets ppm to it (at most 1,000,000) for the symbols it reaches that have a
  breaker; the PHASE event says the new width as its qty. The next trading day starts with the table's widths.
- A symbol with `continuous_only` passes over AUCTION and AUCTION_LOCKED for every symbol: it keeps its phase and has no event.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile
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
from trading_sim.matching.twin_book import MILLION, Book, Order, not_worse, opposite, uncross_price

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


class TwinCore:
    """Matching core in plain Python; same interface, bytes and state hash as `trading_sim.matching.core.Core`."""

    def __init__(self, table: SymbolTable, max_order_id: int = 1_000_000, max_live: int = 200_000) -> None:
        self.table = table
        self.max_order_id = max_order_id
        self.max_live = max_live
        rows = zip(table.reference.tolist(), table.breaker_ppm.tolist(), strict=True)
        self._books = [Book(reference, ppm) for reference, ppm in rows]
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

    def phases(self) -> np.ndarray:
        """u1[S]: the phase of every symbol."""
        return self._state().phases

    def resting(self) -> np.ndarray:
        """snapshot.RESTING rows of all resting orders, by symbol, side and priority."""
        return self._state().orders

    def resting_of(self, account: int) -> np.ndarray:
        """snapshot.RESTING rows of one account, by order id."""
        orders = self.resting()
        mine = orders[orders["account"] == account]
        return mine[np.argsort(mine["order_id"], kind="stable")]

    def live_orders(self) -> int:
        """Number of resting orders."""
        return len(self._live)

    def state_hash(self) -> int:
        """Unsigned 64-bit hash of phases and resting orders."""
        return snapshot.state_hash(self.table, self._state())

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
        for book, (anchor, ppm) in zip(core._books, state.breakers.tolist(), strict=False):
            book.anchor, book.ppm = anchor, ppm
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
        anchors, ppm = ([getattr(book, name) for book in self._books] for name in ("anchor", "ppm"))
        breakers = snapshot.breakers_for(self.table, anchors, ppm)
        return CoreState(self.max_order_id, self.max_live, phases, orders, breakers)

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
        if command.tif == Tif.FOK and (reason := self._fok_fails(command, book, order, limit)):
            self._report(command, EventKind.CANCELLED, qty=order.qty, reason=reason)
            return Reason.NONE
        self._match(command, book, order, limit)
        if order.qty == 0:
            return Reason.NONE
        by_price = command.type == OrderType.LIMIT and command.tif in (Tif.DAY, Tif.POST_ONLY)
        if book.phase != Phase.CONTINUOUS and not by_price:
            self._report(command, EventKind.CANCELLED, qty=order.qty, reason=Reason.HALTED)
        elif command.type == OrderType.MARKET:
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

    def _fok_fails(self, command: Command, book: Book, order: Order, limit: int | None) -> Reason:
        other = opposite(order.side)
        crossing = [p for p in book.prices(other) if limit is None or not_worse(other, p, limit)]
        reachable = list(takewhile(book.within_collar, crossing))
        volume, reach = (sum(o.qty for p in prices for o in book.queues[other][p]) for prices in (crossing, reachable))
        if volume < order.qty:
            return Reason.FOK_UNFILLED
        if reach < order.qty:
            self._halt(command, book)
            return Reason.HALTED
        return Reason.NONE

    def _match(self, command: Command, book: Book, taker: Order, limit: int | None) -> None:
        """Trade while prices cross; halts the symbol when the next trade would lie beyond its collar."""
        other = opposite(taker.side)
        last = None
        while taker.qty:
            price = book.best(other)
            if price is None or (limit is not None and not not_worse(other, price, limit)):
                break
            if not book.within_collar(price):
                self._halt(command, book)
                break
            last = price
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
        if last is not None and book.ppm and self.table.breaker_follows[command.symbol]:
            book.anchor = last

    def _halt(self, command: Command, book: Book) -> None:
        book.phase = Phase.AUCTION
        self._phase_event(command.seq, command.symbol, Phase.AUCTION, reason=Reason.HALTED)

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
            to_auction = command.price in AUCTION_PHASES
            if command.symbol == EVERY_SYMBOL and to_auction and self.table.continuous_only[symbol]:
                continue
            if book.phase in AUCTION_PHASES and not to_auction:
                self._uncross(command.seq, symbol, book)
            book.phase = command.price
            width = min(command.qty, MILLION) if book.ppm else 0
            book.ppm = width or book.ppm
            self._phase_event(command.seq, symbol, command.price, width=width)
        return Reason.NONE

    def _phase_event(self, seq: int, symbol: int, phase: int, *, width: int = 0, reason: int = Reason.NONE) -> None:
        self._events.append((seq, 0, 0, phase, width, 0, symbol, EventKind.PHASE, reason, 0, 0))

    def _uncross(self, seq: int, symbol: int, book: Book) -> None:
        price = uncross_price(book, int(self.table.reference[symbol]))
        if price is None:
            return
        if book.ppm:
            book.anchor = price
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


def _fields_known(command: Command) -> bool:
    """Whether a NEW makes sense at all, before the symbol is looked at."""
    return (
        command.side in tuple(Side)
        and command.type in tuple(OrderType)
        and command.tif in tuple(Tif)
        and command.order_id != 0
        and not (command.type == OrderType.MARKET and command.tif == Tif.POST_ONLY)
    )
