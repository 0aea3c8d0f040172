"""The bytes of one journal segment: a header, then frames, then zeros up to the size given in advance.

Frame: magic 4, length u32, CRC32C u32, 4 zero bytes, durable u64, payload, zeros up to a multiple of 8. The checksum
covers length, durable and payload. `durable` is the last index that was known to be on disk when the frame was
written: it tells a torn tail (never acknowledged, may be cut) from a corrupt middle (was acknowledged, must be fetched
again from a peer).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from trading_sim.shard.checksum import crc32c
from trading_sim.shard.entries import Entry, EntryError, decode_entry

SEGMENT_MAGIC = b"SHJ1"
FRAME_MAGIC = b"\xabENT"
_SEGMENT_HEADER = struct.Struct("<4sIQQQ")  # magic, CRC, sequence, base index, durable
_SEGMENT_FIELDS = struct.Struct("<QQQ")
_FRAME_HEADER = struct.Struct("<4sIIxxxxQ")
_FRAME_FIELDS = struct.Struct("<IQ")
HEADER_BYTES = 64


@dataclass(frozen=True)
class SegmentHeader:
    """`sequence` orders the files; entries from `base_index` on in earlier segments are void; `durable` as in a frame."""

    sequence: int
    base_index: int
    durable: int


@dataclass(frozen=True)
class SegmentScan:
    """What a segment holds: entries up to the first byte that is not a frame, and what the rest says about the damage.

    `clean` is False when something other than zeros follows; `later_durable` is the highest `durable` of the intact
    frames behind the damage, `later_index` their highest index (0 when there is none).
    """

    entries: tuple[Entry, ...]
    end: int
    clean: bool
    later_durable: int
    later_index: int


def segment_name(sequence: int) -> str:
    """File name of a segment; names sort as sequences do."""
    return f"segment-{sequence:012d}.log"


def encode_segment_header(header: SegmentHeader) -> bytes:
    """The first 64 bytes of a segment."""
    fields = _SEGMENT_FIELDS.pack(header.sequence, header.base_index, header.durable)
    return (SEGMENT_MAGIC + struct.pack("<I", crc32c(fields)) + fields).ljust(HEADER_BYTES, b"\0")


def decode_segment_header(data: bytes) -> SegmentHeader | None:
    """The header, or None when it is damaged."""
    if len(data) < HEADER_BYTES:
        return None
    magic, checksum, sequence, base_index, durable = _SEGMENT_HEADER.unpack_from(data)
    if magic != SEGMENT_MAGIC or checksum != crc32c(_SEGMENT_FIELDS.pack(sequence, base_index, durable)):
        return None
    return SegmentHeader(sequence, base_index, durable)


def frame_bytes(payload_length: int) -> int:
    """Bytes a payload takes in a segment."""
    return (_FRAME_HEADER.size + payload_length + 7) & ~7


def encode_frame(payload: bytes, durable: int) -> bytes:
    """A frame around one encoded entry."""
    checksum = crc32c(_FRAME_FIELDS.pack(len(payload), durable), payload)
    frame = _FRAME_HEADER.pack(FRAME_MAGIC, len(payload), checksum, durable) + payload
    return frame.ljust(frame_bytes(len(payload)), b"\0")


def _frame_at(data: bytes, offset: int) -> tuple[Entry, int, int] | None:
    """(entry, durable, offset behind) of the frame at `offset`, or None when there is no intact one."""
    if offset + _FRAME_HEADER.size > len(data):
        return None
    magic, length, checksum, durable = _FRAME_HEADER.unpack_from(data, offset)
    start = offset + _FRAME_HEADER.size
    if magic != FRAME_MAGIC or start + length > len(data):
        return None
    payload = data[start : start + length]
    if checksum != crc32c(_FRAME_FIELDS.pack(length, durable), payload):
        return None
    try:
        return decode_entry(payload), durable, offset + frame_bytes(length)
    except EntryError:
        return None


def locate_frames(data: bytes, offset: int = HEADER_BYTES) -> Iterator[tuple[int, int, int, int]]:
    """(index, durable, first byte, byte behind) of every intact frame anywhere from `offset` on."""
    while (offset := data.find(FRAME_MAGIC, offset)) >= 0:
        found = _frame_at(data, offset)
        if found is None:
            offset += 1
        else:
            yield found[0].index, found[1], offset, offset + _FRAME_HEADER.size + len(found[0].data)
            offset = found[2]


def scan_segment(data: bytes, first_index: int) -> SegmentScan:
    """Read the frames of a segment whose first entry must be `first_index`; never raises."""
    entries: list[Entry] = []
    offset, expected = HEADER_BYTES, first_index
    while (found := _frame_at(data, offset)) is not None and found[0].index == expected:
        entries.append(found[0])
        offset, expected = found[2], expected + 1
    behind = list(locate_frames(data, offset))
    return SegmentScan(
        entries=tuple(entries),
        end=offset,
        clean=not data[offset:].strip(b"\0"),
        later_durable=max((durable for _, durable, _, _ in behind), default=0),
        later_index=max((index for index, _, _, _ in behind), default=0),
    )
