"""One binary session: a state machine of frames in, frames out, and time. No I/O; see `wire` for the bytes."""

from __future__ import annotations

from trading_sim.gateway.binary import wire
from trading_sim.gateway.credentials import BINARY
from trading_sim.gateway.limits import Allowance
from trading_sim.gateway.order_entry import Rights
from trading_sim.gateway.orders import Kind
from trading_sim.gateway.outlet import Hall, Outlet, Violation
from trading_sim.gateway.reports import Report
from trading_sim.gateway.store import Numbers

SILENT_AFTER = 2.5  # heartbeats
_KINDS = {wire.Type.NEW: Kind.NEW, wire.Type.CANCEL: Kind.CANCEL, wire.Type.REPLACE: Kind.REPLACE}


class BinarySession:
    """`out` takes bytes; whatever breaks the protocol is raised as Violation, which ends the connection."""

    protocol = BINARY

    def __init__(self, hall: Hall, out: Outlet, now_ns: int) -> None:
        self._hall, self._out = hall, out
        self.rights: Rights | None = None
        self.name = ""
        self._numbers = Numbers("")
        self._again_below = 0  # reports before this number were filed before the logon
        self._cursor = 0  # the next report to send
        self._heartbeat_ns = 0
        self._heard_ns = self._sent_ns = now_ns
        self._allowance = Allowance(hall.limits.messages_per_s, hall.limits.burst, now_ns)
        self._refused = 0

    # What the client sends

    def receive(self, message: tuple[int, bytes], now_ns: int) -> None:
        """One frame. Raises Violation."""
        kind, body = message
        self._heard_ns = now_ns
        try:
            if self.rights is None:
                self._logon(kind, body, now_ns)
            elif kind in _KINDS:
                self._instruct(kind, body, now_ns)
            elif kind == wire.Type.QUERY:
                self._query(body, now_ns)
            elif kind == wire.Type.LOGOUT:
                raise Violation("logout", polite=True)
            elif kind != wire.Type.HEARTBEAT:
                raise Violation(f"frames of type {kind} are not known")
        except wire.WireError as error:
            raise Violation(str(error)) from error

    def _logon(self, kind: int, body: bytes, now_ns: int) -> None:
        if kind != wire.Type.LOGON:
            raise Violation("the first frame must be LOGON")
        logon = wire.read_logon(body)
        rights = self._hall.admit(BINARY, logon.session, logon.secret)
        if rights is None:
            raise Violation("session and secret do not fit together")
        numbers = self._hall.sessions.numbers(logon.session)
        if logon.next_out > numbers.next_out:
            raise Violation(f"report {logon.next_out} is expected, but the gateway is at {numbers.next_out}")
        self._numbers = self._hall.sessions.attach(logon.session, self)
        self.rights, self.name = rights, logon.session
        self._heartbeat_ns = logon.heartbeat_s * 1_000_000_000
        self._again_below = numbers.next_out
        self._cursor = logon.next_out or numbers.next_out
        self._hall.sessions.received(numbers)
        self._send(wire.logon_ok(logon.heartbeat_s, numbers.next_in, numbers.next_out), now_ns)
        self._out.pump_soon()

    def _instruct(self, kind: int, body: bytes, now_ns: int) -> None:
        seq, ask, code = wire.read_instruction(kind, body)
        if not ask.client_id:
            raise Violation("client_id is empty")
        numbers = self._numbers
        if seq < numbers.next_in:
            return
        if seq > numbers.next_in:
            raise Violation(f"number {seq} came where {numbers.next_in} was due")
        numbers.next_in += 1
        allowed = self._may(now_ns)
        if ask.kind == Kind.NEW:
            ask.account = ask.account or self.rights.accounts[0]
            instrument = self._hall.instruments.by_code(code)
            ask.shard, ask.symbol = (instrument.shard, instrument.symbol) if instrument else (-1, -1)
        self._hall.take(self.rights, ask, now_ns, allowed)
        self._hall.sessions.received(numbers)

    def _query(self, body: bytes, now_ns: int) -> None:
        number, what, account, original_id = wire.read_query(body)
        if not self._may(now_ns):
            self._send(wire.no_answer(number, what, "more messages a second than this session may send"), now_ns)
            return
        self._hall.ask(self, self.rights, number, wire.What(what), account, original_id)

    def _may(self, now_ns: int) -> bool:
        """Is the session within its rate? One that goes on and on beyond it is ended."""
        if self._allowance.take(now_ns):
            self._refused = 0
            return True
        self._refused += 1
        if self._refused > self._hall.limits.refused_in_a_row:
            raise Violation("far more messages a second than this session may send")
        return False

    # What the gateway sends

    def deliver(self, seq: int, report: Report) -> None:
        """A report was filed: send it, unless earlier ones are still on their way."""
        if seq == self._cursor and not self._out.full:
            self._cursor += 1
            self._out.write(wire.report(seq, False, report, self._hall.instruments))
            self._sent_ns = self._hall.now_ns()
        else:
            self._out.pump_soon()

    def pump(self) -> bool:
        """Send filed reports as far as the connection takes them; true when more wait. The edge calls it again then."""
        last = self._numbers.next_out - 1
        if self.rights is None or self._cursor > last:
            return False
        for seq, report in self._hall.sessions.store.messages(self.name, self._cursor, last, self._hall.limits.slice):
            if seq > self._cursor:
                self._out.write(wire.gap(self._cursor, seq - 1))
            self._out.write(wire.report(seq, seq < self._again_below, report, self._hall.instruments))
            self._cursor = seq + 1
        if self._cursor < self._numbers.oldest:
            self._out.write(wire.gap(self._cursor, self._numbers.oldest - 1))
            self._cursor = self._numbers.oldest
        self._sent_ns = self._hall.now_ns()
        return self._cursor <= last

    def answered(self, number: int, what: wire.What, rows: list[tuple] | str, cut: bool = False) -> None:
        """A query has its answer, or a text why there is none; `cut`: older rows are missing."""
        if isinstance(rows, str):
            self._send(wire.no_answer(number, what, rows), self._hall.now_ns())
            return
        for part in wire.answer(number, what, rows, cut):
            self._send(part, self._hall.now_ns())

    def stated(self, number: int, report: Report | None) -> None:
        """The status of an order, as a report in sequence, or no rows."""
        if report is None:
            self._send(wire.answer(number, wire.What.STATUS, [])[0], self._hall.now_ns())
        else:
            self._hall.sessions.post(self.name, report)

    def _send(self, data: bytes, now_ns: int) -> None:
        self._out.write(data)
        self._sent_ns = now_ns

    # Time and end

    def tick(self, now_ns: int) -> None:
        """Heartbeats. Raises Violation when the client has been silent for too long."""
        if self.rights is None:
            return
        if now_ns - self._heard_ns > SILENT_AFTER * self._heartbeat_ns:
            raise Violation("nothing was heard for too long")
        if now_ns - self._sent_ns >= self._heartbeat_ns:
            self._send(wire.heartbeat(self._numbers.next_in), now_ns)

    def farewell(self, reason: str) -> bytes:
        """The last bytes of the connection."""
        return wire.logout(reason)

    def cut(self, reason: str) -> None:
        """End the connection from outside."""
        self._out.close(reason)

    def gone(self) -> None:
        """The connection has ended."""
        if self.rights is not None:
            self._hall.sessions.detach(self.name, self)
