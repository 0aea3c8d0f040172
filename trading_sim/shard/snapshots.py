"""Snapshot files: the replicated state after one entry, with the checksum that proves it whole.

File: magic 4, CRC32C u32, index u64, term u64, body length u64, body. The two newest are kept: a damaged newest one costs
a longer replay, not the replica.
"""

import struct
from dataclasses import dataclass

from trading_sim.shard.checksum import crc32c
from trading_sim.sim.seams import Files, write_file_durably

_MAGIC = b"SHSN"
_FIELDS = struct.Struct("<QQQ")
_HEADER_BYTES = 8 + _FIELDS.size
KEPT = 2


class SnapshotFileError(ValueError):
    """Bytes that are not one whole snapshot file."""


@dataclass(frozen=True)
class Snapshot:
    """State after entry `index` of `term`; `body` is what the replicated state encodes itself to."""

    index: int
    term: int
    body: bytes


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """The file's bytes, which also travel to a follower that is too far behind."""
    fields = _FIELDS.pack(snapshot.index, snapshot.term, len(snapshot.body))
    return _MAGIC + struct.pack("<I", crc32c(fields, snapshot.body)) + fields + snapshot.body


def decode_snapshot(data: bytes) -> Snapshot:
    """The snapshot in `data`; raises SnapshotFileError."""
    if len(data) < _HEADER_BYTES or data[:4] != _MAGIC:
        raise SnapshotFileError("No snapshot header.")
    index, term, length = _FIELDS.unpack_from(data, 8)
    body = data[_HEADER_BYTES:]
    if len(body) != length or struct.unpack_from("<I", data, 4)[0] != crc32c(data[8:_HEADER_BYTES], body):
        raise SnapshotFileError(f"The snapshot of entry {index} is damaged.")
    return Snapshot(index, term, body)


def _names(files: Files, directory: str) -> list[str]:
    return [n for n in files.listdir(directory) if n.startswith("snapshot-") and n.endswith(".bin")]


def save_snapshot(files: Files, directory: str, data: bytes, index: int) -> int:
    """Store an encoded snapshot durably and remove all but the newest two; returns the oldest kept index."""
    write_file_durably(files, directory, f"snapshot-{index:016d}.bin", data)
    names = _names(files, directory)
    for name in names[:-KEPT]:
        files.remove(f"{directory}/{name}")
    return int(names[-KEPT:][0].removeprefix("snapshot-").removesuffix(".bin"))


def load_newest_snapshot(files: Files, directory: str) -> tuple[Snapshot | None, list[str]]:
    """The newest whole snapshot (None when there is none) and the names of damaged ones that are newer."""
    damaged = []
    for name in reversed(_names(files, directory)):
        try:
            return decode_snapshot(files.read(f"{directory}/{name}")), damaged
        except SnapshotFileError:
            damaged.append(name)
    return None, damaged
