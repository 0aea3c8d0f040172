"""Executes entries and tells what each caused. Also runs as a program of its own, over the `trading_sim` of another folder.

As a program (`python child.py FOLDER JOB`) it imports nothing but what lies in FOLDER, so that two versions of the shard can be
compared; JOB is the folder with config.json, entries.bin and perhaps base.bin. It writes one frame per entry to standard output:

    index u64, state hash u64, hash told u8, parties told u8, bytes of events, parties and rejects u32 x3, then these bytes
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

FRAME = struct.Struct("<QQBBIII")
LENGTH = struct.Struct("<I")
#: The state is hashed after every so many entries, and after the last.
HASH_EVERY = 128


class Told(NamedTuple):
    """What one entry caused. `state_hash` None: not a checkpoint; `parties` None: this version does not tell them."""

    index: int
    events: bytes
    parties: bytes | None
    rejects: bytes
    state_hash: int | None


def execute(state: Any, entries: Iterable[Any], last: int, hash_every: int = HASH_EVERY) -> Iterator[Told]:
    """Apply entries to a ReplicatedState; those that it has behind it already are passed over."""
    for entry in entries:
        if entry.index <= state.index:
            continue
        result = state.apply(entry).result
        checkpoint = entry.index % hash_every == 0 or entry.index == last
        state_hash = state.state_hash() if checkpoint else None
        if result is None:
            yield Told(entry.index, b"", b"", b"", state_hash)
            continue
        parties = getattr(result, "parties", None)
        yield Told(
            entry.index,
            result.events.tobytes(),
            None if parties is None else parties.tobytes(),
            result.rejects.tobytes(),
            state_hash,
        )


def pack(told: Told) -> bytes:
    """The frame of an entry."""
    parties = told.parties or b""
    head = FRAME.pack(
        told.index,
        told.state_hash or 0,
        told.state_hash is not None,
        told.parties is not None,
        len(told.events),
        len(parties),
        len(told.rejects),
    )
    return b"".join((head, told.events, parties, told.rejects))


def unpack(stream: BinaryIO) -> Iterator[Told]:
    """The frames of a stream; raises EOFError when it ends within one."""
    while head := stream.read(FRAME.size):
        if len(head) < FRAME.size:
            raise EOFError("the other version's stream ends within a frame")
        index, state_hash, hashed, partied, *sizes = FRAME.unpack(head)
        events, parties, rejects = (stream.read(size) for size in sizes)
        if len(rejects) < sizes[2]:
            raise EOFError(f"the other version's stream ends within entry {index}")
        yield Told(index, events, parties if partied else None, rejects, state_hash if hashed else None)


def read_lengths(data: bytes) -> Iterator[bytes]:
    """Parts of `data`, each after its length."""
    offset = 0
    while offset < len(data):
        (size,) = LENGTH.unpack_from(data, offset)
        yield data[offset + LENGTH.size : offset + LENGTH.size + size]
        offset += LENGTH.size + size


def main(arguments: list[str]) -> int:
    """Execute a job with the `trading_sim` of a folder."""
    folder, job = arguments[1], Path(arguments[2])
    sys.path[0] = folder
    from trading_sim.shard.entries import decode_entry
    from trading_sim.shard.machine_factory import ShardMachineFactory
    from trading_sim.shard.snapshots import decode_snapshot
    from trading_sim.shard.state import ReplicatedState

    state = ReplicatedState(ShardMachineFactory.from_json((job / "config.json").read_text(encoding="utf-8")))
    if (job / "base.bin").exists():
        state.restore(decode_snapshot((job / "base.bin").read_bytes()))
    parts = list(read_lengths((job / "entries.bin").read_bytes()))
    last = decode_entry(parts[-1]).index if parts else 0
    output = sys.stdout.buffer
    for told in execute(state, map(decode_entry, parts), last):
        output.write(pack(told))
    output.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
