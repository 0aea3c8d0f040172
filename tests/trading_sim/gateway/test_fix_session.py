"""The rules of a FIX 4.4 session, one by one, without sockets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.trading_sim.gateway.fix_peer import FixPeer, brief, text
from tests.trading_sim.gateway.local_gateway import SECOND, LocalGateway, LocalShard, Wire, new, pump, receive
from trading_sim.gateway.fix.codec import FixFrames
from trading_sim.gateway.fix.session import FixSession
from trading_sim.gateway.order_entry import Rights
from trading_sim.gateway.outlet import Violation


class Line:
    """A client and a session on one connection."""

    def __init__(self, gateway: LocalGateway, peer: FixPeer) -> None:
        self.gateway, self.peer, self.out = gateway, peer, Wire()
        self.session = FixSession(gateway, self.out, gateway.now)
        self.ended: str | None = None

    def send(self, data: bytes) -> list:
        """What the gateway says to it, and to everything that waits."""
        frames = FixFrames(4096)
        frames.feed(data)
        while self.ended is None and (message := frames.take()) is not None:
            self.ended = receive(self.session, message, self.gateway.now)
        self.gateway.settle()
        pump(self.session)
        return self.heard()

    def heard(self) -> list:
        return self.peer.read(self.out.take())


@pytest.fixture
def gateway(tmp_path: Path) -> LocalGateway:
    return LocalGateway(tmp_path, LocalShard())


@pytest.fixture
def peer(gateway: LocalGateway) -> FixPeer:
    return FixPeer("FIX-1", gateway.now / 1e9)


@pytest.fixture
def line(gateway: LocalGateway, peer: FixPeer) -> Line:
    line = Line(gateway, peer)
    assert brief(line.send(peer.logon("right")), 34, 108) == [("A", "1", "30")]
    return line


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (lambda peer: peer.logon("wrong"), "do not fit together"),
        (lambda peer: peer.write("0"), "must be Logon"),
        (lambda peer: peer.write("A", (98, 0), (108, 30)), "tag 554 is missing"),
        (lambda peer: peer.write("A", (98, 2), (108, 30), (554, "right")), "EncryptMethod must be 0"),
        (lambda peer: peer.logon("right", 900), "HeartBtInt"),
        (lambda peer: FixPeer("FIX-1", peer.seconds, "OTHER").logon("right"), "TargetCompID"),
        (lambda peer: FixPeer("BIN-1", peer.seconds).logon("right"), "do not fit together"),
        (lambda peer: FixPeer("FIX-1", peer.seconds - 600).logon("right"), "SendingTime"),
        (lambda peer: peer.logon("right", 30, (141, "Y"), seq=4), "must have number 1"),
    ],
)
def test_a_logon_that_is_not_right_is_refused(gateway: LocalGateway, peer: FixPeer, data: object, reason: str) -> None:
    line = Line(gateway, peer)
    assert line.send(data(peer)) == [] and reason in line.ended
    (farewell,) = peer.read(line.session.farewell(line.ended))
    assert text(farewell, 35) == "5" and gateway.sessions.numbers("FIX-1").next_out == 1


def test_orders_get_reports(line: Line, peer: FixPeer) -> None:
    line.gateway.shard.order(8, 2, 1000, 100)
    accepted, filled = line.send(peer.order("a", 1, "10.00", 300))
    assert brief([accepted, filled], 150, 39, 14, 151, 31, 6) == [
        ("8", "0", "0", "0", "300", "", "0.0000"), ("8", "F", "1", "100", "200", "10.00", "10.0000"),
    ]  # fmt: skip
    (replaced,) = line.send(peer.replace("b", "a", "9.99", 200))
    assert brief([replaced], 150, 11, 41, 38, 151, 44) == [("8", "5", "b", "a", "200", "100", "9.99")]
    assert brief(line.send(peer.write("H", (11, "b"), (55, "600001"), (54, 1))), 150, 39) == [("8", "I", "1")]
    assert brief(line.send(peer.write("H", (11, "nobody"), (55, "600001"), (54, 1))), 150, 39) == [("8", "I", "8")]
    (cancelled,) = line.send(peer.cancel("c", "b"))
    assert brief([cancelled], 150, 39, 11, 41, 37) == [("8", "4", "4", "c", "b", text(accepted, 37))]
    (late,) = line.send(peer.cancel("d", "b"))
    assert brief([late], 39, 434, 102) == [("9", "4", "1", "1")]
    (again,) = line.send(peer.order("a", 1, "10.00", 300))
    assert brief([again], 150, 39) == [("8", "I", "4")]
    (other,) = line.send(peer.order("a", 2, "10.00", 300))
    assert brief([other], 372, 379, 380) == [("j", "D", "a", "0")]
    (unknown,) = line.send(
        peer.write("D", (11, "e"), (55, "NONE"), (54, 1), (38, 1), (40, 1), (60, "20260101-00:00:00"))
    )
    assert brief([unknown], 39, 103) == [("8", "8", "1")]


def test_heartbeats_and_test_requests_keep_the_session_alive(line: Line, peer: FixPeer) -> None:
    assert brief(line.send(peer.write("1", (112, "hello"))), 112) == [("0", "hello")]
    for later, kinds in ((30, ["0"]), (10, ["1"]), (1, [])):
        line.gateway.now += later * SECOND
        line.session.tick(line.gateway.now)
        assert [kind for kind, *_ in brief(line.heard())] == kinds
    with pytest.raises(Violation, match="too long"):
        line.session.tick(line.gateway.now + 36 * SECOND)


def test_a_gap_is_asked_for_once_and_filled(line: Line, peer: FixPeer) -> None:
    asked = line.send(peer.order("c", 1, "9.99", 100, seq=4))
    assert brief(asked, 7, 16) == [("2", "2", "0")]
    assert line.send(peer.order("d", 1, "9.99", 100, seq=3)) == []  # covered by the request already
    assert line.send(peer.write("4", (123, "Y"), (36, 4), seq=2, possible_duplicate=True)) == []
    assert brief(line.send(peer.order("c", 1, "9.99", 100, (97, "N"), seq=4)), 11) == [("8", "c")]
    peer.next_out = 5
    assert brief(line.send(peer.write("1", (112, "x"))), 112) == [("0", "x")]


def test_a_low_number_is_passed_over_when_it_says_so_and_ends_the_session_when_not(line: Line, peer: FixPeer) -> None:
    line.send(peer.order("a", 1, "9.99", 100))
    assert line.send(peer.write("1", (112, "old"), seq=2, possible_duplicate=True)) == []
    line.send(peer.write("0", seq=2))
    assert line.ended == "MsgSeqNum too low, expecting 3 but received 2"


def test_a_sequence_reset_only_rises(line: Line, peer: FixPeer) -> None:
    assert line.send(peer.write("4", (36, 10), seq=77)) == []
    peer.next_out = 10
    assert brief(line.send(peer.write("4", (36, 5), seq=10)), 371, 373) == [("3", "36", "5")]
    assert brief(line.send(peer.write("1", (112, "x"))), 112) == [("0", "x")]


def test_reports_are_sent_again_and_everything_else_is_gap_filled(line: Line, peer: FixPeer) -> None:
    for name in "abc":
        line.send(peer.write("1", (112, "noise")))
        line.send(peer.order(name, 1, "9.99", 100))
    again = line.send(peer.write("2", (7, 1), (16, 0)))
    told = brief(again, 34, 43, 36, 11)
    assert told == [
        ("4", "1", "Y", "3", ""), ("8", "3", "Y", "", "a"), ("4", "4", "Y", "5", ""), ("8", "5", "Y", "", "b"),
        ("4", "6", "Y", "7", ""), ("8", "7", "Y", "", "c"),
    ]  # fmt: skip
    assert all(text(message, 122) for message in again)
    assert brief(line.send(peer.write("2", (7, 5), (16, 5))), 34) == [("8", "5")]
    assert brief(line.send(peer.write("2", (7, 99), (16, 0))), 371) == [("3", "7")]


def test_what_is_filed_while_the_client_is_away_waits_in_its_place(
    gateway: LocalGateway, line: Line, peer: FixPeer
) -> None:
    line.send(peer.order("a", 1, "10.00", 100))
    line.session.gone()
    gateway.shard.order(8, 2, 1000, 100)
    gateway.settle()
    second = Line(gateway, peer)
    logon, *rest = second.send(peer.logon("right"))
    assert text(logon, 34) == "4" and rest == []  # 3 is missing: the client asks for it
    assert brief(second.send(peer.write("2", (7, 3), (16, 0))), 34, 150, 43) == [
        ("8", "3", "F", "Y"),
        ("4", "4", "", "Y"),
    ]


def test_a_reset_begins_anew_and_keeps_the_orders(gateway: LocalGateway, line: Line, peer: FixPeer) -> None:
    line.send(peer.order("a", 1, "9.99", 100))
    peer.next_out = 1
    second = Line(gateway, peer)
    assert brief(second.send(peer.logon("right", 30, (141, "Y"))), 34, 141) == [("A", "1", "Y")]
    assert line.out.closed == "the session has logged on on another connection"
    assert brief(second.send(peer.cancel("b", "a")), 34, 150) == [("8", "2", "4")]


@pytest.mark.parametrize(
    ("fields", "tag", "reason"),
    [
        ([(11, "x"), (54, 1), (38, 100), (40, 2), (44, "10"), (60, "20260101-00:00:00")], "55", "1"),
        ([(11, "x"), (55, "600001"), (54, 9), (38, 100), (40, 2), (44, "10"), (60, "20260101-00:00:00")], "54", "5"),
        ([(11, "x"), (55, "600001"), (54, 1), (38, "1.5"), (40, 2), (44, "10"), (60, "20260101-00:00:00")], "38", "6"),
        ([(11, "x"), (55, "600001"), (54, 1), (38, 100), (40, 2), (60, "20260101-00:00:00")], "44", "1"),
        ([(11, "x"), (55, "600001"), (54, 1), (38, 100), (40, 2), (44, "10"), (60, "yesterday")], "60", "6"),
        (
            [(11, "x" * 33), (55, "600001"), (54, 1), (38, 100), (40, 2), (44, "10"), (60, "20260101-00:00:00")],
            "11",
            "6",
        ),
    ],
)
def test_a_bad_field_is_rejected_and_the_session_goes_on(
    line: Line, peer: FixPeer, fields: list, tag: str, reason: str
) -> None:
    assert brief(line.send(peer.write("D", *fields)), 371, 373, 45, 372) == [("3", tag, reason, "2", "D")]
    assert brief(line.send(peer.order("good", 1, "9.99", 100)), 150) == [("8", "0")]


def test_messages_that_are_not_served_or_do_not_exist(line: Line, peer: FixPeer) -> None:
    assert brief(line.send(peer.write("V", (262, "x"))), 372, 380) == [("j", "V", "3")]
    assert brief(line.send(peer.write("ZZZ")), 371, 373) == [("3", "35", "11")]
    line.send(FixPeer("FIX-2", peer.seconds).write("0", seq=peer.next_out))
    assert "CompID" in line.ended


def test_garbled_messages_are_passed_over_and_too_many_end_the_session(line: Line, peer: FixPeer) -> None:
    good = peer.order("a", 1, "9.99", 100)
    bad = good[:-4] + (b"000" if good[-4:-1] != b"000" else b"001") + b"\x01"
    assert line.send(bad * 20) == [] and line.ended is None
    assert brief(line.send(good), 150) == [("8", "0")]
    line.send(bad)
    assert line.ended == "the checksum is wrong"


def test_a_logout_is_answered(line: Line, peer: FixPeer) -> None:
    line.send(peer.write("5"))
    assert line.ended == "logout"
    (farewell,) = peer.read(line.session.farewell(line.ended))
    assert brief([farewell], 34) == [("5", "2")]


def test_live_reports_wait_while_old_ones_are_sent_again(gateway: LocalGateway, line: Line, peer: FixPeer) -> None:
    for number in range(200):
        line.send(peer.order(f"o{number}", 1, "9.99", 100))
    frames = FixFrames(4096)
    frames.feed(peer.write("2", (7, 1), (16, 0)))
    line.session.receive(frames.take(), gateway.now)
    line.session.pump()
    gateway.entry.take(Rights("FIX-1", (3,)), new("live", account=3, price=999))
    gateway.settle()
    pump(line.session)
    numbers = [int(text(message, 34)) for message in line.heard()]
    assert numbers == list(range(1, 203))
