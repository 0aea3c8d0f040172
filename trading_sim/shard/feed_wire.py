"""The feed's frames: FEED asks for it, every FED tells what one committed entry caused (little-endian).

FEED: tag u64, from_index u64 (0 = from now on).
FED: tag, index, term, now_ns, client_id, request u64, number of commands, events, rejects u32; then the COMMAND, EVENT, PARTY
(as many as events) and RISK_REJECT records. A FED with an index that was told before is a heartbeat.
"""

import struct
from dataclasses import dataclass

import numpy as np

from trading_sim.protocol.records import COMMAND, EVENT, PARTY
from trading_sim.risk.reasons import RISK_REJECT
from trading_sim.shard import wire
from trading_sim.shard.entries import Entry

_FEED = struct.Struct("<QQ")
_FED = struct.Struct("<QQQQQQIII")


@dataclass(frozen=True, slots=True)
class Fed:
    """One committed entry and what it caused. `commands` are those executed: none for a leader's opening entry and for a
    request that had been executed before. `parties` is aligned with `events`. Times in nanoseconds since the epoch."""

    index: int
    term: int
    now_ns: int
    client_id: int
    request: int
    commands: np.ndarray
    events: np.ndarray
    parties: np.ndarray
    rejects: np.ndarray


def feed(tag: int, from_index: int) -> bytes:
    """Ask for every entry from `from_index` on; 0 = from now on."""
    return wire.frame(wire.Frame.FEED, _FEED.pack(tag, from_index))


def read_feed_request(body: bytes) -> tuple[int, int]:
    """(tag, from_index); raises WireError."""
    if len(body) != _FEED.size:
        raise wire.WireError("A request for the feed has the wrong length.")
    return _FEED.unpack(body)


def fed_parts(fed: Fed) -> bytes:
    """The body of a FED frame behind its tag."""
    head = _FED.pack(
        0, fed.index, fed.term, fed.now_ns, fed.client_id, fed.request, len(fed.commands), len(fed.events), len(fed.rejects)
    )  # fmt: skip
    arrays = (fed.commands, fed.events, fed.parties, fed.rejects)
    return b"".join((head[8:], *(array.tobytes() for array in arrays)))


def fed_frame(tag: int, parts: bytes) -> bytes:
    """The FED frame with this body."""
    return wire.frame(wire.Frame.FED, tag.to_bytes(8, "little"), parts)


def heartbeat(index: int, term: int, now_ns: int) -> bytes:
    """The body of a FED frame without news: the newest entry is `index`."""
    return _FED.pack(0, index, term, now_ns, 0, 0, 0, 0, 0)[8:]


def read_fed(body: bytes) -> Fed:
    """What a FED frame tells; raises WireError."""
    if len(body) < _FED.size:
        raise wire.WireError("A frame of the feed is too short.")
    _, index, term, now_ns, client_id, request, commands, events, rejects = _FED.unpack_from(body)
    counts = ((COMMAND, commands), (EVENT, events), (PARTY, events), (RISK_REJECT, rejects))
    if len(body) != _FED.size + sum(dtype.itemsize * count for dtype, count in counts):
        raise wire.WireError(f"The feed's frame of entry {index} has the wrong length.")
    arrays, offset = [], _FED.size
    for dtype, count in counts:
        arrays.append(np.frombuffer(body, dtype, count, offset))
        offset += dtype.itemsize * count
    return Fed(index, term, now_ns, client_id, request, *arrays)


_NO_COMMANDS, _NO_EVENTS, _NO_PARTIES, _NO_REJECTS = (np.zeros(0, d) for d in (COMMAND, EVENT, PARTY, RISK_REJECT))


def fed_of(entry: Entry, result: object | None) -> Fed:
    """What the feed tells of an executed entry; `result` is the machine's ApplyResult, None when nothing was executed now."""
    if result is None:
        commands, events, parties, rejects = _NO_COMMANDS, _NO_EVENTS, _NO_PARTIES, _NO_REJECTS
    else:
        commands, events, rejects = np.frombuffer(entry.commands, COMMAND), result.events, result.rejects
        parties = getattr(result, "parties", None)
        if parties is None:  # a machine that knows no accounts
            parties = np.zeros(len(events), PARTY)
    return Fed(
        entry.index, entry.term, entry.now_ns, entry.client_id, entry.request, commands, events, parties, rejects
    )
