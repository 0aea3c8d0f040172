"""What replicas say to one another, and the bytes of it (little-endian; the first byte is the kind)."""

import struct
from dataclasses import dataclass

from trading_sim.shard.entries import Entry, EntryError, decode_entry


class MessageError(ValueError):
    """Bytes that are not a message between replicas."""


@dataclass(frozen=True, slots=True)
class VoteRequest:
    """A candidate asks for a vote; `pre`: it asks whether it would get one. `transfer`: the leader itself asked for it."""

    term: int
    last_index: int
    last_term: int
    pre: bool
    transfer: bool = False


@dataclass(frozen=True, slots=True)
class VoteReply:
    """The answer; for a granted pre-vote `term` is the term that was asked about, else the voter's own."""

    term: int
    granted: bool
    pre: bool


@dataclass(frozen=True, slots=True)
class AppendRequest:
    """Entries behind `prev_index`, or a heartbeat. `sent_ns`: the leader's monotonic clock, sent back for its lease.
    `hash_index`, `state_hash`: the leader's newest state hash checkpoint."""

    term: int
    prev_index: int
    prev_term: int
    commit: int
    last_index: int
    sent_ns: int
    hash_index: int
    state_hash: int
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class AppendReply:
    """`index`: for success the last entry known durable at the sender, for refusal where the leader should try again
    (`prev_index` is what was refused)."""

    term: int
    success: bool
    index: int
    prev_index: int
    echo_ns: int
    hash_index: int
    state_hash: int
    repairing: bool = False


@dataclass(frozen=True, slots=True)
class SnapshotChunk:
    """A piece of the encoded snapshot of entry `index`, which has the term `index_term`."""

    term: int
    index: int
    index_term: int
    offset: int
    total: int
    sent_ns: int
    data: bytes


@dataclass(frozen=True, slots=True)
class SnapshotReply:
    """`offset`: the byte wanted next; `installed`: the state is on disk and in use."""

    term: int
    index: int
    offset: int
    installed: bool
    echo_ns: int


@dataclass(frozen=True, slots=True)
class TakeOver:
    """The leader asks an up-to-date follower to become leader at once (planned switch)."""

    term: int


Message = VoteRequest | VoteReply | AppendRequest | AppendReply | SnapshotChunk | SnapshotReply | TakeOver

_VOTE = struct.Struct("<BQQQ??")
_VOTE_REPLY = struct.Struct("<BQ??")
_APPEND = struct.Struct("<BQQQQQQQQI")
_APPEND_REPLY = struct.Struct("<BQ?QQQQQ?")
_CHUNK = struct.Struct("<BQQQQQQ")
_CHUNK_REPLY = struct.Struct("<BQQQ?Q")
_TAKE_OVER = struct.Struct("<BQ")
_LENGTH = struct.Struct("<I")


def encode_message(message: Message) -> bytes:
    """The bytes of a message."""
    match message:
        case AppendRequest():
            head = _APPEND.pack(
                3,
                message.term,
                message.prev_index,
                message.prev_term,
                message.commit,
                message.last_index,
                message.sent_ns,
                message.hash_index,
                message.state_hash,
                len(message.entries),
            )
            parts = [head]
            for entry in message.entries:
                parts += (_LENGTH.pack(len(entry.data)), entry.data)
            return b"".join(parts)
        case AppendReply(term, success, index, prev, echo, hash_index, state_hash, repairing):
            return _APPEND_REPLY.pack(4, term, success, index, prev, echo, hash_index, state_hash, repairing)
        case VoteRequest(term, last_index, last_term, pre, transfer):
            return _VOTE.pack(1, term, last_index, last_term, pre, transfer)
        case VoteReply(term, granted, pre):
            return _VOTE_REPLY.pack(2, term, granted, pre)
        case SnapshotChunk(term, index, index_term, offset, total, sent_ns, data):
            return _CHUNK.pack(5, term, index, index_term, offset, total, sent_ns) + data
        case SnapshotReply(term, index, offset, installed, echo):
            return _CHUNK_REPLY.pack(6, term, index, offset, installed, echo)
        case TakeOver(term):
            return _TAKE_OVER.pack(7, term)


def decode_message(data: bytes) -> Message:
    """The message in `data`; raises MessageError."""
    try:
        match data[0] if data else 0:
            case 1:
                return VoteRequest(*_VOTE.unpack(data)[1:])
            case 2:
                return VoteReply(*_VOTE_REPLY.unpack(data)[1:])
            case 3:
                fields = _APPEND.unpack_from(data)
                return AppendRequest(*fields[1:9], entries=_decode_entries(data, fields[9]))
            case 4:
                return AppendReply(*_APPEND_REPLY.unpack(data)[1:])
            case 5:
                return SnapshotChunk(*_CHUNK.unpack_from(data)[1:], data=bytes(data[_CHUNK.size :]))
            case 6:
                return SnapshotReply(*_CHUNK_REPLY.unpack(data)[1:])
            case 7:
                return TakeOver(*_TAKE_OVER.unpack(data)[1:])
    except (struct.error, EntryError) as error:
        raise MessageError(f"A message of {len(data)} bytes cannot be read: {error}") from error
    raise MessageError(f"A message of {len(data)} bytes has an unknown kind.")


def _decode_entries(data: bytes, count: int) -> tuple[Entry, ...]:
    offset = _APPEND.size
    entries = []
    for _ in range(count):
        (length,) = _LENGTH.unpack_from(data, offset)
        offset += _LENGTH.size
        if offset + length > len(data):
            raise MessageError(f"A message of {len(data)} bytes ends within an entry.")
        entries.append(decode_entry(data[offset : offset + length]))
        offset += length
    if offset != len(data):
        raise MessageError(f"A message has {len(data) - offset} bytes too many.")
    return tuple(entries)
