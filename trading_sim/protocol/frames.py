"""Length-prefixed frames on a stream: how many bytes follow (little-endian), one byte of kind, a body.

Shards, the binary order entry and market data share this shape. They differ in the width of the length and in the longest frame.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

U16, U32 = struct.Struct("<H"), struct.Struct("<I")


class WireError(ValueError):
    """Bytes that break a protocol; the text is the reason that whoever sent them is given."""


def frame(width: struct.Struct, kind: int, *parts: bytes) -> bytes:
    """A frame of `kind` around the parts; `width` is U16 or U32."""
    return b"".join((width.pack(1 + sum(map(len, parts))), bytes((kind,)), *parts))


class Frames:
    """Cuts a stream into frames. Holds what was read and is not taken yet; a frame longer than `limit` is never waited for.

    `limit` counts what follows the length, in bytes, and may change from one frame to the next.
    """

    def __init__(self, limit: int, width: struct.Struct = U32) -> None:
        self.limit = limit
        self._width = width
        self._buffer = bytearray()
        self._offset = 0

    def feed(self, data: bytes) -> None:
        """Add what was read."""
        if self._offset:
            del self._buffer[: self._offset]
            self._offset = 0
        self._buffer += data

    @property
    def partial(self) -> bool:
        """Is something left that is not taken yet?"""
        return len(self._buffer) > self._offset

    def take(self) -> tuple[int, bytes] | None:
        """The next whole frame as (kind, body), or None. Raises WireError."""
        start = self._offset + self._width.size
        if len(self._buffer) < start:
            return None
        (length,) = self._width.unpack_from(self._buffer, self._offset)
        if not 1 <= length <= self.limit:
            raise WireError(f"A frame of {length} bytes is announced; allowed are 1 to {self.limit}.")
        end = start + length
        if len(self._buffer) < end:
            return None
        with memoryview(self._buffer) as view:
            kind, body = view[start], bytes(view[start + 1 : end])
        self._offset = end
        return kind, body

    def cut(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Add what was read; (kind, body) of every frame that is now whole. Raises WireError at the first that cannot be one."""
        self.feed(data)
        while (found := self.take()) is not None:
            yield found
