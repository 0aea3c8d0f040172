"""Every protocol's bytes: what goes in comes out, in whatever pieces, and no bytes do more than end their own connection."""

from __future__ import annotations

import contextlib
import functools
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simplefix.data import RAW_DATA_TAGS, RAW_LEN_TAGS

from tests.trading_sim.gateway.local_gateway import INSTRUMENTS
from trading_sim.gateway.binary import wire
from trading_sim.gateway.fix import codec
from trading_sim.gateway.fix.codec import FieldError, Fields, FixFrames, Garbled
from trading_sim.gateway.market_data import changes
from trading_sim.gateway.market_data import wire as market
from trading_sim.gateway.orders import Ask, Kind
from trading_sim.gateway.reports import Report
from trading_sim.protocol.frames import Frames

IDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
U1, U2, U4 = st.integers(0, 255), st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1)
U8, I8 = st.integers(0, 2**64 - 1), st.integers(-(2**63), 2**63 - 1)
ASKS = st.one_of(
    st.builds(Ask, st.just(Kind.NEW), IDS, st.just(""), U4, st.just(0), st.just(0), U1, U1, U1, I8, U4),
    st.builds(Ask, st.just(Kind.CANCEL), IDS, IDS),
    st.builds(lambda i, o, p, q: Ask(Kind.REPLACE, i, o, price=p, qty=q), IDS, IDS, I8, U4),
)
REPORTS = st.builds(
    Report, st.sampled_from("XCR"), U8, IDS, st.sampled_from(["", "0", "F", "I"]), st.sampled_from(["", "0", "8"]), IDS,
    st.one_of(st.just(""), IDS), U8, st.just(0), st.sampled_from([0, 1, 2]), U4, U1, U1, U1, I8, U4, I8, U4, U4, U4, I8, U2, U1,
    st.sampled_from(["", "some words"]),
)  # fmt: skip


def cut(data: bytes, frames: object, seed: int) -> list:
    """What a framer makes of bytes that come in random pieces."""
    rng, found, at = random.Random(seed), [], 0
    while at < len(data):
        size = rng.randrange(1, 40)
        frames.feed(data[at : at + size])
        at += size
        while (message := frames.take()) is not None:
            found.append(message)
    assert not frames.partial
    return found


@given(st.lists(st.tuples(ASKS, U8), min_size=1, max_size=8), st.integers(0, 1000))
def test_instructions_come_out_as_they_went_in(asks: list[tuple[Ask, int]], seed: int) -> None:
    data = b"".join(wire.instruction(seq, ask, "600001") for ask, seq in asks)
    read = [wire.read_instruction(*message) for message in cut(data, wire.reader(), seed)]
    assert [(seq, ask) for seq, ask, _ in read] == [(seq, ask) for ask, seq in asks]


@given(U8, st.booleans(), REPORTS)
def test_reports_come_out_as_they_went_in(seq: int, again: bool, report: Report) -> None:
    ((kind, body),) = cut(wire.report(seq, again, report, INSTRUMENTS), wire.reader(), 1)
    assert kind == wire.Type.REPORT
    told_seq, told_again, told, code = wire.read_report(body)
    assert (told_seq, told_again, code) == (seq, again, INSTRUMENTS.code(0, report.symbol))
    names = [name for name in Report.__slots__ if name not in ("symbol", "shard")]
    assert [getattr(told, name) for name in names] == [getattr(report, name) for name in names]
    assert Report.from_json(report.to_json()) == report


@given(st.lists(st.tuples(U1, U4, I8, I8), max_size=600), st.booleans())
def test_answers_come_in_as_many_parts_as_they_need(rows: list[tuple], older_missing: bool) -> None:
    parts = [
        wire.read_answer(body)
        for _, body in cut(b"".join(wire.answer(9, wire.What.BALANCES, rows, older_missing)), wire.reader(), 2)
    ]
    assert [row for part in parts for row in part[3]] == rows
    assert [part[2] & 1 for part in parts] == [0] * (len(parts) - 1) + [1]
    assert {bool(part[2] & 2) for part in parts} == {older_missing}


def test_a_logon_comes_out_as_it_went_in() -> None:
    logon = wire.Logon("BIN-1", "secret word"[:6], 5, 77)
    ((kind, body),) = cut(wire.logon(logon), wire.reader(), 3)
    assert kind == wire.Type.LOGON and wire.read_logon(body) == logon


TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=40)


PLAIN_TAGS = st.integers(1000, 5000).filter(lambda tag: tag not in (*RAW_LEN_TAGS, *RAW_DATA_TAGS))


@given(st.lists(st.tuples(PLAIN_TAGS, TEXT), max_size=10), st.integers(0, 1000))
def test_fix_messages_come_out_as_they_went_in(body: list[tuple[int, str]], seed: int) -> None:
    pairs = dict(body)
    data = codec.message("D", [(49, "A"), (56, "B"), (34, 7)], pairs.items())
    (fields,) = cut(data, FixFrames(4096), seed)
    assert isinstance(fields, Fields) and fields.kind == "D"
    assert {tag: fields.text(tag) for tag in pairs} == pairs and fields.number(34) == 7


@given(st.integers(0, 10**12))
def test_prices_come_out_as_they_went_in(ticks: int) -> None:
    assert Fields([(b"44", codec.yuan(ticks).encode())]).price(44) == ticks


@pytest.mark.parametrize("text", ["", "1.001", "-1", "1e5", ".5", "NaN", "9" * 20])
def test_what_is_no_price_is_refused(text: str) -> None:
    with pytest.raises(FieldError):
        Fields([(b"44", text.encode())]).price(44)


def test_a_wrong_checksum_is_garbled_and_a_wrong_length_ends_the_framing() -> None:
    good = codec.message("0", [(49, "A"), (56, "B"), (34, 1)], [])
    frames = FixFrames(4096)
    frames.feed(good[:-4] + b"999\x01" + good)
    assert isinstance(frames.take(), Garbled) and isinstance(frames.take(), Fields)
    longer = FixFrames(4096)
    longer.feed(good.replace(b"9=24", b"9=23") if b"9=24" in good else good.replace(b"\x0135=", b"\x01935="))
    with pytest.raises(codec.FramingError):
        longer.take()


@settings(max_examples=300)
@given(st.binary(max_size=600), st.sampled_from(["binary", "fix", "market"]), st.booleans())
def test_no_bytes_raise_anything_but_the_protocols_own_error(data: bytes, protocol: str, dressed: bool) -> None:
    frames = {"binary": wire.reader(), "fix": FixFrames(512), "market": Frames(64)}[protocol]
    if dressed:  # a believable beginning, so that the fuzz gets further
        data = {
            "binary": wire.frame(wire.Type.NEW, data[:200]), "market": market.frame(market.Type.SUBSCRIBE, data[:60]),
            "fix": b"8=FIX.4.4\x019=%d\x01" % len(data) + data + b"10=000\x01",
        }[protocol]  # fmt: skip
    frames.feed(data)
    assert refusal(lambda: read_all(frames, protocol)) in (None, wire.WireError, codec.FramingError, market.WireError)


def read_all(frames: Any, protocol: str) -> None:
    while (message := frames.take()) is not None:
        if protocol == "binary":
            for read in (wire.read_logon, wire.read_query, wire.read_report, wire.read_answer):
                with contextlib.suppress(wire.WireError):
                    read(message[1])
            wire.read_instruction(*message)
        elif protocol == "market":
            market.read_subscribe(message[1])


def refusal(read: Callable[[], object]) -> type[Exception] | None:
    """The kind of error that reading ended with; None when it went well."""
    try:
        read()
    except Exception as error:  # noqa: BLE001 - the test is about which kinds there are
        return type(error)
    return None


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_no_bytes_break_the_readers_of_market_data(data: bytes) -> None:
    for read in (market.read_snapshot, market.read_update, market.read_heartbeat):
        assert refusal(functools.partial(read, data)) in (None, market.WireError)


LEVELS = st.lists(st.tuples(st.integers(1, 2000), st.integers(1, 10**6), st.integers(1, 50)), max_size=5)
QUOTES = st.builds(market.Quote, st.just("600001"), st.integers(1, 4), I8, U8, U8, U4, LEVELS, LEVELS)


@given(st.lists(QUOTES, min_size=1, max_size=6))
def test_increments_lead_to_the_same_state_as_the_snapshot(states: list[market.Quote]) -> None:
    first = market.Snapshot(0, 5, 1, 2, {3: states[0]})
    known = market.read_snapshot(market.snapshot(first)[5:])
    assert known == first
    for seq, (old, new) in enumerate(zip(states, states[1:], strict=False), 2):
        stats, levels = changes.rows_between(3, old, new)
        change = market.Update(0, 5, seq, 9, stats, levels, np.zeros(0, market.TRADE))
        changes.apply_update(known.quotes, market.read_update(market.update(change)[5:]))
        assert known.quotes[3] == new
