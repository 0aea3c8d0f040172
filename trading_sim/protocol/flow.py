"""Frames of `POST {centre}/flow`: one tick of customer requests into a centre, and what became of each of them.

A frame is one line of JSON (the header, ended by a newline) followed by the raw bytes of the arrays that the header's
`arrays` lists as [group, key, count], in that order.

Identity and retries
- `(client, request)` names the orders of one FlowRequest. Sending it again (`attempt` 2, 3 …, to the same or to another
  centre, with the SAME orders and shards and with empty `counts`) never executes anything twice: the pair goes down to
  each shard, which answers a known pair from its stored reply.
- Every order of the tick that belongs to a shard keeps its place in that shard's one batch. An order that failed in a hop
  before the shard goes in as a command of kind VOID, which executes nothing, so a later attempt can be told
  position by position what the first one did. `submit` gets the shard's orders in order of chain name, then position.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from trading_sim.protocol.metrics import BUCKETS
from trading_sim.protocol.records import COMMAND, EVENT

FRAME_VERSION = 1
MAX_FRAME_BYTES = 8 * 1024 * 1024
CONTENT_TYPE = "application/octet-stream"
VOID = 0  # COMMAND.kind of an order that a hop lost before it reached its shard


class FlowFrameError(ValueError):
    """The bytes are no flow frame; the text says what is wrong with them."""


class Outcome(IntEnum):
    OK = 0
    REJECTED_RISK = 1
    REJECTED_MATCHING = 2
    FAILED = 3  # lost in a hop before the shard: not executed
    UNKNOWN = 4  # no answer in time: perhaps executed; ask again with the same (client, request)


@dataclass
class FlowRequest:
    """Requests of one tick. `orders[chain]` are COMMAND records (seq 0; order_id 0 for NEW), their symbols and accounts
    local to `shards[chain]` (u1, same length). `counts[chain]` is how many requests of a chain without orders.
    `session` is the load process's session ({day, phase, market_time, …}), which the centre shows in its metrics.
    """

    tick: int
    client: int
    request: int
    orders: dict[str, np.ndarray] = field(default_factory=dict)
    shards: dict[str, np.ndarray] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    attempt: int = 1
    session: dict = field(default_factory=dict)


@dataclass
class CountOutcome:
    """What became of a chain's counted requests; `buckets` are non-cumulative counts of the successful ones by
    `protocol.metrics.DURATION_BOUNDS_S` (+Inf last), `latency_sum_us` their sum."""

    ok: int
    failed: int
    buckets: np.ndarray
    latency_sum_us: int = 0


@dataclass
class FlowReply:
    """Aligned with the request's orders: `outcomes` (u1, Outcome), `reasons` (u1: the risk reason, the matching reason, or
    for FAILED and UNKNOWN the number of the hop, counted from 1), `latency_us` (u4), `order_ids` (u8, 0 = none).
    `events[shard]` are the EVENT records that the tick's orders caused, in the shard's order. A reply to a retry
    carries the events of the first execution again.
    """

    tick: int
    centre: str
    outcomes: dict[str, np.ndarray] = field(default_factory=dict)
    reasons: dict[str, np.ndarray] = field(default_factory=dict)
    latency_us: dict[str, np.ndarray] = field(default_factory=dict)
    order_ids: dict[str, np.ndarray] = field(default_factory=dict)
    events: dict[int, np.ndarray] = field(default_factory=dict)
    counts: dict[str, CountOutcome] = field(default_factory=dict)
    session: dict = field(default_factory=dict)


_REQUEST_ARRAYS = {"orders": COMMAND, "shards": np.dtype("u1")}
_REPLY_ARRAYS = {
    "outcomes": np.dtype("u1"),
    "reasons": np.dtype("u1"),
    "latency_us": np.dtype("<u4"),
    "order_ids": np.dtype("<u8"),
    "events": EVENT,
    "buckets": np.dtype("<i8"),
}


def _encode(header: dict, groups: dict[str, dict], layouts: dict[str, np.dtype]) -> bytes:
    listing, chunks = [], []
    for group, arrays in groups.items():
        for key, array in arrays.items():
            listing.append([group, key, len(array)])
            chunks.append(np.ascontiguousarray(array, dtype=layouts[group]).tobytes())
    head = json.dumps({"v": FRAME_VERSION, **header, "arrays": listing}, separators=(",", ":")).encode()
    return b"".join([head, b"\n", *chunks])


def _decode(data: bytes, layouts: dict[str, np.dtype]) -> tuple[dict, dict[str, dict]]:
    head, newline, _ = data.partition(b"\n")
    if not newline:
        raise FlowFrameError("the frame has no header line")
    try:
        header = json.loads(head)
    except ValueError as error:
        raise FlowFrameError(f"the frame's header is not JSON: {error}") from error
    if not isinstance(header, dict) or header.get("v") != FRAME_VERSION:
        raise FlowFrameError(f"the frame's version is not {FRAME_VERSION}")
    groups: dict[str, dict] = {name: {} for name in layouts}
    position = len(head) + 1
    for entry in header.get("arrays", ()):
        match entry:
            case [str(group), str() | int() as key, int(count)] if group in layouts and count >= 0:
                end = position + count * layouts[group].itemsize
            case _:
                raise FlowFrameError(f"the frame lists an array it cannot hold: {entry!r}")
        if end > len(data):
            raise FlowFrameError(f"the frame ends inside {group} of {key}: {len(data)} bytes, needs {end}")
        groups[group][key] = np.frombuffer(data, layouts[group], count, position)
        position = end
    if position != len(data):
        raise FlowFrameError(f"the frame has {len(data) - position} bytes after its last array")
    return header, groups


def _number(header: dict, name: str, default: int | None = None) -> int:
    value = header.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**64:
        raise FlowFrameError(f"{name} must be a whole number from 0 to 2^64 - 1, not {value!r}")
    return value


def encode_request(request: FlowRequest) -> bytes:
    header = {
        "tick": int(request.tick),
        "client": int(request.client),
        "request": int(request.request),
        "attempt": int(request.attempt),
        "counts": {chain: int(count) for chain, count in request.counts.items()},
        "session": request.session,
    }
    return _encode(header, {"orders": request.orders, "shards": request.shards}, _REQUEST_ARRAYS)


def decode_request(data: bytes) -> FlowRequest:
    """Read a request frame; its arrays are read-only views of `data`. Raises FlowFrameError."""
    header, groups = _decode(data, _REQUEST_ARRAYS)
    counts, session = header.get("counts", {}), header.get("session", {})
    if not isinstance(counts, dict) or not isinstance(session, dict):
        raise FlowFrameError("counts and session must be JSON objects")
    for chain in counts:
        _number(counts, chain)
    orders, shards = groups["orders"], groups["shards"]
    for chain, commands in orders.items():
        if len(shards.get(chain, ())) != len(commands):
            raise FlowFrameError(f"chain {chain}: {len(commands)} orders, {len(shards.get(chain, ()))} shard numbers")
    return FlowRequest(
        tick=_number(header, "tick"),
        client=_number(header, "client"),
        request=_number(header, "request"),
        attempt=_number(header, "attempt", 1),
        orders=orders,
        shards=shards,
        counts=counts,
        session=session,
    )


def encode_reply(reply: FlowReply) -> bytes:
    header = {
        "tick": int(reply.tick),
        "centre": reply.centre,
        "session": reply.session,
        "counts": {
            chain: [int(count.ok), int(count.failed), int(count.latency_sum_us)]
            for chain, count in reply.counts.items()
        },
    }
    groups = {
        "outcomes": reply.outcomes,
        "reasons": reply.reasons,
        "latency_us": reply.latency_us,
        "order_ids": reply.order_ids,
        "events": {int(shard): events for shard, events in reply.events.items()},
        "buckets": {chain: count.buckets for chain, count in reply.counts.items()},
    }
    return _encode(header, groups, _REPLY_ARRAYS)


def decode_reply(data: bytes) -> FlowReply:
    """Read a reply frame; its arrays are read-only views of `data`. Raises FlowFrameError."""
    header, groups = _decode(data, _REPLY_ARRAYS)
    counts = {}
    for chain, entry in header.get("counts", {}).items():
        buckets = groups["buckets"].get(chain)
        if buckets is None or len(buckets) != BUCKETS or not isinstance(entry, list) or len(entry) != 3:
            raise FlowFrameError(f"chain {chain}: its counts are incomplete")
        counts[chain] = CountOutcome(ok=entry[0], failed=entry[1], buckets=buckets, latency_sum_us=entry[2])
    return FlowReply(
        tick=_number(header, "tick"),
        centre=str(header.get("centre", "")),
        outcomes=groups["outcomes"],
        reasons=groups["reasons"],
        latency_us=groups["latency_us"],
        order_ids=groups["order_ids"],
        events=groups["events"],
        counts=counts,
        session=header.get("session", {}),
    )
