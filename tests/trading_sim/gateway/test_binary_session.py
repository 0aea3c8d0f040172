"""The rules of a binary session, without sockets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.trading_sim.gateway.local_gateway import SECOND, LocalGateway, LocalShard, Wire, new, pump, receive
from trading_sim.gateway.binary import wire
from trading_sim.gateway.binary.session import BinarySession
from trading_sim.gateway.limits import Limits
from trading_sim.gateway.orders import Ask, Kind
from trading_sim.gateway.outlet import Violation


class Line:
    """A client and a session on one connection."""

    def __init__(self, gateway: LocalGateway) -> None:
        self.gateway, self.out = gateway, Wire()
        self.session = BinarySession(gateway, self.out, gateway.now)
        self.ended: str | None = None

    def send(self, data: bytes) -> list[tuple]:
        frames = wire.reader()
        frames.feed(data)
        while self.ended is None and (message := frames.take()) is not None:
            self.ended = receive(self.session, message, self.gateway.now)
        self.gateway.settle()
        pump(self.session)
        return self.heard()

    def heard(self) -> list[tuple]:
        frames, found = wire.reader(), []
        frames.feed(self.out.take())
        while (message := frames.take()) is not None:
            kind, body = message
            if kind == wire.Type.REPORT:
                seq, again, report, _ = wire.read_report(body)
                found.append((seq, again, report.client_id, report.exec_type or report.kind))
            elif kind == wire.Type.LOGON_OK:
                found.append(("ok", *wire.read_logon_ok(body)[1:]))
            elif kind == wire.Type.GAP:
                found.append(("gap", *wire.read_gap(body)))
            else:
                found.append((wire.Type(kind).name,))
        return found

    def order(self, seq: int, client_id: str, price: int = 999) -> list[tuple]:
        return self.send(wire.instruction(seq, new(client_id, price=price), "600001"))


def logon(name: str = "BIN-1", secret: str = "right", next_out: int = 1, heartbeat_s: int = 5) -> bytes:
    return wire.logon(wire.Logon(name, secret, heartbeat_s, next_out))


@pytest.fixture
def shard() -> LocalShard:
    return LocalShard()


@pytest.fixture
def gateway(tmp_path: Path, shard: LocalShard) -> LocalGateway:
    return LocalGateway(tmp_path, shard)


@pytest.fixture
def line(gateway: LocalGateway) -> Line:
    line = Line(gateway)
    assert line.send(logon()) == [("ok", 1, 1)]
    return line


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (logon(secret="wrong"), "do not fit together"),
        (logon("FIX-1"), "do not fit together"),
        (logon("nobody"), "do not fit together"),
        (logon(next_out=5), "report 5 is expected"),
        (logon(heartbeat_s=0), "heartbeat of 0 s"),
        (wire.frame(wire.Type.HEARTBEAT), "must be LOGON"),
        (wire.frame(wire.Type.LOGON, b"short"), "LOGON has 5 bytes"),
    ],
)
def test_a_logon_that_is_not_right_is_refused(gateway: LocalGateway, data: bytes, reason: str) -> None:
    line = Line(gateway)
    assert line.send(data) == [] and reason in line.ended


def test_numbers_are_taken_once_and_a_gap_ends_the_connection(line: Line) -> None:
    assert line.order(1, "a") == [(1, False, "a", "0")]
    assert line.order(1, "other") == []
    assert line.order(2, "a") == [(2, False, "a", "I")]
    line.order(5, "b")
    assert line.ended == "number 5 came where 3 was due"


def test_a_session_goes_on_where_it_was(gateway: LocalGateway, shard: LocalShard, line: Line) -> None:
    line.order(1, "a", 1000)
    line.session.gone()
    shard.order(8, 2, 1000, 100)
    gateway.settle()
    again = Line(gateway)
    assert again.send(logon(next_out=2)) == [("ok", 2, 3), (2, True, "a", "F")]
    assert again.order(2, "b") == [(3, False, "b", "0")]
    late = Line(gateway)
    assert late.send(logon(next_out=0)) == [("ok", 3, 4)]
    assert again.out.closed == "the session has logged on on another connection"


def test_what_is_kept_no_longer_is_said_to_be_missing(tmp_path: Path, shard: LocalShard) -> None:
    gateway = LocalGateway(tmp_path, shard, Limits(kept_messages=100))
    line = Line(gateway)
    line.send(logon())
    for seq in range(1, 181):
        line.order(seq, f"o{seq}")
    line.session.gone()
    heard = Line(gateway).send(logon())
    kind, first, last = heard[1]
    assert (kind, first) == ("gap", 1) and 16 <= last < 180
    assert [row[0] for row in heard[2:]] == list(range(last + 1, 181))


def test_a_client_that_takes_no_bytes_gets_everything_later_in_order(gateway: LocalGateway, line: Line) -> None:
    line.out.full = True
    for seq in range(1, 6):
        gateway.take(line.session.rights, new(f"o{seq}"), 0, True)
        gateway.settle()
    assert line.heard() == []
    line.out.full = False
    pump(line.session)
    assert [row[0] for row in line.heard()] == [1, 2, 3, 4, 5]


def test_who_sends_too_much_is_refused_and_then_ended(tmp_path: Path, shard: LocalShard) -> None:
    gateway = LocalGateway(tmp_path, shard, Limits(messages_per_s=10, burst=3, refused_in_a_row=5))
    line = Line(gateway)
    line.send(logon())
    kinds = [line.order(seq, f"o{seq}")[0][3] for seq in range(1, 6)]
    assert kinds == ["0", "0", "0", "8", "8"]
    gateway.now += SECOND // 10
    assert line.order(6, "o6")[0][3] == "0"
    for seq in range(7, 13):
        line.order(seq, f"o{seq}")
    assert "far more messages" in line.ended


def test_heartbeats(line: Line) -> None:
    line.session.tick(line.gateway.now + 5 * SECOND)
    assert line.heard() == [("GATEWAY_HEARTBEAT",)]
    with pytest.raises(Violation, match="too long"):
        line.session.tick(line.gateway.now + 13 * SECOND)


def test_queries_do_not_take_numbers(line: Line) -> None:
    line.order(1, "a")
    assert line.send(wire.query(1, wire.What.STATUS, 0, "a")) == [(2, False, "a", "I")]
    assert line.send(wire.query(2, wire.What.STATUS, 0, "b")) == [("ANSWER",)]
    assert line.send(wire.query(3, wire.What.BALANCES)) == [("NO_ANSWER",)]
    assert line.order(2, "b") == [(3, False, "b", "0")]


@pytest.mark.parametrize(
    "data",
    [
        wire.frame(wire.Type.NEW, b"x" * 10), wire.frame(wire.Type.QUERY, b"x" * 33), bytes((2, 0, 77, 0)),
        wire.instruction(1, Ask(Kind.CANCEL, "", "a")), wire.instruction(1, new("a"), "600001").replace(b"a\0", b"\x07\0"),
        logon(),
    ],
)  # fmt: skip
def test_malformed_frames_end_the_connection(line: Line, data: bytes) -> None:
    line.send(data)
    assert line.ended
