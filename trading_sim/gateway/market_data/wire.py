"""The market-data protocol, to the byte.

Numbers are little-endian. A frame is length u32 (bytes that follow: 1 + body), type u8, body. A channel is a shard. Everything is public: no
logon, and nothing in it names an account. Prices in ticks (1 tick = 1 fen), quantities in shares or contracts, times in ns since 1970 UTC.

From the client (frames of at most 64 bytes)
    1 SUBSCRIBE  magic char 4 ("SEMD"), version u8 (1), channel u8 (255 = all). The first frame; every channel named is answered by a
                 SNAPSHOT, followed by its UPDATEs.
    2 SNAPSHOT_REQUEST  channel u8: after a gap
    3 HEARTBEAT  empty

From the gateway
    101 SNAPSHOT  channel u8, incarnation u64, seq u64, time u64, count u16, then per instrument:
                  symbol u16, code char 12, phase u8, last i64, volume u64, turnover u64 (fen), trades u32, bids u8, asks u8,
                  then the levels, best first, bids before asks: price i64, qty u64, orders u32
    102 UPDATE    channel u8, incarnation u64, seq u64, time u64, stats u16, levels u16, trades u16, trades_left_out u32, then
                  stats:  symbol u16, phase u8, last i64, volume u64, turnover u64, trades u32
                  levels: symbol u16, side u8 (1 bid, 2 ask), position u8 (0 … 4), price i64, qty u64 (0 = no such level), orders u32
                  trades: symbol u16, flags u8 (1 = in an auction), price i64, qty u32, seq u64 (of the shard's command), time u64
    103 HEARTBEAT channel u8, flags u8 (1 = the shard does not answer: what was told may be old), incarnation u64, seq u64
    104 END       text …: the reason; the connection ends

Sequence numbers rise by one per UPDATE of a channel, at most one every 100 ms. UPDATE n turns the state after n - 1 into the state after n; a SNAPSHOT
carries the number of the last UPDATE it contains. A client that sees another number than the next, or another incarnation (the gateway
has begun anew), asks for a SNAPSHOT and passes over what comes before it. A client that reads too slowly is not sent every UPDATE: as soon as it
reads again it gets a SNAPSHOT; one that does not read for 10 s is cut off. Levels and figures are the newest at the moment of sending,
so several changes of 100 ms are told as one; trades are told one by one, up to 1,000 per UPDATE.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from trading_sim.protocol import frames
from trading_sim.protocol.frames import WireError

MAGIC, VERSION, ALL_CHANNELS = b"SEMD", 1, 255
MAX_CLIENT_FRAME, MAX_GATEWAY_FRAME = 64, 1 << 22
LEVELS = 5


class Type(IntEnum):
    """Types of frames."""

    SUBSCRIBE = 1
    SNAPSHOT_REQUEST = 2
    HEARTBEAT = 3
    SNAPSHOT = 101
    UPDATE = 102
    GATEWAY_HEARTBEAT = 103
    END = 104


_SUBSCRIBE = struct.Struct("<4sBB")
_SNAPSHOT = struct.Struct("<BQQQH")
_UPDATE = struct.Struct("<BQQQHHHI")
_BEAT = struct.Struct("<BBQQ")
_INSTRUMENT = struct.Struct("<H12sBqQQIBB")
_LEVEL = struct.Struct("<qQI")
_STAT_ROW = struct.Struct("<HBqQQI")
_LEVEL_ROW = struct.Struct("<HBBqQI")
TRADE = np.dtype(
    [("symbol", "<u2"), ("flags", "u1"), ("price", "<i8"), ("qty", "<u4"), ("seq", "<u8"), ("time_ns", "<u8")]
)

Level = tuple[int, int, int]  # price, quantity, orders
NO_LEVEL: Level = (0, 0, 0)


@dataclass(slots=True)
class Quote:
    """What is known of an instrument: at most five levels a side, best first."""

    code: str
    phase: int = 0
    last: int = 0
    volume: int = 0
    turnover: int = 0
    trades: int = 0
    bids: list[Level] = field(default_factory=list)
    asks: list[Level] = field(default_factory=list)

    def figures(self) -> tuple[int, int, int, int, int]:
        """Everything but levels."""
        return self.phase, self.last, self.volume, self.turnover, self.trades


@dataclass(frozen=True, slots=True)
class Snapshot:
    """State of a channel after update `seq`; quotes by symbol."""

    channel: int
    incarnation: int
    seq: int
    time_ns: int
    quotes: dict[int, Quote]


@dataclass(frozen=True, slots=True)
class Update:
    """What changed: stats (symbol, phase, last, volume, turnover, trades), levels (symbol, side, position, price, qty, orders), TRADE records."""

    channel: int
    incarnation: int
    seq: int
    time_ns: int
    stats: list[tuple]
    levels: list[tuple]
    trades: np.ndarray
    left_out: int = 0


def frame(kind: Type, body: bytes = b"") -> bytes:
    """A frame around a body."""
    return frames.frame(frames.U32, kind, body)


def subscribe(channel: int = ALL_CHANNELS) -> bytes:
    """The client's first frame."""
    return frame(Type.SUBSCRIBE, _SUBSCRIBE.pack(MAGIC, VERSION, channel))


def read_subscribe(body: bytes) -> int:
    """The channel; raises WireError."""
    if len(body) != _SUBSCRIBE.size:
        raise WireError("SUBSCRIBE has the wrong length")
    magic, version, channel = _SUBSCRIBE.unpack(body)
    if magic != MAGIC or version != VERSION:
        raise WireError(f"the subscription is not that of version {VERSION} of this protocol")
    return channel


def snapshot(state: Snapshot) -> bytes:
    """A SNAPSHOT frame."""
    parts = [_SNAPSHOT.pack(state.channel, state.incarnation, state.seq, state.time_ns, len(state.quotes))]
    for symbol, quote in state.quotes.items():
        parts.append(_INSTRUMENT.pack(symbol, quote.code.encode(), *quote.figures(), len(quote.bids), len(quote.asks)))
        parts += [_LEVEL.pack(*level) for level in (*quote.bids, *quote.asks)]
    return frame(Type.SNAPSHOT, b"".join(parts))


def read_snapshot(body: bytes) -> Snapshot:
    """Raises WireError."""
    try:
        channel, incarnation, seq, time_ns, count = _SNAPSHOT.unpack_from(body)
        quotes, at = {}, _SNAPSHOT.size
        for _ in range(count):
            symbol, code, phase, last, volume, turnover, trades, bids, asks = _INSTRUMENT.unpack_from(body, at)
            at += _INSTRUMENT.size
            levels = [_LEVEL.unpack_from(body, at + n * _LEVEL.size) for n in range(bids + asks)]
            at += len(levels) * _LEVEL.size
            name = code.rstrip(b"\0").decode("ascii")
            quotes[symbol] = Quote(name, phase, last, volume, turnover, trades, levels[:bids], levels[bids:])
    except (struct.error, UnicodeDecodeError) as error:
        raise WireError(f"SNAPSHOT cannot be read: {error}") from error
    if at != len(body):
        raise WireError("SNAPSHOT has bytes behind its end")
    return Snapshot(channel, incarnation, seq, time_ns, quotes)


def update(change: Update) -> bytes:
    """An UPDATE frame."""
    head = _UPDATE.pack(
        change.channel, change.incarnation, change.seq, change.time_ns, len(change.stats), len(change.levels),
        len(change.trades), change.left_out,
    )  # fmt: skip
    stats = b"".join(_STAT_ROW.pack(*row) for row in change.stats)
    levels = b"".join(_LEVEL_ROW.pack(*row) for row in change.levels)
    return frame(Type.UPDATE, head + stats + levels + change.trades.tobytes())


def read_update(body: bytes) -> Update:
    """Raises WireError."""
    if len(body) < _UPDATE.size:
        raise WireError("UPDATE is too short")
    channel, incarnation, seq, time_ns, stats, levels, trades, left_out = _UPDATE.unpack_from(body)
    levels_at = _UPDATE.size + stats * _STAT_ROW.size
    trades_at = levels_at + levels * _LEVEL_ROW.size
    if len(body) != trades_at + trades * TRADE.itemsize:
        raise WireError(f"UPDATE {seq} has the wrong length")
    return Update(
        channel, incarnation, seq, time_ns,
        [_STAT_ROW.unpack_from(body, _UPDATE.size + n * _STAT_ROW.size) for n in range(stats)],
        [_LEVEL_ROW.unpack_from(body, levels_at + n * _LEVEL_ROW.size) for n in range(levels)],
        np.frombuffer(body, TRADE, trades, trades_at), left_out,
    )  # fmt: skip


def heartbeat(channel: int, stale: bool, incarnation: int, seq: int) -> bytes:
    """The gateway's heartbeat for a channel."""
    return frame(Type.GATEWAY_HEARTBEAT, _BEAT.pack(channel, stale, incarnation, seq))


def read_heartbeat(body: bytes) -> tuple[int, bool, int, int]:
    """(channel, stale, incarnation, seq); raises WireError."""
    if len(body) != _BEAT.size:
        raise WireError("HEARTBEAT has the wrong length")
    channel, flags, incarnation, seq = _BEAT.unpack(body)
    return channel, bool(flags & 1), incarnation, seq


def end(reason: str) -> bytes:
    """The last frame."""
    return frame(Type.END, reason.encode("ascii", "replace")[:512])
