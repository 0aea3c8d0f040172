"""The state of a matching core as bytes: one canonical form, the same for every engine.

What decides the future is only the phase of every symbol and the resting orders in priority order. How an engine
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

MAGIC = b"MATCHING"
VERSION = 1
HEADER = struct.Struct("<8sIIQQQ16sQ")  # magic, version, symbols, max_order_id, max_live, orders, table digest, hash
DIGEST_SIZE = 16


class SnapshotError(ValueError):
    """The bytes are not a usable snapshot for this symbol table; the message says why."""


@dataclass(frozen=True)
class CoreState:
    """Everything a core remembers. `phases` is a u1 array (one a symbol), `orders` a RESTING array."""

    max_order_id: int
    max_live: int
    phases: np.ndarray
    orders: np.ndarray


def state_hash(table: SymbolTable, phases: np.ndarray, orders: np.ndarray) -> int:
    """Unsigned 64-bit hash of the state (BLAKE2b over symbol table, phases and resting orders)."""
    digest = hashlib.blake2b(table.digest(), digest_size=8)
    digest.update(phases.astype("u1").tobytes())
    digest.update(np.ascontiguousarray(orders).view("u1"))
    return int.from_bytes(digest.digest(), "little")


def encode(table: SymbolTable, state: CoreState) -> bytes:
    """The state as bytes: header with version and state hash, phases, orders, digest of all of it."""
    header = HEADER.pack(
        MAGIC,
        VERSION,
        len(table),
        state.max_order_id,
        state.max_live,
        len(state.orders),
        table.digest(),
        state_hash(table, state.phases, state.orders),
    )
    body = header + state.phases.astype("u1").tobytes() + state.orders.tobytes()
    return body + hashlib.blake2b(body, digest_size=DIGEST_SIZE).digest()


def decode(table: SymbolTable, data: bytes) -> CoreState:
    """Read what `encode` wrote. Raises SnapshotError when the bytes are damaged or belong to another table."""
    if len(data) < HEADER.size + DIGEST_SIZE:
        raise SnapshotError(f"snapshot of {len(data)} bytes is too short to hold a header")
    magic, version, symbols, max_order_id, max_live, count, digest, expected = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise SnapshotError("not a snapshot of a matching core: the first eight bytes differ")
    if version != VERSION:
        raise SnapshotError(f"snapshot has version {version}, this program reads version {VERSION}")
    size = HEADER.size + symbols + count * RESTING.itemsize + DIGEST_SIZE
    if len(data) != size:
        raise SnapshotError(f"snapshot has {len(data)} bytes, its header promises {size}")
    body, written = data[:-DIGEST_SIZE], data[-DIGEST_SIZE:]
    if hashlib.blake2b(body, digest_size=DIGEST_SIZE).digest() != written:
        raise SnapshotError("snapshot is damaged: its digest does not fit its content")
    if digest != table.digest():
        raise SnapshotError("snapshot was taken with another symbol table")
    phases = np.frombuffer(data, "u1", symbols, HEADER.size)
    orders = np.frombuffer(data, RESTING, count, HEADER.size + symbols)
    if state_hash(table, phases, orders) != expected:
        raise SnapshotError("snapshot is inconsistent: its content does not have the state hash of its header")
    return CoreState(max_order_id, max_live, phases, orders)
