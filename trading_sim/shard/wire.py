"""Frames on a replica's TCP port: length u32 (of what follows), kind u8, body. Little-endian.

Every connection opens with HELLO, which says who is calling. A frame that is too long, of an unknown kind, or malformed
is answered with an ERROR frame that says why, and the connection is closed; nobody else notices.
"""

import struct
from enum import IntEnum

from trading_sim.protocol import frames
from trading_sim.protocol.frames import WireError
from trading_sim.shard.outcomes import Answered, Outcome, Refusal, Refused

MAGIC = b"SHRD"
VERSION = 1
MAX_CLIENT_FRAME = 2 << 20
MAX_PEER_FRAME = 16 << 20
MAX_ANSWER_FRAME = 64 << 20

_HELLO = struct.Struct("<4sBBI")
_SUBMIT = struct.Struct("<QQQ")
_QUERY = struct.Struct("<QQ")
_TAG = struct.Struct("<Q")
_REFUSED = struct.Struct("<QBB")


class Frame(IntEnum):
    """Kinds of frames."""

    HELLO = 1
    SUBMIT = 10
    STATUS = 11
    QUERY_ACCOUNT = 12
    QUERY_SYMBOL = 13
    FEED = 14
    ANSWER = 20
    REFUSED = 21
    FED = 22
    MESSAGE = 30
    ERROR = 255


class Caller(IntEnum):
    """Who opened a connection."""

    PEER = 1
    CLIENT = 2


def frame(kind: Frame, *parts: bytes) -> bytes:
    """A frame of `kind` around the parts."""
    return frames.frame(frames.U32, kind, *parts)


def hello(caller: Caller, shard: int, name: str) -> bytes:
    """The first frame of a connection."""
    return frame(Frame.HELLO, _HELLO.pack(MAGIC, VERSION, caller, shard), name.encode())


def read_hello(body: bytes) -> tuple[Caller, int, str]:
    """(caller, shard, name); raises WireError."""
    if len(body) < _HELLO.size:
        raise WireError("The greeting is too short.")
    magic, version, caller, shard = _HELLO.unpack_from(body)
    if magic != MAGIC or version != VERSION:
        raise WireError(f"The greeting is not that of version {VERSION} of the shard's protocol.")
    try:
        return Caller(caller), shard, body[_HELLO.size :].decode()
    except ValueError as error:
        raise WireError("The greeting names no known kind of caller.") from error


def submit(tag: int, client_id: int, request: int, commands: bytes) -> bytes:
    """Ask for a batch to be executed; the answer carries the same `tag`."""
    return frame(Frame.SUBMIT, _SUBMIT.pack(tag, client_id, request), commands)


def read_submit(body: bytes) -> tuple[int, int, int, bytes]:
    """(tag, client, request, commands); raises WireError."""
    if len(body) < _SUBMIT.size:
        raise WireError("A submission is too short.")
    return *_SUBMIT.unpack_from(body), body[_SUBMIT.size :]


def query(kind: Frame, tag: int, key: int = 0) -> bytes:
    """Ask for the status, an account or a symbol."""
    return frame(kind, _QUERY.pack(tag, key))


def read_query(body: bytes) -> tuple[int, int]:
    """(tag, key); raises WireError."""
    if len(body) != _QUERY.size:
        raise WireError("A query has the wrong length.")
    return _QUERY.unpack(body)


def outcome(tag: int, result: Outcome) -> bytes:
    """The answer to whatever had the `tag`; a refusal names the leader's address."""
    if isinstance(result, Answered):
        return frame(Frame.ANSWER, _TAG.pack(tag), result.data)
    leader = result.leader.encode()[:255]
    return frame(Frame.REFUSED, _REFUSED.pack(tag, result.refusal, len(leader)), leader, result.text.encode())


def read_outcome(kind: int, body: bytes) -> tuple[int, Outcome]:
    """(tag, outcome); raises WireError, also when the replica has closed the connection with a reason."""
    try:
        if kind == Frame.ANSWER:
            return _TAG.unpack_from(body)[0], Answered(body[_TAG.size :])
        if kind == Frame.REFUSED:
            tag, refusal, length = _REFUSED.unpack_from(body)
            middle = _REFUSED.size + length
            return tag, Refused(Refusal(refusal), body[middle:].decode(), body[_REFUSED.size : middle].decode())
    except (struct.error, ValueError) as error:
        raise WireError(f"An answer cannot be read: {error}") from error
    if kind == Frame.ERROR:
        raise WireError(f"The replica closed the connection: {body.decode(errors='replace')}")
    raise WireError(f"An answer has the unknown kind {kind}.")
