"""The binary session protocol, to the byte.

All numbers are little-endian. Texts are ASCII, padded with zero bytes to the length given ("char n"). A frame is

    length u16   bytes that follow it: 1 + length of the body; at most 4,096
    type   u8    below
    body

Prices are ticks (1 tick = 1 fen), quantities shares or contracts, times nanoseconds since 1970 UTC.

From the client
    1 LOGON      magic char 4 ("SEEG"), version u8 (1), heartbeat_s u8 (1 … 60), session char 16, secret char 64, next_out u64
                 The first frame. next_out: the number of the report that the client wants next. Whatever is kept from there on
                 is sent again; 0 = only reports that come after this logon.
    2 HEARTBEAT  empty
    3 LOGOUT     empty; answered by LOGOUT, then the connection ends
    10 NEW       seq u64, client_id char 20, account u32, instrument char 12, side u8, type u8, tif u8, pad u8, price i64, qty u32
                 side 1 buy, 2 sell; type 1 limit, 2 market (price 0); tif 1 day, 2 IOC, 3 FOK, 4 post-only. account 0 = the
                 session's first account.
    11 CANCEL    seq u64, client_id char 20, original_id char 20
    12 REPLACE   seq u64, client_id char 20, original_id char 20, price i64, qty u32 (the new total, executed part included)
    20 QUERY     query u32, what u8, account u32, original_id char 20
                 what 1 balances, 2 positions, 3 open orders, 4 fills of the day, 5 status of the order original_id (account unused),
                 6 instruments, 7 limits in force. Without sequence number; may be asked any time; never changes anything.

From the gateway
    101 LOGON_OK  heartbeat_s u8, next_in u64, next_out u64
                  next_in: the number that the client's next NEW, CANCEL or REPLACE must carry. A client sends again, with their old
                  numbers or new ones, what it sent from there on; client ids keep anything from being executed twice.
    102 HEARTBEAT next_in u64
    103 LOGOUT    text …; the reason; the connection ends
    110 REPORT    seq u64, flags u8 (1 = filed before this logon, perhaps received already), kind u8, exec_type u8, status u8,
                  side u8, type u8, tif u8, replaces u8, reason u16, account u32, order_id u64, price i64, qty u32, last_price i64,
                  last_qty u32, leaves u32, cum u32, notional i64, time u64, instrument char 12, client_id char 20,
                  original_id char 20, exec_id char 32, text …
                  kind "X" execution report; "C" a cancel or replace was refused, the order lives on; "R" an instruction was not
                  taken. exec_type and status: the characters of FIX 4.4's tags 150 and 39. reason: see `gateway.reasons`.
    111 GAP       first u64, last u64: reports of these numbers are no longer kept
    120 ANSWER    query u32, what u8, flags u8 (1 = no more parts, 2 = older rows are missing), count u16, then `count` records:
                  1 balance   shard u8, account u32, free i64, frozen i64 (fen)
                  2 position  shard u8, account u32, instrument char 12, sellable i64, held i64, today i64
                  3 order     shard u8, account u32, instrument char 12, order_id u64, side u8, price i64, leaves u32
                  4 fill      shard u8, account u32, instrument char 12, order_id u64, side u8, price i64, qty u32, seq u64
                              (newest last; seq is that of the shard's command)
                  5 (none: the status comes as a REPORT with exec_type "I"; count 0 when the session has no such order today)
                  6 instrument shard u8, instrument char 12, board char 12, lot u32, reference i64 (the first day's)
                  7 limit     shard u8, account u32, name char 24, value i64; "rules_version" is one of the names
    121 NO_ANSWER query u32, what u8, text …: why the query cannot be answered now

Sequence numbers
    NEW, CANCEL and REPLACE carry the client's numbers 1, 2, 3 … for the life of the session, REPORT and GAP the gateway's. A lower
    number than expected is passed over (it was taken before); a higher one ends the connection, since nothing can be lost within one.
    Nothing is sent before it is on file: after a kill of either side both go on from LOGON.

Silence
    Whoever has sent nothing for heartbeat_s sends HEARTBEAT; whoever has heard nothing for 2.5 times that ends the connection.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from trading_sim.gateway.instruments import Instruments
from trading_sim.gateway.orders import Ask, Kind
from trading_sim.gateway.reports import Report
from trading_sim.protocol import frames
from trading_sim.protocol.frames import WireError

MAGIC, VERSION = b"SEEG", 1
MAX_FRAME = 4096
MAX_HEARTBEAT_S = 60


class Type(IntEnum):
    """Types of frames."""

    LOGON = 1
    HEARTBEAT = 2
    LOGOUT = 3
    NEW = 10
    CANCEL = 11
    REPLACE = 12
    QUERY = 20
    LOGON_OK = 101
    GATEWAY_HEARTBEAT = 102
    GATEWAY_LOGOUT = 103
    REPORT = 110
    GAP = 111
    ANSWER = 120
    NO_ANSWER = 121


class What(IntEnum):
    """What a query asks for."""

    BALANCES = 1
    POSITIONS = 2
    OPEN_ORDERS = 3
    FILLS = 4
    STATUS = 5
    INSTRUMENTS = 6
    LIMITS = 7


_LOGON = struct.Struct("<4sBB16s64sQ")
_NEW = struct.Struct("<Q20sI12sBBBxqI")
_CANCEL = struct.Struct("<Q20s20s")
_REPLACE = struct.Struct("<Q20s20sqI")
_QUERY = struct.Struct("<IBI20s")
_LOGON_OK = struct.Struct("<BQQ")
_NUMBER = struct.Struct("<Q")
_GAP = struct.Struct("<QQ")
_REPORT = struct.Struct("<QBBBBBBBBHIQqIqIIIqQ12s20s20s32s")
_ANSWER = struct.Struct("<IBBH")
_NO_ANSWER = struct.Struct("<IB")
ROWS = {
    What.BALANCES: struct.Struct("<BIqq"),
    What.POSITIONS: struct.Struct("<BI12sqqq"),
    What.OPEN_ORDERS: struct.Struct("<BI12sQBqI"),
    What.FILLS: struct.Struct("<BI12sQBqIQ"),
    What.STATUS: struct.Struct("<"),
    What.INSTRUMENTS: struct.Struct("<B12s12sIq"),
    What.LIMITS: struct.Struct("<BI24sq"),
}


def frame(kind: Type, body: bytes = b"") -> bytes:
    """A frame around a body."""
    return frames.frame(frames.U16, kind, body)


def reader() -> frames.Frames:
    """Cuts either side's stream into frames."""
    return frames.Frames(MAX_FRAME, frames.U16)


def _text(value: str, size: int) -> bytes:
    data = value.encode("ascii")
    if len(data) > size:
        raise WireError(f"{value!r} is longer than {size} characters")
    return data


def _read_text(data: bytes, what: str) -> str:
    text = data.rstrip(b"\0")
    if not text.isascii() or not all(32 < byte < 127 for byte in text):
        raise WireError(f"{what} holds something other than printable ASCII without spaces")
    return text.decode("ascii")


def _unpack(layout: struct.Struct, body: bytes, what: str) -> tuple:
    if len(body) != layout.size:
        raise WireError(f"{what} has {len(body)} bytes instead of {layout.size}")
    return layout.unpack(body)


@dataclass(frozen=True, slots=True)
class Logon:
    """What a client says first."""

    session: str
    secret: str
    heartbeat_s: int
    next_out: int


def logon(message: Logon) -> bytes:
    """The LOGON frame."""
    return frame(
        Type.LOGON,
        _LOGON.pack(
            MAGIC, VERSION, message.heartbeat_s, _text(message.session, 16), _text(message.secret, 64), message.next_out
        ),
    )


def read_logon(body: bytes) -> Logon:
    """Raises WireError."""
    magic, version, heartbeat_s, session, secret, next_out = _unpack(_LOGON, body, "LOGON")
    if magic != MAGIC or version != VERSION:
        raise WireError(f"the logon is not that of version {VERSION} of this protocol")
    if not 1 <= heartbeat_s <= MAX_HEARTBEAT_S:
        raise WireError(f"a heartbeat of {heartbeat_s} s is not allowed: 1 … {MAX_HEARTBEAT_S}")
    return Logon(_read_text(session, "the session"), _read_text(secret, "the secret"), heartbeat_s, next_out)


def logon_ok(heartbeat_s: int, next_in: int, next_out: int) -> bytes:
    """The answer to a logon."""
    return frame(Type.LOGON_OK, _LOGON_OK.pack(heartbeat_s, next_in, next_out))


def read_logon_ok(body: bytes) -> tuple[int, int, int]:
    """(heartbeat_s, next_in, next_out); raises WireError."""
    return _unpack(_LOGON_OK, body, "LOGON_OK")


def heartbeat(next_in: int) -> bytes:
    """The gateway's heartbeat."""
    return frame(Type.GATEWAY_HEARTBEAT, _NUMBER.pack(next_in))


def logout(reason: str) -> bytes:
    """The gateway's logout."""
    return frame(Type.GATEWAY_LOGOUT, reason.encode("ascii", "replace")[:512])


def instruction(seq: int, ask: Ask, instrument: str = "") -> bytes:
    """NEW, CANCEL or REPLACE. Raises WireError for an id that does not fit."""
    client_id, original_id = _text(ask.client_id, 20), _text(ask.original_id, 20)
    if ask.kind == Kind.NEW:
        code = _text(instrument, 12)
        body = _NEW.pack(seq, client_id, ask.account, code, ask.side, ask.type, ask.tif, ask.price, ask.qty)
        return frame(Type.NEW, body)
    if ask.kind == Kind.CANCEL:
        return frame(Type.CANCEL, _CANCEL.pack(seq, client_id, original_id))
    return frame(Type.REPLACE, _REPLACE.pack(seq, client_id, original_id, ask.price, ask.qty))


def read_instruction(kind: int, body: bytes) -> tuple[int, Ask, str]:
    """(seq, ask, code of the instrument); the ask's shard and symbol are not filled in. Raises WireError."""
    if kind == Type.NEW:
        seq, client_id, account, code, side, order_type, tif, price, qty = _unpack(_NEW, body, "NEW")
        ask = Ask(
            Kind.NEW, _read_text(client_id, "client_id"), "", account, 0, 0, side, order_type, tif, price, qty
        )  # fmt: skip
        return seq, ask, _read_text(code, "the instrument")
    if kind == Type.CANCEL:
        seq, client_id, original_id = _unpack(_CANCEL, body, "CANCEL")
        price = qty = 0
    else:
        seq, client_id, original_id, price, qty = _unpack(_REPLACE, body, "REPLACE")
    ask = Ask(
        Kind.CANCEL if kind == Type.CANCEL else Kind.REPLACE, _read_text(client_id, "client_id"),
        _read_text(original_id, "original_id"), price=price, qty=qty,
    )  # fmt: skip
    return seq, ask, ""


def query(number: int, what: int, account: int = 0, original_id: str = "") -> bytes:
    """A QUERY frame."""
    return frame(Type.QUERY, _QUERY.pack(number, what, account, _text(original_id, 20)))


def read_query(body: bytes) -> tuple[int, int, int, str]:
    """(query, what, account, original_id); raises WireError."""
    number, what, account, original_id = _unpack(_QUERY, body, "QUERY")
    if what not in What._value2member_map_:
        raise WireError(f"a query for {what} is not known")
    return number, what, account, _read_text(original_id, "original_id")


def gap(first: int, last: int) -> bytes:
    """These reports are no longer kept."""
    return frame(Type.GAP, _GAP.pack(first, last))


def read_gap(body: bytes) -> tuple[int, int]:
    """(first, last); raises WireError."""
    return _unpack(_GAP, body, "GAP")


def report(seq: int, again: bool, one: Report, instruments: Instruments) -> bytes:
    """A REPORT frame."""
    place = instruments.at(one.shard, one.symbol)
    body = _REPORT.pack(
        seq, again, ord(one.kind), ord(one.exec_type or " "), ord(one.status or " "), one.side & 0xFF, one.type & 0xFF,
        one.tif & 0xFF, one.replaces, one.reason, one.account, one.order_id, one.price, one.qty, one.last_price,
        one.last_qty, one.leaves, one.cum, one.notional, one.time_ns, (place.code if place else "").encode(),
        one.client_id.encode(), one.original_id.encode(), one.exec_id.encode(),
    )  # fmt: skip
    return frame(Type.REPORT, body + one.text.encode("ascii", "replace")[:256])


def read_report(body: bytes) -> tuple[int, bool, Report, str]:
    """(seq, filed before this logon, report, code of the instrument); the report's shard and symbol are not told. Raises WireError."""
    if len(body) < _REPORT.size:
        raise WireError("REPORT is too short")
    (
        seq, flags, kind, exec_type, status, side, order_type, tif, replaces, reason, account, order_id, price, qty,
        last_price, last_qty, leaves, cum, notional, time_ns, code, client_id, original_id, exec_id,
    ) = _REPORT.unpack_from(body)  # fmt: skip
    one = Report(
        chr(kind), time_ns, _read_text(exec_id, "exec_id"), chr(exec_type).strip(), chr(status).strip(),
        _read_text(client_id, "client_id"), _read_text(original_id, "original_id"), order_id, 0, 0, account, side,
        order_type, tif, price, qty, last_price, last_qty, leaves, cum, notional, reason, replaces,
        body[_REPORT.size :].decode("ascii", "replace"),
    )  # fmt: skip
    return seq, bool(flags & 1), one, _read_text(code, "the instrument")


def answer(number: int, what: int, rows: list[tuple], cut: bool = False) -> list[bytes]:
    """ANSWER frames, as many as the rows need; `cut`: older rows are missing."""
    layout = ROWS[What(what)]
    most = (MAX_FRAME - 64) // max(layout.size, 1)
    parts = [rows[at : at + most] for at in range(0, len(rows), most)] or [[]]
    told = []
    for at, part in enumerate(parts):
        head = _ANSWER.pack(number, what, (at == len(parts) - 1) | cut << 1, len(part))
        told.append(frame(Type.ANSWER, head + b"".join(layout.pack(*row) for row in part)))
    return told


def read_answer(body: bytes) -> tuple[int, int, int, list[tuple]]:
    """(query, what, flags, rows); texts of rows are without padding. Raises WireError."""
    if len(body) < _ANSWER.size:
        raise WireError("ANSWER is too short")
    number, what, flags, count = _ANSWER.unpack_from(body)
    if what not in What._value2member_map_:
        raise WireError(f"an answer about {what} is not known")
    layout = ROWS[What(what)]
    if len(body) != _ANSWER.size + count * layout.size:
        raise WireError("ANSWER has the wrong length")
    rows = [layout.unpack_from(body, _ANSWER.size + at * layout.size) for at in range(count)]
    return number, what, flags, [tuple(_plain(value) for value in row) for row in rows]


def _plain(value: object) -> object:
    return value.rstrip(b"\0").decode("ascii", "replace") if isinstance(value, bytes) else value


def no_answer(number: int, what: int, text: str) -> bytes:
    """A query that cannot be answered."""
    return frame(Type.NO_ANSWER, _NO_ANSWER.pack(number, what) + text.encode("ascii", "replace")[:512])


def read_no_answer(body: bytes) -> tuple[int, int, str]:
    """(query, what, text); raises WireError."""
    if len(body) < _NO_ANSWER.size:
        raise WireError("NO_ANSWER is too short")
    return *_NO_ANSWER.unpack_from(body), body[_NO_ANSWER.size :].decode("ascii", "replace")
