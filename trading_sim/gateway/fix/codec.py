"""FIX 4.4 messages out of a stream and into bytes, with `simplefix` for the fields.

Framing is done here, because a bound on memory needs the body length to be believed only as far as the limit: begin string, body
length and checksum are checked before the fields are read. A frame whose checksum is wrong or whose fields cannot be read is `Garbled`, which
the protocol lets pass without taking its number; bytes in which no frame can be found any more end the connection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import simplefix
from simplefix.errors import ParsingError

BEGIN = "FIX.4.4"
_PREFIX = b"8=FIX.4.4\x019="
_TRAILER_BYTES = 7  # 10=nnn and its end
_LENGTH_DIGITS = 5
_PRICE = re.compile(r"(\d{1,13})(?:\.(\d{0,2})0*)?")
_QUANTITY = re.compile(r"(\d{1,10})(?:\.0*)?")
_TIME = re.compile(r"\d{8}-\d{2}:\d{2}:\d{2}(\.\d{1,9})?")


class FramingError(ValueError):
    """No message can be found in the bytes; the text is the reason."""


class FieldError(Exception):
    """A field is missing or cannot be used: `tag`, and the SessionRejectReason (tag 373)."""

    def __init__(self, tag: int, reason: int, text: str) -> None:
        super().__init__(text)
        self.tag, self.reason = tag, reason


@dataclass(frozen=True, slots=True)
class Garbled:
    """A frame that does not count; `text` says why."""

    text: str


MISSING, NOT_DEFINED, EMPTY, INCORRECT, FORMAT, COMP_ID, ACCURACY, BAD_TYPE = 1, 3, 4, 5, 6, 9, 10, 11


class Fields:
    """The fields of one message; of a repeated tag the first counts."""

    __slots__ = ("kind", "_values")

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        self._values: dict[int, str] = {}
        for tag, value in pairs:
            self._values.setdefault(int(tag), value.decode("latin-1"))
        self.kind = self._values.get(35, "")

    def __contains__(self, tag: int) -> bool:
        return tag in self._values

    def text(self, tag: int, default: str | None = None, longest: int = 64) -> str:
        """Printable ASCII; raises FieldError when it is missing (and has no default), too long or something else."""
        value = self._values.get(tag)
        if value is None:
            if default is None:
                raise FieldError(tag, MISSING, f"required tag {tag} is missing")
            return default
        if not 1 <= len(value) <= longest or not all(" " <= one <= "~" for one in value):
            raise FieldError(tag, FORMAT, f"tag {tag} must be 1 … {longest} printable characters")
        return value

    def number(self, tag: int, default: int | None = None) -> int:
        """A whole number from 0; raises FieldError."""
        value = self.text(tag, None if default is None else str(default), 18)
        if not value.isdigit():
            raise FieldError(tag, FORMAT, f"tag {tag} is not a whole number")
        return int(value)

    def flag(self, tag: int) -> bool:
        """Y or N, N when missing; raises FieldError."""
        return self.choice(tag, {"Y": True, "N": False}, "N")

    def choice(self, tag: int, choices: dict, default: str | None = None) -> object:
        """What the value stands for; raises FieldError for one that is not among the choices."""
        value = self.text(tag, default)
        if value not in choices:
            raise FieldError(tag, INCORRECT, f"tag {tag} must be one of {' '.join(choices)}")
        return choices[value]

    def price(self, tag: int) -> int:
        """A price in yuan with at most two decimals, in fen; raises FieldError."""
        found = _PRICE.fullmatch(self.text(tag))
        if found is None:
            raise FieldError(tag, FORMAT, f"tag {tag} is not a price with at most two decimals")
        return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))

    def quantity(self, tag: int) -> int:
        """A quantity; raises FieldError."""
        found = _QUANTITY.fullmatch(self.text(tag))
        if found is None or int(found[1]) > 0xFFFFFFFF:
            raise FieldError(tag, FORMAT, f"tag {tag} is not a whole quantity below 2^32")
        return int(found[1])

    def time(self, tag: int) -> float:
        """A UTC timestamp as seconds since 1970; raises FieldError."""
        value = self.text(tag)
        if not _TIME.fullmatch(value):
            raise FieldError(tag, FORMAT, f"tag {tag} is not a UTC time stamp")
        try:
            moment = datetime.strptime(value[:17], "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
        except ValueError as error:
            raise FieldError(tag, FORMAT, f"tag {tag} is not a UTC time stamp") from error
        return moment.timestamp() + (float("0" + value[17:]) if len(value) > 17 else 0.0)


class FixFrames:
    """Cuts a stream into messages, one at a time; holds at most one message and what was read with it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._offset = 0

    def feed(self, data: bytes) -> None:
        """Take what was read."""
        if self._offset:
            del self._buffer[: self._offset]
            self._offset = 0
        self._buffer += data

    @property
    def partial(self) -> bool:
        """Is something left that is not taken yet?"""
        return len(self._buffer) > self._offset

    def take(self) -> Fields | Garbled | None:
        """The next whole message, or None. Raises FramingError."""
        head = bytes(self._buffer[self._offset : self._offset + len(_PREFIX) + _LENGTH_DIGITS + 1])
        if head[: len(_PREFIX)] != _PREFIX[: len(head)]:
            raise FramingError(f"a message must begin with 8={BEGIN} and 9=")
        digits, end, _ = head[len(_PREFIX) :].partition(b"\x01")
        if digits and not digits.isdigit():
            raise FramingError("the body length is not a number")
        if not end:
            if len(digits) > _LENGTH_DIGITS:
                raise FramingError("the body length has too many digits")
            return None
        size = len(_PREFIX) + len(digits) + 1 + int(digits or b"0") + _TRAILER_BYTES
        if not digits or size > self._limit:
            raise FramingError(f"a message of {size} bytes is announced; at most {self._limit} are allowed")
        if len(self._buffer) - self._offset < size:
            return None
        data = bytes(self._buffer[self._offset : self._offset + size])
        if data[-_TRAILER_BYTES : -_TRAILER_BYTES + 3] != b"10=" or data[-1] != 1 or data[-_TRAILER_BYTES - 1] != 1:
            raise FramingError("the checksum is not where the body length says")
        self._offset += size
        return read_message(data)


def read_message(data: bytes) -> Fields | Garbled:
    """The fields of one frame."""
    told = data[-4:-1]
    if not told.isdigit() or int(told) != sum(data[:-_TRAILER_BYTES]) % 256:
        return Garbled("the checksum is wrong")
    parser = simplefix.FixParser()
    parser.append_buffer(data)
    try:
        message = parser.get_message()
    except ParsingError as error:
        return Garbled(f"the fields cannot be read: {type(error).__name__}")
    if message is None or parser.get_buffer() or len(message.pairs) < 4 or message.pairs[2][0] != b"35":
        return Garbled("the message type is not the third field, or a data field is cut")
    return Fields(message.pairs)


def stamp(seconds: float) -> str:
    """A UTC time stamp with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%d-%H:%M:%S.%f")[:-3]


def message(kind: str, header: list[tuple[int, object]], body: Iterable[tuple[int, object]]) -> bytes:
    """The bytes of a message; fields whose value is None are left out."""
    made = simplefix.FixMessage()
    made.append_pair(8, BEGIN)
    made.append_pair(35, kind)
    for tag, value in (*header, *body):
        made.append_pair(tag, value)
    return made.encode()


def yuan(ticks: int) -> str:
    """A price in fen as yuan with two decimals."""
    return f"{ticks // 100}.{ticks % 100:02d}" if ticks >= 0 else f"-{-ticks // 100}.{-ticks % 100:02d}"
