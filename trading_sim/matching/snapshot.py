"""The state of a matching core as bytes: one canonical form, the same for every engine.

What decides the future is only the phase and the breaker of every symbol and the resting orders in priority order. How an engine
stores them (slots, pages, free lists) is left out, so a snapshot written by one engine can be read by another and the
state hash is comparable between them.
"""

import hashlib
import struct
from dataclasses import dataclass

import numpy as np

from trading_sim.matching.symbols import SymbolTable

RESTING = np.dtype(
    [
        ("order_id", "<u8"),
        ("price", "<i8"),
        ("qty", "<u4"),
        ("account", "<u4"),
        ("symbol", "<u4"),
        ("side", "<u4"),
    ]
)
"""One resting order, 32 bytes; rows are sorted by symbol, side (BUY first), best price first, earliest first."""

BREAKER = np.dtype([("anchor", "<i8"), ("ppm", "<i8")])
"""The breaker of one symbol: the price its collar lies around, and how wide it is. Only kept where the table has breakers."""

MAGIC = b"MATCHING"
PLAIN, WITH_BREAKERS = 1, 2
"""Versions: which one is written and expected follows from the table, so a market without breakers keeps its bytes."""
HEADER = struct.Struct("<8sIIQQQ16sQ")  # magic, version, symbols, max_order_id, max_live, orders, table digest, hash
DIGEST_SIZE = 16


class SnapshotError(ValueError):
    """The bytes are not a usable snapshot for this symbol table; the message says why."""


@dataclass(frozen=True)
class CoreState:
    """Everything a core remembers. `phases` is a u1 array and `breakers` a BREAKER array (one a symbol; empty when the table
    has no breakers), `orders` a RESTING array.
    """

    max_order_id: int
    max_live: int
    phases: np.ndarray
    orders: np.ndarray
    breakers: np.ndarray


def version_for(table: SymbolTable) -> int:
    """Version of a snapshot of a core with this table."""
    return WITH_BREAKERS if table.has_breakers else PLAIN


def breakers_for(table: SymbolTable, anchors: np.ndarray, ppm: np.ndarray) -> np.ndarray:
    """The BREAKER array of the canonical form: empty for a table without breakers."""
    breakers = np.zeros(len(table) if table.has_breakers else 0, BREAKER)
    if len(breakers):
        breakers["anchor"], breakers["ppm"] = anchors, ppm
    return breakers


def state_hash(table: SymbolTable, state: CoreState) -> int:
    """Unsigned 64-bit hash of the state (BLAKE2b over symbol table, phases, breakers and resting orders)."""
    digest = hashlib.blake2b(table.digest(), digest_size=8)
    digest.update(state.phases.astype("u1").tobytes())
    digest.update(state.breakers.tobytes())
    digest.update(np.ascontiguousarray(state.orders).view("u1"))
    return int.from_bytes(digest.digest(), "little")


def encode(table: SymbolTable, state: CoreState) -> bytes:
    """The state as bytes: header with version and state hash, phases, breakers, orders, digest of all of it."""
    header = HEADER.pack(
        MAGIC,
        version_for(table),
        len(table),
        state.max_order_id,
        state.max_live,
        len(state.orders),
        table.digest(),
        state_hash(table, state),
    )
    body = header + state.phases.astype("u1").tobytes() + state.breakers.tobytes() + state.orders.tobytes()
    return body + hashlib.blake2b(body, digest_size=DIGEST_SIZE).digest()


def decode(table: SymbolTable, data: bytes) -> CoreState:
    """Read what `encode` wrote. Raises SnapshotError when the bytes are damaged or belong to another table."""
    if len(data) < HEADER.size + DIGEST_SIZE:
        raise SnapshotError(f"snapshot of {len(data)} bytes is too short to hold a header")
    magic, version, symbols, max_order_id, max_live, count, digest, expected = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise SnapshotError("not a snapshot of a matching core: the first eight bytes differ")
    if version not in (PLAIN, WITH_BREAKERS):
        raise SnapshotError(f"snapshot has version {version}, this program reads versions {PLAIN} and {WITH_BREAKERS}")
    breakers = symbols if version == WITH_BREAKERS else 0
    size = HEADER.size + symbols + breakers * BREAKER.itemsize + count * RESTING.itemsize + DIGEST_SIZE
    if len(data) != size:
        raise SnapshotError(f"snapshot has {len(data)} bytes, its header promises {size}")
    body, written = data[:-DIGEST_SIZE], data[-DIGEST_SIZE:]
    if hashlib.blake2b(body, digest_size=DIGEST_SIZE).digest() != written:
        raise SnapshotError("snapshot is damaged: its digest does not fit its content")
    if digest != table.digest() or version != version_for(table):
        raise SnapshotError("snapshot was taken with another symbol table")
    behind_phases = HEADER.size + symbols
    state = CoreState(
        max_order_id,
        max_live,
        phases=np.frombuffer(data, "u1", symbols, HEADER.size),
        orders=np.frombuffer(data, RESTING, count, behind_phases + breakers * BREAKER.itemsize),
        breakers=np.frombuffer(data, BREAKER, breakers, behind_phases),
    )
    if state_hash(table, state) != expected:
        raise SnapshotError("snapshot is inconsistent: its content does not have the state hash of its header")
    return state
