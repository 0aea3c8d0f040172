"""One channel: what changed on a shard since the last update, and who is told.

Trades and the names of changed symbols come from the feed; levels and figures are asked of the shard, for the changed symbols only and at most once
every 100 ms. So the work is bounded by the number of symbols, however many orders there are, and what is told is the shard's own
view. Nobody subscribed: nothing is asked. The shard does not answer: the channel is stale and says so.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from trading_sim.gateway.market_data import wire
from trading_sim.gateway.market_data.changes import quote_of, rows_between
from trading_sim.gateway.market_data.wire import Quote, Snapshot, Update
from trading_sim.matching.records import FLAG_AUCTION, EventKind
from trading_sim.shard.async_client import AsyncShardClient
from trading_sim.shard.attempts import ShardError

log = logging.getLogger(__name__)

UPDATE_S, HEARTBEAT_S = 0.1, 1.0
MAX_TRADES = 1_000
ASKED_AT_ONCE = 64
ALL_SYMBOLS = 0xFFFFFFFF


class Subscriber(Protocol):
    """A session that follows this channel."""

    def tell(self, channel: int, seq: int, data: bytes) -> None:
        """An UPDATE or a heartbeat."""

    def restart(self, channel: int) -> None:
        """A first state is there: a SNAPSHOT may be sent."""


class Channel:
    """`codes[symbol]` are the instruments. `client` asks the leader."""

    def __init__(self, number: int, codes: list[str], client: AsyncShardClient, wall_ns: Callable[[], int]) -> None:
        self.number, self._client, self._wall_ns = number, client, wall_ns
        self.incarnation = int.from_bytes(os.urandom(7), "little") or 1
        self.seq = 0
        self.quotes = {symbol: Quote(code) for symbol, code in enumerate(codes)}
        self.subscribers: set[Subscriber] = set()
        self.complete = self.stale = False
        self.updates = self.asked = self.trades_left_out = 0
        self._dirty = dict.fromkeys(self.quotes)  # in the order they changed, so that none waits for ever
        self._trades: list[np.ndarray] = []
        self._waiting_trades = self._left_out = 0
        self._wake = asyncio.Event()
        self._told_at = 0.0

    # From the feed

    def note(self, fed: Any) -> None:
        """An entry was executed: remember what it changed."""
        events = fed.events
        kinds, symbols = events["kind"], events["symbol"]
        market = (kinds <= EventKind.PHASE) & (kinds != EventKind.REJECTED)
        for symbol in np.unique(symbols[market]).tolist():
            if symbol == ALL_SYMBOLS:
                self._dirty |= dict.fromkeys(self.quotes)
            elif symbol in self.quotes:
                self._dirty.setdefault(symbol)
        if not self.subscribers:
            return
        trades = events[kinds == EventKind.TRADE]
        if len(trades):
            self._note_trades(trades, fed.now_ns)
        if self._dirty:
            self._wake.set()

    def _note_trades(self, trades: np.ndarray, time_ns: int) -> None:
        room = MAX_TRADES - self._waiting_trades
        self._left_out += max(0, len(trades) - room)
        rows = np.zeros(min(len(trades), room), dtype=wire.TRADE)
        kept = trades[: len(rows)]
        for name in ("symbol", "price", "qty", "seq"):
            rows[name] = kept[name]
        rows["flags"], rows["time_ns"] = kept["flags"] & FLAG_AUCTION, time_ns
        self._trades.append(rows)
        self._waiting_trades += len(rows)

    # To subscribers

    def join(self, subscriber: Subscriber) -> None:
        """Somebody follows; the first state comes as soon as the shard has told it."""
        self.subscribers.add(subscriber)
        if self.complete:
            subscriber.restart(self.number)
        self._wake.set()

    def leave(self, subscriber: Subscriber) -> None:
        """Somebody follows no longer; when nobody does, the state grows old and is not shown before it was asked for anew."""
        self.subscribers.discard(subscriber)
        if not self.subscribers:
            self.complete = False
            self._trades, self._waiting_trades, self._left_out = [], 0, 0

    def snapshot(self) -> bytes:
        """The SNAPSHOT frame of the state after the last update."""
        return wire.snapshot(Snapshot(self.number, self.incarnation, self.seq, self._wall_ns(), self.quotes))

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            if not self.subscribers or not (self._dirty or self._trades):
                self._wake.clear()
                await self._rest()
            began = loop.time()
            if self.subscribers and (self._dirty or self._trades):
                await self._round()
            if self.subscribers and loop.time() - self._told_at >= HEARTBEAT_S:
                self._tell(wire.heartbeat(self.number, self.stale, self.incarnation, self.seq))
            await asyncio.sleep(max(0.0, UPDATE_S - (loop.time() - began)))

    async def _rest(self) -> None:
        """Wait for a change; with subscribers at most until the next heartbeat is due."""
        try:
            async with asyncio.timeout(HEARTBEAT_S if self.subscribers else None):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _round(self) -> None:
        """Ask for what changed, and tell the difference."""
        symbols = list(self._dirty)[:ASKED_AT_ONCE]
        for symbol in symbols:
            del self._dirty[symbol]
        self.asked += len(symbols)
        answers = await asyncio.gather(
            *(self._client.query_symbol(symbol) for symbol in symbols), return_exceptions=True
        )
        stats: list[tuple] = []
        levels: list[tuple] = []
        failed = None
        for symbol, told in zip(symbols, answers, strict=True):
            if isinstance(told, ShardError):
                failed = told
                self._dirty.setdefault(symbol)
                continue
            if isinstance(told, BaseException):
                raise told
            quote = quote_of(told)
            changed_stats, changed_levels = rows_between(symbol, self.quotes[symbol], quote)
            stats, levels = stats + changed_stats, levels + changed_levels
            self.quotes[symbol] = quote
        if failed is not None and not self.stale:
            log.warning("channel %d is stale: %s", self.number, failed)
        self.stale = failed is not None
        self._publish(stats, levels)

    def _publish(self, stats: list[tuple], levels: list[tuple]) -> None:
        trades = np.concatenate(self._trades) if self._trades else np.zeros(0, dtype=wire.TRADE)
        left_out = self._left_out
        self._trades, self._waiting_trades, self._left_out = [], 0, 0
        self.trades_left_out += left_out
        if stats or levels or len(trades):
            self.seq += 1
            self.updates += 1
            self._tell(
                wire.update(
                    Update(self.number, self.incarnation, self.seq, self._wall_ns(), stats, levels, trades, left_out)
                )
            )
        self.complete = self.complete or not self._dirty
        if self.complete:
            for subscriber in tuple(self.subscribers):
                subscriber.restart(self.number)

    def _tell(self, data: bytes) -> None:
        self._told_at = asyncio.get_running_loop().time()
        for subscriber in tuple(self.subscribers):
            subscriber.tell(self.number, self.seq, data)
