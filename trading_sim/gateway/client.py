"""A client of the binary session protocol for asyncio: logs on, trades, asks, and goes on after a lost connection.

client = BinaryClient("127.0.0.1:8615", "DEMO-BIN-1", secret)
await client.connect()
await client.new("o-1", "001000", side=1, price=1234, qty=100)
report = await client.report("o-1")
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable

from trading_sim.gateway.binary import wire
from trading_sim.gateway.orders import Ask, Kind
from trading_sim.gateway.reports import Report

KEPT_REPORTS = 10_000
LIMIT, DAY = 1, 1


class SessionEnded(Exception):
    """The connection is gone; the text is the gateway's reason when it gave one."""


class NotAnswered(Exception):
    """The gateway cannot answer a query now; says why."""


class BinaryClient:
    """One session. `reports` holds (number, report, instrument) in order, newest last, each number once; unanswered instructions are kept and
    sent again after a reconnection, with the numbers that the gateway expects."""

    def __init__(self, address: str, session: str, secret: str, heartbeat_s: int = 5, timeout_s: float = 5.0) -> None:
        self._address, self._session, self._secret = address, session, secret
        self._heartbeat_s, self._timeout_s = heartbeat_s, timeout_s
        self.reports: deque[tuple[int, Report, str]] = deque(maxlen=KEPT_REPORTS)
        self.gaps: list[tuple[int, int]] = []
        self.answer_cut = False  # of the newest answer: older rows are missing in it
        self.next_out, self.next_in = 1, 1
        self.ended: str | None = "not connected"
        self._unsent: dict[int, tuple[Ask, str]] = {}
        self._answers: dict[int, asyncio.Future] = {}
        self._rows: dict[int, list[tuple]] = {}
        self._queries = itertools.count(1)
        self._news = asyncio.Event()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task | None = None
        self._beats: asyncio.Task | None = None
        self._open: asyncio.Future | None = None
        self.on_report: Callable[[int, Report, str], None] | None = None

    async def connect(self, from_now: bool = False) -> None:
        """Log on and go on where the session was. `from_now`: reports filed earlier are not wanted. Raises SessionEnded, OSError, TimeoutError."""
        await self.close()
        host, _, port = self._address.rpartition(":")
        async with asyncio.timeout(self._timeout_s):
            self._reader, self._writer = await asyncio.open_connection(host, int(port))
        self.ended = None
        self._open = asyncio.get_running_loop().create_future()
        wanted = 0 if from_now else self.next_out
        self._writer.write(wire.logon(wire.Logon(self._session, self._secret, self._heartbeat_s, wanted)))
        self._task = asyncio.create_task(self._receive())
        async with asyncio.timeout(self._timeout_s):
            _, next_in, next_out = await self._open
        if from_now:
            self.next_out = next_out
        self._beats = asyncio.create_task(self._beat())
        again = [self._unsent[seq] for seq in sorted(self._unsent) if seq >= next_in]
        self._unsent.clear()
        self.next_in = next_in
        for ask, code in again:
            self.send(ask, code)

    async def close(self) -> None:
        """Drop the connection without a logout; the session stays."""
        for task in (self._beats, self._task):
            if task is not None:
                task.cancel()
        await asyncio.gather(*(task for task in (self._beats, self._task) if task is not None), return_exceptions=True)
        if self._writer is not None:
            self._writer.transport.abort()
        self._task = self._beats = self._writer = None

    async def logout(self) -> None:
        """End politely."""
        if self._writer is not None:
            self._writer.write(wire.frame(wire.Type.LOGOUT))
            await self.wait(lambda: self.ended is not None)
        await self.close()

    # Instructions

    def send(self, ask: Ask, instrument: str = "") -> None:
        """Send an instruction; it is kept until the gateway has taken it."""
        if self._writer is None or self.ended is not None:
            raise SessionEnded(self.ended or "not connected")
        self._unsent[self.next_in] = (ask, instrument)
        self._writer.write(wire.instruction(self.next_in, ask, instrument))
        self.next_in += 1

    def new(
        self, client_id: str, instrument: str, side: int, price: int, qty: int, *, order_type: int = LIMIT, tif: int = DAY,
        account: int = 0,
    ) -> None:  # fmt: skip
        """A new order."""
        self.send(Ask(Kind.NEW, client_id, "", account, 0, 0, side, order_type, tif, price, qty), instrument)

    def cancel(self, client_id: str, original_id: str) -> None:
        """Cancel an order."""
        self.send(Ask(Kind.CANCEL, client_id, original_id))

    def replace(self, client_id: str, original_id: str, price: int, qty: int) -> None:
        """Change an order; `qty` is the new total."""
        self.send(Ask(Kind.REPLACE, client_id, original_id, price=price, qty=qty))

    # What came back

    async def wait(self, condition: Callable[[], object], timeout_s: float | None = None) -> object:
        """Wait until a condition on what was received gives something true. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s or self._timeout_s):
            while not (found := condition()):
                self._news.clear()
                await self._news.wait()
        return found

    def reports_of(self, client_id: str) -> list[Report]:
        """All reports that name this client order id."""
        return [report for _, report, _ in self.reports if report.client_id == client_id]

    async def report(self, client_id: str, exec_type: str | None = None, timeout_s: float | None = None) -> Report:
        """The first report of a client order id, of a certain exec type if given. Raises TimeoutError."""

        def found() -> list[Report]:
            return [r for r in self.reports_of(client_id) if exec_type is None or r.exec_type == exec_type]

        return (await self.wait(found, timeout_s))[0]  # type: ignore[index]

    async def query(self, what: wire.What, account: int = 0, original_id: str = "") -> list[tuple]:
        """Rows of an answer, see `binary.wire`. Raises NotAnswered, SessionEnded, TimeoutError."""
        if self._writer is None or self.ended is not None:
            raise SessionEnded(self.ended or "not connected")
        number = next(self._queries)
        future = self._answers[number] = asyncio.get_running_loop().create_future()
        self._writer.write(wire.query(number, what, account, original_id))
        try:
            async with asyncio.timeout(self._timeout_s):
                return await future
        finally:
            self._answers.pop(number, None)
            self._rows.pop(number, None)

    # The connection

    async def _beat(self) -> None:
        while self._writer is not None:
            await asyncio.sleep(self._heartbeat_s)
            self._writer.write(wire.frame(wire.Type.HEARTBEAT))

    async def _receive(self) -> None:
        frames = wire.reader()
        reason = "the gateway closed the connection"
        try:
            while data := await self._reader.read(1 << 16):
                frames.feed(data)
                while (message := frames.take()) is not None:
                    told = self._take(*message)
                    reason = told or reason
        except (OSError, wire.WireError) as error:
            reason = str(error)
        self._end(reason)

    def _end(self, reason: str) -> None:
        self.ended = reason
        for future in (self._open, *self._answers.values()):
            if future is not None and not future.done():
                future.set_exception(SessionEnded(reason))
                future.exception()  # it may be that nobody waits any more
        self._news.set()

    def _take(self, kind: int, body: bytes) -> str | None:
        """One frame; returns the reason when it is a logout."""
        if kind == wire.Type.REPORT:
            self._take_report(body)
        elif kind == wire.Type.LOGON_OK:
            if self._open is not None and not self._open.done():
                self._open.set_result(wire.read_logon_ok(body))
        elif kind == wire.Type.GAP:
            first, last = wire.read_gap(body)
            self.gaps.append((first, last))
            self.next_out = max(self.next_out, last + 1)
        elif kind == wire.Type.ANSWER:
            number, _, flags, rows = wire.read_answer(body)
            self._rows.setdefault(number, []).extend(rows)
            if flags & 1:
                self.answer_cut = bool(flags & 2)
                self._resolve(number, self._rows.pop(number))
        elif kind == wire.Type.NO_ANSWER:
            number, _, text = wire.read_no_answer(body)
            self._resolve(number, NotAnswered(text))
        elif kind == wire.Type.GATEWAY_HEARTBEAT:
            next_in = int.from_bytes(body, "little")
            self._unsent = {seq: kept for seq, kept in self._unsent.items() if seq >= next_in}
        elif kind == wire.Type.GATEWAY_LOGOUT:
            return body.decode("ascii", "replace")
        self._news.set()
        return None

    def _take_report(self, body: bytes) -> None:
        seq, _, report, code = wire.read_report(body)
        if seq < self.next_out:
            return
        if seq > self.next_out:
            raise wire.WireError(f"report {seq} came where {self.next_out} was due")
        self.next_out = seq + 1
        self.reports.append((seq, report, code))
        if self.on_report is not None:
            self.on_report(seq, report, code)

    def _resolve(self, number: int, result: list[tuple] | Exception) -> None:
        future = self._answers.get(number)
        if future is None or future.done():
            return
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
