"""A FIX client over a socket, for tests: keeps its numbers over connections, answers test requests, asks for gaps again."""

from __future__ import annotations

import asyncio
import time

import simplefix

from tests.trading_sim.gateway.fix_peer import FixPeer, text


class FixClient:
    """`application` holds (MsgSeqNum, message) of reports and rejects in order, each number once."""

    def __init__(self, address: str, sender: str, password: str, heartbeat_s: int = 5) -> None:
        self._address, self._password, self._heartbeat_s = address, password, heartbeat_s
        self.peer = FixPeer(sender, time.time())
        self.expected = 1
        self.application: list[tuple[int, simplefix.FixMessage]] = []
        self.duplicates = 0
        self.logged_on = False
        self.logout: str | None = None
        self._news = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task | None = None

    async def connect(self) -> None:
        await self.close()
        host, _, port = self._address.rpartition(":")
        reader, self._writer = await asyncio.open_connection(host, int(port))
        self.logged_on, self.logout = False, None
        self._task = asyncio.create_task(self._receive(reader))
        self.peer.seconds = time.time()
        reset = [(141, "Y")] if self.peer.next_out == 1 else []  # a new client of an old session begins anew
        self.send(self.peer.logon(self._password, self._heartbeat_s, *reset))
        await self.wait(lambda: self.logged_on or self.logout)

    async def close(self) -> None:
        """Drop the connection without a logout."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._writer is not None:
            self._writer.transport.abort()
        self._task = self._writer = None

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def wait(self, condition: object, timeout_s: float = 10.0) -> object:
        async with asyncio.timeout(timeout_s):
            while not (found := condition()):
                self._news.clear()
                await self._news.wait()
        return found

    async def report(self, client_id: str, exec_type: str) -> simplefix.FixMessage:
        """The first report of a client order id with an exec type."""
        found = await self.wait(
            lambda: [m for _, m in self.application if (text(m, 11), text(m, 150)) == (client_id, exec_type)]
        )
        return found[0]

    async def _receive(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(1 << 16):
            for message in self.peer.read(data):
                self._take(message)
            self._news.set()
        self.logout = self.logout or "closed"
        self._news.set()

    def _take(self, message: simplefix.FixMessage) -> None:
        kind, seq = text(message, 35), int(text(message, 34))
        self.peer.seconds = time.time()
        if kind == "A":
            self.logged_on = True
        if kind == "2":
            self._fill(int(text(message, 7)))
        if seq > self.expected:
            self.send(self.peer.write("2", (7, self.expected), (16, 0)))
            return
        if seq < self.expected:
            self.duplicates += 1
            assert text(message, 43) == "Y", f"number {seq} came again without PossDupFlag"
            return
        self.expected = int(text(message, 36)) if kind == "4" else seq + 1
        if kind in ("8", "9", "j"):
            self.application.append((seq, message))
        elif kind == "1":
            self.send(self.peer.write("0", (112, text(message, 112))))
        elif kind == "5":
            self.logout = text(message, 58) or "logout"

    def _fill(self, first: int) -> None:
        """This client keeps nothing: everything that is asked for again is gap-filled."""
        self.send(self.peer.write("4", (123, "Y"), (36, self.peer.next_out), seq=first, possible_duplicate=True))
