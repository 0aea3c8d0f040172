"""How episodes act: scripts that look at a quote, ask for orders, and learn what became of them.

A script is a generator. At each step it receives a Quote and yields the Wishes of this step (none: it waits). The wishes are sent as commands of one
batch, in order; before the next step each wish knows its order id and how much of it was executed. So the same script plays on a bench stage and in
a running cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trading_sim.protocol.records import COMMAND, EVENT

NEW, CANCEL = 1, 2
BUY, SELL = 1, 2
LIMIT, MARKET = 1, 2
DAY, IOC = 1, 2
TRADE, CANCELLED, REJECTED = 3, 4, 2


@dataclass
class Wish:
    """One command. `order_id` is 0 until the order was taken; `gone`: refused, cancelled or executed in full."""

    account: int
    side: int
    price: int
    qty: int
    kind: int = NEW
    tif: int = DAY
    target: Wish | None = None
    order_id: int = 0
    filled: int = 0
    gone: bool = False


@dataclass(frozen=True)
class Quote:
    """What a script sees: prices in ticks (0: that side of the book is empty), `usual` the symbol's usual order size in shares.

    `asks`, `bids`: up to five levels [price, quantity], best first. `continuous`: orders trade at once.
    """

    time_s: float
    bid: int
    ask: int
    last: int
    low: int
    high: int
    lot: int
    usual: int
    bids: Sequence[Sequence[int]]
    asks: Sequence[Sequence[int]]
    continuous: bool

    def inside(self) -> int | None:
        """A price strictly between bid and ask, None when there is none."""
        if not self.bid or not self.ask or self.ask - self.bid < 2:
            return None
        return (self.bid + self.ask) // 2

    def kept(self, price: float) -> int:
        """The nearest price that the band allows."""
        whole = round(price)
        return max(1, min(max(whole, self.low), self.high) if self.high else whole)

    def lots(self, times: float) -> int:
        """So many times the usual size, in whole lots."""
        return max(1, round(times * self.usual / self.lot)) * self.lot

    def touch(self, side: int) -> int:
        """The best price of a side, the last trade's where it is empty."""
        return (self.bid if side == BUY else self.ask) or self.last


Script = Generator[list[Wish], Quote, None]


def quote_from(row: Mapping[str, Any], usual: int, time_s: float) -> Quote:
    """A Quote from what `query_symbol` answers."""
    return Quote(
        time_s=time_s, bid=row["bid"] or 0, ask=row["ask"] or 0, last=row["last"], low=row["low"], high=row["high"],
        lot=row["lot"], usual=usual, bids=row["bids"], asks=row["asks"], continuous=row["phase"] == 3,
    )  # fmt: skip


def cancels(wishes: Sequence[Wish]) -> list[Wish]:
    """CANCEL commands for those of the orders that still stand."""
    return [
        Wish(w.account, w.side, w.price, w.qty - w.filled, kind=CANCEL, target=w)
        for w in wishes
        if w.order_id and not w.gone
    ]


def pause(seconds: float) -> Generator[list[Wish], Quote, Quote]:
    """Wait; returns the quote after it."""
    quote = yield []
    end = quote.time_s + seconds
    while quote.time_s < end:
        quote = yield []
    return quote


@dataclass
class Actor:
    """A script on its way. `pattern` is "" for an innocent one; `name` says which of the scripts it is."""

    name: str
    pattern: str
    accounts: tuple[int, ...]
    symbol: int
    script: Callable[[], Script]
    starts_s: float
    began_s: float | None = None
    ended_s: float | None = None
    sent: int = 0
    _running: Script | None = None
    _open: dict[int, Wish] = field(default_factory=dict)
    _asked: list[Wish] = field(default_factory=list)

    def step(self, quote: Quote) -> np.ndarray:
        """COMMAND records of this step; the answers go to `learn` before the next one."""
        if self.ended_s is not None or quote.time_s < self.starts_s:
            return np.zeros(0, COMMAND)
        try:
            if self._running is None:
                self._running = self.script()
                next(self._running)
            self._asked = self._running.send(quote)
        except StopIteration:
            self.ended_s, self._asked = quote.time_s, []
        if self._asked and self.began_s is None:
            self.began_s = quote.time_s
        self.sent += len(self._asked)
        return self._commands()

    def end(self) -> np.ndarray:
        """Stop at once; COMMAND records that take back what still stands."""
        if self._running is not None:
            self._running.close()
        self.ended_s = -1.0 if self.ended_s is None else self.ended_s
        self._asked = cancels(list(self._open.values()))
        return self._commands()

    def _commands(self) -> np.ndarray:
        commands = np.zeros(len(self._asked), COMMAND)
        for command, wish in zip(commands, self._asked, strict=True):
            command["kind"], command["account"], command["symbol"] = wish.kind, wish.account, self.symbol
            command["side"], command["price"], command["qty"] = wish.side, wish.price, wish.qty
            command["type"], command["tif"] = LIMIT if wish.price else MARKET, wish.tif
            command["order_id"] = wish.target.order_id if wish.target else 0
        return commands

    def learn(self, order_ids: np.ndarray, taken: np.ndarray) -> None:
        """Aligned with the last step's commands: ids of the orders, and whether each was accepted."""
        for wish, order_id, ok in zip(self._asked, order_ids.tolist(), taken.tolist(), strict=True):
            if wish.kind != NEW:
                continue
            wish.order_id, wish.gone = int(order_id), not ok
            if ok:
                self._open[int(order_id)] = wish
        self._asked = []

    def note(self, events: np.ndarray) -> None:
        """EVENT records of the shard: fills and ends of orders of this actor."""
        if not self._open:
            return
        takers, makers = events["order_id"].tolist(), events["maker_id"].tolist()
        mine = [i for i, pair in enumerate(zip(takers, makers, strict=True)) if not self._open.keys().isdisjoint(pair)]
        for event in events[mine]:
            for order_id in {int(event["order_id"]), int(event["maker_id"])} & set(self._open):
                self._note(self._open[order_id], event)

    def _note(self, wish: Wish, event: np.void) -> None:
        if event["kind"] == TRADE:
            wish.filled += int(event["qty"])
        wish.gone = wish.gone or event["kind"] == CANCELLED or wish.filled >= wish.qty
        if wish.gone:
            self._open.pop(wish.order_id, None)


def no_events() -> np.ndarray:
    """An empty EVENT array."""
    return np.zeros(0, EVENT)
