"""A client of market data for asyncio: keeps the quotes of the channels it follows, and mends gaps by itself.

async with MarketDataClient("127.0.0.1:8617") as market:
    await market.complete()
    market.quotes[0]["001000"].bids
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Self

from trading_sim.gateway.market_data import wire
from trading_sim.gateway.market_data.changes import apply_update
from trading_sim.gateway.market_data.wire import Quote, Snapshot, Type, Update
from trading_sim.protocol.frames import Frames

KEPT_TRADES = 10_000


class MarketDataEnded(Exception):
    """The connection is gone; the text is the gateway's reason when it gave one."""


class Followed:
    """One channel as this client knows it. `synchronous`: the state is that of update `seq`."""

    def __init__(self) -> None:
        self.incarnation = self.seq = 0
        self.synchronous = self.stale = False
        self.by_symbol: dict[int, Quote] = {}


class MarketDataClient:
    """`quotes[channel][code]`; `trades` holds the newest (channel, code, price, qty, seq) tuples; `gaps` counts the updates that were missed."""

    def __init__(self, address: str, channel: int = wire.ALL_CHANNELS, timeout_s: float = 5.0) -> None:
        self._address, self._channel, self._timeout_s = address, channel, timeout_s
        self.channels: dict[int, Followed] = {}
        self.trades: deque[tuple[int, str, int, int, int]] = deque(maxlen=KEPT_TRADES)
        self.gaps = self.snapshots = self.updates = self.heartbeats = 0
        self.ended: str | None = "not connected"
        self.lose_next = 0  # updates that tests let vanish
        self.on_update: Callable[[Update], None] | None = None
        self._news = asyncio.Event()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task | None = None

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    @property
    def quotes(self) -> dict[int, dict[str, Quote]]:
        """Channel → code → quote."""
        return {
            number: {quote.code: quote for quote in known.by_symbol.values()} for number, known in self.channels.items()
        }

    async def connect(self) -> None:
        """Subscribe. Raises OSError, TimeoutError."""
        host, _, port = self._address.rpartition(":")
        async with asyncio.timeout(self._timeout_s):
            self._reader, self._writer = await asyncio.open_connection(host, int(port))
        self.ended = None
        self._writer.write(wire.subscribe(self._channel))
        self._task = asyncio.create_task(self._receive())

    async def close(self) -> None:
        """Drop the connection."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._writer is not None:
            self._writer.transport.abort()

    async def wait(self, condition: Callable[[], object], timeout_s: float | None = None) -> object:
        """Wait until a condition on what was received gives something true. Raises TimeoutError, MarketDataEnded."""
        async with asyncio.timeout(timeout_s or self._timeout_s):
            while not (found := condition()):
                if self.ended is not None:
                    raise MarketDataEnded(self.ended)
                self._news.clear()
                await self._news.wait()
        return found

    async def complete(self, channel: int = 0) -> dict[str, Quote]:
        """The quotes of a channel, once there is a snapshot."""
        await self.wait(lambda: channel in self.channels and self.channels[channel].synchronous)
        return self.quotes[channel]

    async def _receive(self) -> None:
        frames = Frames(wire.MAX_GATEWAY_FRAME)
        reason = "the gateway closed the connection"
        try:
            while data := await self._reader.read(1 << 16):
                frames.feed(data)
                while (message := frames.take()) is not None:
                    kind, body = message
                    if kind == Type.END:
                        reason = body.decode("ascii", "replace")
                    else:
                        self._take(kind, body)
        except (OSError, wire.WireError) as error:
            reason = str(error)
        self.ended = reason
        self._news.set()

    def _take(self, kind: int, body: bytes) -> None:
        if kind == Type.SNAPSHOT:
            self._take_snapshot(wire.read_snapshot(body))
        elif kind == Type.UPDATE:
            if self.lose_next:
                self.lose_next -= 1
                return
            self._take_update(wire.read_update(body))
        elif kind == Type.GATEWAY_HEARTBEAT:
            self._take_heartbeat(*wire.read_heartbeat(body))
        self._news.set()

    def _take_snapshot(self, told: Snapshot) -> None:
        self.snapshots += 1
        known = self.channels.setdefault(told.channel, Followed())
        known.incarnation, known.seq, known.by_symbol = told.incarnation, told.seq, told.quotes
        known.synchronous = True

    def _take_update(self, change: Update) -> None:
        known = self.channels.get(change.channel)
        if known is None or not known.synchronous:
            return  # what comes before the snapshot is in it
        if (change.incarnation, change.seq) != (known.incarnation, known.seq + 1):
            self._missed(change.channel, known)
            return
        apply_update(known.by_symbol, change)
        known.seq = change.seq
        self.updates += 1
        for symbol, _, price, qty, seq, _ in change.trades.tolist():
            self.trades.append((change.channel, known.by_symbol[symbol].code, price, qty, seq))
        if self.on_update is not None:
            self.on_update(change)

    def _take_heartbeat(self, channel: int, stale: bool, incarnation: int, seq: int) -> None:
        self.heartbeats += 1
        known = self.channels.get(channel)
        if known is None:
            return
        known.stale = stale
        if known.synchronous and (incarnation, seq) != (known.incarnation, known.seq):
            self._missed(channel, known)

    def _missed(self, channel: int, known: Followed) -> None:
        """A gap: ask for a snapshot, and believe nothing until it comes."""
        self.gaps += 1
        known.synchronous = False
        self._writer.write(wire.frame(Type.SNAPSHOT_REQUEST, bytes((channel,))))
