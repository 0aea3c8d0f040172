"""The answer to a submitted batch: what it caused, in bytes that are stored, replicated by execution and sent.

Header: first_seq u64, term u64, index u64, number of order ids u32, of events u32, of rejects u32; then the arrays.
"""

import struct
from dataclasses import dataclass

import numpy as np

from trading_sim.protocol.records import EVENT
from trading_sim.risk.reasons import RISK_REJECT

_HEAD = struct.Struct("<QQQIII")
_ORDER_ID = np.dtype("<u8")


class AnswerError(ValueError):
    """Bytes that are not an answer."""


@dataclass(frozen=True)
class ShardReply:
    """What a batch caused. `order_ids` (u8) is aligned with the commands: the id given to a NEW, else the target's; `seq`
    is the first command's; `first_order_id` the lowest id that was given, 0 when none was; `term` and `index` name
    the journal entry that was executed."""

    events: np.ndarray
    rejects: np.ndarray
    order_ids: np.ndarray
    first_order_id: int
    seq: int
    term: int
    index: int


def encode_answer(commands: np.ndarray, events: np.ndarray, rejects: np.ndarray, term: int, index: int) -> bytes:
    """Bytes of the answer to stamped COMMAND records."""
    seq = int(commands["seq"][0]) if len(commands) else 0
    head = _HEAD.pack(seq, term, index, len(commands), len(events), len(rejects))
    ids = np.ascontiguousarray(commands["order_id"], dtype=_ORDER_ID)
    return b"".join((head, ids.tobytes(), events.astype(EVENT, copy=False).tobytes(), rejects.tobytes()))


def read_arrays(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    """EVENT and RISK_REJECT records of an answer made here; nothing is checked."""
    *_, ids, events, rejects = _HEAD.unpack_from(data)
    at = _HEAD.size + ids * _ORDER_ID.itemsize
    return np.frombuffer(data, EVENT, events, at), np.frombuffer(
        data, RISK_REJECT, rejects, at + events * EVENT.itemsize
    )


def decode_answer(data: bytes, given: np.ndarray) -> ShardReply:
    """The answer in `data`; `given` (bool) marks the commands that are NEW. Raises AnswerError."""
    if len(data) < _HEAD.size:
        raise AnswerError(f"An answer of {len(data)} bytes has no header.")
    seq, term, index, ids, events, rejects = _HEAD.unpack_from(data)
    sizes = (ids * _ORDER_ID.itemsize, events * EVENT.itemsize, rejects * RISK_REJECT.itemsize)
    if len(data) != _HEAD.size + sum(sizes):
        raise AnswerError(f"An answer of entry {index} has {len(data)} bytes instead of {_HEAD.size + sum(sizes)}.")
    order_ids = np.frombuffer(data, _ORDER_ID, ids, _HEAD.size)
    new_ids = order_ids[given] if len(given) == ids else order_ids[:0]
    return ShardReply(
        events=np.frombuffer(data, EVENT, events, _HEAD.size + sizes[0]),
        rejects=np.frombuffer(data, RISK_REJECT, rejects, _HEAD.size + sizes[0] + sizes[1]),
        order_ids=order_ids,
        first_order_id=int(new_ids.min()) if len(new_ids) else 0,
        seq=seq,
        term=term,
        index=index,
    )
