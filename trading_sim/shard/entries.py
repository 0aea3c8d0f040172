"""Journal entries: what replicas agree on, one after another.

An entry is one batch of commands of one client request, stamped by the leader, or an empty entry with which a new
leader opens its term. Header (little-endian, 64 bytes), then `count` COMMAND records:

    term u64, index u64, now_ns u64, client_id u64, request u64, next_seq u64, next_order_id u64, count u32, kind u8, pad

`next_seq` and `next_order_id` are the stamps that the entry after this one starts with, so that a new leader finds in
its last entry where to go on.
"""

import struct
from dataclasses import dataclass, field

HEADER = struct.Struct("<QQQQQQQIBxxx")
COMMAND_BYTES = 40

NOOP = 1
BATCH = 2
_KINDS = (NOOP, BATCH)


class EntryError(ValueError):
    """Bytes that are not an entry."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One journal entry. `commands` are raw COMMAND records; times in nanoseconds since the epoch."""

    term: int
    index: int
    kind: int
    now_ns: int
    client_id: int
    request: int
    next_seq: int
    next_order_id: int
    commands: bytes
    data: bytes = field(repr=False, compare=False)

    @property
    def count(self) -> int:
        """Number of commands."""
        return len(self.commands) // COMMAND_BYTES


def make_entry(
    *,
    term: int,
    index: int,
    kind: int,
    now_ns: int,
    next_seq: int,
    next_order_id: int,
    client_id: int = 0,
    request: int = 0,
    commands: bytes = b"",
) -> Entry:
    """An entry with its encoded bytes."""
    count = len(commands) // COMMAND_BYTES
    data = HEADER.pack(term, index, now_ns, client_id, request, next_seq, next_order_id, count, kind) + commands
    return Entry(term, index, kind, now_ns, client_id, request, next_seq, next_order_id, commands, data)


def decode_entry(data: bytes) -> Entry:
    """The entry in `data`; raises EntryError when the bytes are not exactly one entry."""
    if len(data) < HEADER.size:
        raise EntryError(f"An entry has at least {HEADER.size} bytes, these are {len(data)}.")
    term, index, now_ns, client_id, request, next_seq, next_order_id, count, kind = HEADER.unpack_from(data)
    if kind not in _KINDS:
        raise EntryError(f"Entry {index} has the unknown kind {kind}.")
    if len(data) != HEADER.size + count * COMMAND_BYTES:
        raise EntryError(f"Entry {index} announces {count} commands, but carries {len(data) - HEADER.size} bytes.")
    return Entry(
        term, index, kind, now_ns, client_id, request, next_seq, next_order_id, bytes(data[HEADER.size :]), bytes(data)
    )
