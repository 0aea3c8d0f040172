"""Frames come out as they went in, however the stream arrives; what cannot be one is refused before it is waited for."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_sim.protocol import frames

MESSAGES = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=60)), max_size=6)
WIDTHS = st.sampled_from([frames.U16, frames.U32])


@given(MESSAGES, WIDTHS, st.integers(1, 90))
def test_frames_come_out_whole_however_they_arrive(messages, width: struct.Struct, piece: int) -> None:
    stream = b"".join(frames.frame(width, kind, body[:7], body[7:]) for kind, body in messages)
    reader, found = frames.Frames(61, width), []
    for start in range(0, len(stream), piece):
        found += reader.cut(stream[start : start + piece])
    assert found == messages
    assert not reader.partial


@given(MESSAGES.filter(bool), WIDTHS)
def test_frames_can_be_taken_one_at_a_time(messages, width: struct.Struct) -> None:
    reader = frames.Frames(61, width)
    for kind, body in messages:
        reader.feed(frames.frame(width, kind, body))
    assert [reader.take() for _ in messages] == messages
    assert reader.take() is None
    reader.feed(b"\x01")
    assert reader.partial and reader.take() is None


@pytest.mark.parametrize("length", [0, 62, 65535])
@pytest.mark.parametrize("width", [frames.U16, frames.U32])
def test_a_length_out_of_bounds_is_refused_at_once(width: struct.Struct, length: int) -> None:
    reader = frames.Frames(61, width)
    reader.feed(width.pack(length))
    with pytest.raises(frames.WireError, match=f"A frame of {length} bytes is announced; allowed are 1 to 61"):
        reader.take()


def test_the_limit_may_change_between_two_frames() -> None:
    reader = frames.Frames(2)
    found = reader.cut(frames.frame(frames.U32, 1, b"a") + frames.frame(frames.U32, 2, bytes(9)))
    assert next(found) == (1, b"a")
    reader.limit = 10
    assert next(found) == (2, bytes(9))
