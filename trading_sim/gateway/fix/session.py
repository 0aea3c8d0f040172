"""One FIX 4.4 session: a state machine of messages in, messages out, and time. No I/O.

Numbers, in short. A message with the expected number is taken. A higher one is not: what is missing is asked for with one resend request, and the
client sends it all again. A lower one ends the session, unless it says that it may be a duplicate: then it is passed over. Of the gateway's
own messages, reports are kept and sent again with PossDupFlag, all others are gap-filled. What is filed while the client is away gets its number
at once, so the client finds the gap at its next logon and asks for it.
"""

from __future__ import annotations

from collections import deque

from trading_sim.gateway.credentials import FIX
from trading_sim.gateway.fix import codec
from trading_sim.gateway.fix.codec import FieldError, Fields, Garbled
from trading_sim.gateway.fix.orders import LONGEST_ID, read_order, unknown_status, write_report
from trading_sim.gateway.limits import Allowance
from trading_sim.gateway.order_entry import Rights
from trading_sim.gateway.outlet import Hall, Outlet, Violation
from trading_sim.gateway.reports import Report
from trading_sim.gateway.store import Numbers

GATEWAY = "SEEOPS"
MAX_HEARTBEAT_S = 120
CLOCK_SLACK_S = 120.0
MAX_GARBLED = 20
MAX_OWED = 256
ASK_AFTER, SILENT_AFTER = 1.2, 2.5  # heartbeats
#: Application messages of FIX 4.4: known to the protocol, and answered with a business reject when not served here.
_APPLICATION = frozenset(
    [
        "6",
        "7",
        "8",
        "9",
        "B",
        "C",
        "D",
        "E",
        "F",
        "G",
        "H",
        "J",
        "K",
        "L",
        "M",
        "N",
        "P",
        "Q",
        "R",
        "S",
        "T",
        "V",
        "W",
        "X",
        "Y",
        "Z",
        "a",
        "b",
        "c",
        "d",
        "e",
        "f",
        "g",
        "h",
        "i",
        "j",
        "k",
        "l",
        "m",
        "n",
        "o",
        "p",
        "q",
        "r",
        "s",
        "t",
        "u",
        "v",
        "w",
        "x",
        "y",
        "z",
        "AA",
        "AB",
        "AC",
        "AD",
        "AE",
        "AF",
        "AG",
        "AH",
        "AI",
        "AJ",
        "AK",
        "AL",
        "AM",
        "AN",
        "AO",
        "AP",
        "AQ",
        "AR",
        "AS",
        "AT",
        "AU",
        "AV",
        "AW",
        "AX",
        "AY",
        "AZ",
        "BA",
        "BB",
        "BC",
        "BD",
        "BE",
        "BF",
        "BG",
        "BH",
    ]
)


class FixSession:
    """`out` takes bytes; whatever ends the session is raised as Violation."""

    protocol = FIX

    def __init__(self, hall: Hall, out: Outlet, now_ns: int) -> None:
        self._hall, self._out = hall, out
        self.rights: Rights | None = None
        self.name = ""
        self._numbers = Numbers("")
        self._peer = "UNKNOWN"
        self._fresh = 1  # the next number that was never sent on this connection
        self._replay: tuple[int, int] | None = None  # numbers that are being sent again
        self._owed: deque[tuple[str, list[tuple[int, object]]]] = deque()
        self._asked_below = 0  # a resend request covers everything below this number
        self._garbled = self._refused = 0
        self._heartbeat_ns = 0
        self._heard_ns = self._sent_ns = now_ns
        self._tested = False
        self._allowance = Allowance(hall.limits.messages_per_s, hall.limits.burst, now_ns)

    # What the client sends

    def receive(self, message: Fields | Garbled, now_ns: int) -> None:
        """One message. Raises Violation."""
        if isinstance(message, Garbled):
            self._garbled += 1
            if self.rights is None or self._garbled > MAX_GARBLED:
                raise Violation(message.text)
            return
        self._heard_ns, self._tested = now_ns, False
        try:
            message.number(34)
            if self.rights is None:
                self._logon(message, now_ns)
            elif self._belongs(message):
                self._in_sequence(message, now_ns)
        except FieldError as error:
            if self.rights is None or error.tag == 34:
                raise Violation(str(error)) from error
            self._reject(message, error)

    def _logon(self, message: Fields, now_ns: int) -> None:
        if message.kind != "A":
            raise Violation("the first message must be Logon")
        self._peer = message.text(49)
        if message.text(56) != GATEWAY:
            raise Violation(f"TargetCompID must be {GATEWAY}")
        number, heartbeat_s = message.number(34), message.number(108)
        if message.number(98) != 0 or not 1 <= heartbeat_s <= MAX_HEARTBEAT_S:
            raise Violation(f"EncryptMethod must be 0 and HeartBtInt 1 … {MAX_HEARTBEAT_S}")
        self._check_clock(message)
        rights = self._hall.admit(FIX, self._peer, message.text(554))
        if rights is None:
            raise Violation("SenderCompID and Password do not fit together")
        numbers, reset = self._hall.sessions.numbers(self._peer), message.flag(141)
        if reset and number != 1:
            raise Violation("a logon that resets the numbers must have number 1")
        if not reset and number < numbers.next_in and not message.flag(43):
            raise Violation(f"MsgSeqNum too low, expecting {numbers.next_in} but received {number}")
        self._hall.sessions.attach(self._peer, self)
        if reset:
            self._hall.sessions.begin_anew(numbers)
        self.rights, self.name, self._numbers = rights, self._peer, numbers
        self._fresh = numbers.next_out
        self._heartbeat_ns = heartbeat_s * 1_000_000_000
        if number == numbers.next_in:
            numbers.next_in += 1
        self._hall.sessions.received(numbers)
        self._admin("A", [(98, 0), (108, heartbeat_s), (141, "Y" if reset else None)])
        if number > numbers.next_in:
            self._ask_again(number)

    def _belongs(self, message: Fields) -> bool:
        """Right names and a believable time; a message without is rejected, and the session ends."""
        if message.text(49) != self._peer or message.text(56) != GATEWAY:
            self._reject(message, FieldError(49, codec.COMP_ID, "CompID problem"))
            raise Violation("SenderCompID or TargetCompID is not that of this session")
        self._check_clock(message)
        return True

    def _check_clock(self, message: Fields) -> None:
        if abs(message.time(52) - self._hall.wall_ns() / 1e9) > CLOCK_SLACK_S:
            if self.rights is not None:
                self._reject(message, FieldError(52, codec.ACCURACY, "SendingTime accuracy problem"))
            raise Violation(f"SendingTime is more than {CLOCK_SLACK_S:g} s off")

    def _in_sequence(self, message: Fields, now_ns: int) -> None:
        """The rules of MsgSeqNum."""
        numbers, number = self._numbers, message.number(34)
        if message.kind == "4" and not message.flag(123):
            self._reset(message)
            return
        if number > numbers.next_in:
            if message.kind == "5":
                raise Violation("logout", polite=True)
            if message.kind == "2":  # answered even so, or two sides that miss something would wait for each other
                self._begin_replay(message)
            if number >= self._asked_below:
                self._ask_again(number)
            return
        if number < numbers.next_in:
            if not message.flag(43):
                raise Violation(f"MsgSeqNum too low, expecting {numbers.next_in} but received {number}")
            if message.kind != "4" and message.time(122) > message.time(52):
                self._reject(message, FieldError(122, codec.ACCURACY, "OrigSendingTime is after SendingTime"))
            return
        numbers.next_in += 1
        self._hall.sessions.received(numbers)
        self._take(message, now_ns)

    def _take(self, message: Fields, now_ns: int) -> None:
        kind = message.kind
        if kind in ("D", "F", "G"):
            allowed = self._may(now_ns)
            ask = read_order(message, self._hall.instruments, self.rights.accounts[0])
            self._hall.take(self.rights, ask, now_ns, allowed)
        elif kind == "H":
            client_id = message.text(11, longest=LONGEST_ID)
            self._may(now_ns)
            report = self._hall.entry.status(self.rights, client_id)
            self._hall.sessions.post(self.name, report or unknown_status(client_id, self._hall.wall_ns()))
        elif kind == "1":
            self._admin("0", [(112, message.text(112))])
        elif kind == "2":
            self._begin_replay(message)
        elif kind == "4":
            self._fill_gap(message)
        elif kind == "5":
            raise Violation("logout", polite=True)
        elif kind == "A":
            raise Violation("a second Logon came on this connection")
        elif kind in _APPLICATION:
            self._admin("j", [(45, message.number(34)), (372, kind), (380, 3), (58, "this message is not served here")])
        elif kind not in ("0", "3"):
            raise FieldError(35, codec.BAD_TYPE, f"{kind!r} is no message type of FIX 4.4")

    def _may(self, now_ns: int) -> bool:
        """Is the session within its rate? One that goes on and on beyond it is ended."""
        if self._allowance.take(now_ns):
            self._refused = 0
            return True
        self._refused += 1
        if self._refused > self._hall.limits.refused_in_a_row:
            raise Violation("far more messages a second than this session may send")
        return False

    def _reset(self, message: Fields) -> None:
        """SequenceReset, mode reset: the number of this very message does not matter; numbers may only rise."""
        wanted = message.number(36)
        if wanted < self._numbers.next_in:
            raise FieldError(36, codec.INCORRECT, f"NewSeqNo {wanted} is below the expected {self._numbers.next_in}")
        self._numbers.next_in = wanted
        self._hall.sessions.received(self._numbers)

    def _fill_gap(self, message: Fields) -> None:
        """SequenceReset, mode gap fill."""
        wanted = message.number(36)
        if wanted < self._numbers.next_in:  # it counts itself already
            raise FieldError(36, codec.INCORRECT, f"NewSeqNo {wanted} fills no gap")
        self._numbers.next_in = wanted
        self._hall.sessions.received(self._numbers)

    def _ask_again(self, seen: int) -> None:
        self._asked_below = seen + 1
        self._admin("2", [(7, self._numbers.next_in), (16, 0)])

    def _reject(self, message: Fields, error: FieldError) -> None:
        """A message that breaks a rule of the session; its number is taken."""
        self._hall.rejected("fix", error.reason)
        self._admin(
            "3", [(45, message.number(34)), (371, error.tag), (372, message.kind or None), (373, error.reason), (58, str(error))]
        )  # fmt: skip

    # What the gateway sends

    @property
    def _level(self) -> bool:
        """Has everything that was filed been sent?"""
        return self._replay is None and self._fresh == self._numbers.next_out

    def deliver(self, seq: int, report: Report) -> None:
        """A report was filed: send it, unless something is still to be sent before it."""
        if self._replay is None and seq == self._fresh and not self._owed and not self._out.full:
            self._fresh += 1
            self._send(*write_report(report, self._hall.instruments), seq)
        else:
            self._out.pump_soon()

    def _admin(self, kind: str, body: list[tuple[int, object]]) -> None:
        """A message that is not kept; it waits when reports with lower numbers do."""
        if not self._level or self._owed:
            self._owed.append((kind, body))
            if len(self._owed) > MAX_OWED:
                raise Violation("too many messages wait to be sent")
            self._out.pump_soon()
            return
        seq = self._hall.sessions.sent(self._numbers)
        self._fresh = seq + 1
        self._send(kind, body, seq)

    def _send(self, kind: str, body: list, seq: int, first_sent_s: float | None = None) -> None:
        """`first_sent_s`: the message was sent before, at that time."""
        header = [(49, GATEWAY), (56, self._peer), (34, seq)]
        if first_sent_s is not None:
            header.append((43, "Y"))
        header.append((52, codec.stamp(self._hall.wall_ns() / 1e9)))
        if first_sent_s is not None:
            header.append((122, codec.stamp(first_sent_s)))
        self._out.write(codec.message(kind, header, body))
        self._sent_ns = self._hall.now_ns()

    def _begin_replay(self, message: Fields) -> None:
        first, last = message.number(7), message.number(16)
        newest = self._fresh - 1
        if not 1 <= first <= newest:
            raise FieldError(7, codec.INCORRECT, f"BeginSeqNo {first} was not sent yet: the newest is {newest}")
        last = newest if last == 0 else min(last, newest)
        if last < first:
            raise FieldError(16, codec.INCORRECT, f"EndSeqNo {last} is below BeginSeqNo {first}")
        self._replay = (first, last)
        self._out.pump_soon()

    def pump(self) -> bool:
        """Send what waits, as far as the connection takes it; true when more does. The edge calls it again then."""
        if self.rights is None:
            return False
        if self._replay is not None:
            self._replay_some(*self._replay)
            return True
        waiting = self._numbers.next_out
        if self._fresh < waiting:
            rows = self._hall.sessions.store.messages(self.name, self._fresh, waiting - 1, self._hall.limits.slice)
            for seq, report in rows:
                self._send(*write_report(report, self._hall.instruments), seq)
                self._fresh = seq + 1
            if not rows:  # dropped while they waited: the client asks for the gap and gets it filled
                self._fresh = waiting
            return True
        owed, self._owed = self._owed, deque()
        for kind, body in owed:
            self._admin(kind, body)
        return False

    def _replay_some(self, first: int, last: int) -> None:
        """Some kept reports again; numbers between them that are not kept are gap-filled."""
        rows = self._hall.sessions.store.messages(self.name, first, last, self._hall.limits.slice)
        for seq, report in rows:
            if seq > first:
                self._gap_fill(first, seq)
            self._send(*write_report(report, self._hall.instruments), seq, report.time_ns / 1e9)
            first = seq + 1
        if len(rows) < self._hall.limits.slice:
            if first <= last:
                self._gap_fill(first, last + 1)
            self._replay = None
        else:
            self._replay = (first, last)

    def _gap_fill(self, first: int, following: int) -> None:
        self._send("4", [(123, "Y"), (36, following)], first, self._hall.wall_ns() / 1e9)

    # Time and end

    def tick(self, now_ns: int) -> None:
        """Heartbeats and test requests. Raises Violation when the client has been silent for too long."""
        if self.rights is None:
            return
        silent = now_ns - self._heard_ns
        if silent > SILENT_AFTER * self._heartbeat_ns:
            raise Violation("nothing was heard for too long")
        if silent > ASK_AFTER * self._heartbeat_ns and not self._tested:
            self._tested = True
            self._admin("1", [(112, f"TEST-{self._numbers.next_out}")])
        if now_ns - self._sent_ns >= self._heartbeat_ns and self._level:
            self._admin("0", [])

    def farewell(self, reason: str) -> bytes:
        """The Logout that ends the connection; before the logon it takes no number."""
        seq = self._hall.sessions.sent(self._numbers) if self.rights is not None else 1
        header = [(49, GATEWAY), (56, self._peer), (34, seq), (52, codec.stamp(self._hall.wall_ns() / 1e9))]
        return codec.message("5", header, [(58, reason.encode("ascii", "replace"))])

    def cut(self, reason: str) -> None:
        """End the connection from outside."""
        self._out.close(reason)

    def gone(self) -> None:
        """The connection has ended."""
        if self.rights is not None:
            self._hall.sessions.detach(self.name, self)
