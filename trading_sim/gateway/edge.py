"""The asyncio end of a connection, for every protocol: bounds on size, time and memory, and writing after filing.

A connection is cut off, with a reason and without harm to others, when its greeting does not come in time, when a message is not completed
in time, when a message is malformed or too long, and when it does not read what it is sent. A connection that sends much is
served in slices, so that the others are served in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

from trading_sim.gateway.limits import Limits
from trading_sim.gateway.outlet import Violation

log = logging.getLogger(__name__)

PAUSE_ABOVE, CLOSE_WAIT_S, TICK_S = 1 << 16, 1.0, 0.25


class Framer(Protocol):
    """Cuts bytes into messages."""

    def feed(self, data: bytes) -> None:
        """Take bytes."""

    def take(self) -> Any:
        """The next message or None. Raises ValueError."""

    @property
    def partial(self) -> bool:
        """Is a message begun and not complete?"""


class Machine(Protocol):
    """A session of one protocol."""

    name: str
    rights: Any

    def receive(self, message: Any, now_ns: int) -> None: ...

    def pump(self) -> bool: ...

    def tick(self, now_ns: int) -> None: ...

    def farewell(self, reason: str) -> bytes: ...

    def gone(self) -> None: ...


class Turn:
    """Gathers what one turn of the event loop changes: `commit` first, then all connections write."""

    def __init__(self, commit: Callable[[], None], failed: Callable[[BaseException], None]) -> None:
        self._commit, self._failed = commit, failed
        self._loop = asyncio.get_running_loop()
        self._writers: dict[Edge, None] = {}
        self._after: list[Callable[[], None]] = []
        self._scheduled = False
        self._broken = False

    def changed(self, writer: Edge | None = None) -> None:
        """Something waits to be filed or written."""
        if writer is not None:
            self._writers[writer] = None
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self.end)

    def afterwards(self, act: Callable[[], None]) -> None:
        """Run something once everything so far is on file."""
        self._after.append(act)
        self.changed()

    def end(self) -> None:
        """File, then write. A gateway that cannot file must not tell anybody anything: it stops."""
        self._scheduled = False
        if self._broken:
            return
        try:
            self._commit()
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing may be sent after it
            self._broken = True
            self._failed(error)
            return
        writers, self._writers = self._writers, {}
        after, self._after = self._after, []
        for writer in writers:
            writer.flush()
        for act in after:
            act()


class Port:
    """One listening port: its connections, limits and counters. `open_session(edge, now)` makes a session, `open_framer()` a framer."""

    def __init__(
        self, name: str, turn: Turn, limits: Limits, now_ns: Callable[[], int], open_framer: Callable[[], Framer],
        open_session: Callable[[Edge, int], Machine],
    ) -> None:  # fmt: skip
        self.name, self.turn, self.limits, self.now_ns = name, turn, limits, now_ns
        self.open_framer, self.open_session = open_framer, open_session
        self.edges: set[Edge] = set()
        self.messages = self.bytes_in = self.bytes_out = 0
        self.cut_offs: Counter[str] = Counter()
        self._server: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def listen(self, address: str) -> None:
        """Open the port."""
        host, _, port = address.rpartition(":")
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Edge(self), host, int(port), backlog=128)
        self._timer = loop.call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)
        now = self.now_ns()
        for edge in tuple(self.edges):
            edge.tick(now)

    async def close(self, reason: str) -> None:
        """Say goodbye to everybody and close the port."""
        if self._timer is not None:
            self._timer.cancel()
        if self._server is not None:
            self._server.close()
        for edge in tuple(self.edges):
            edge.close(reason, "stopping")
        self.turn.end()


class Edge(asyncio.Protocol):
    """One connection. Is the `Outlet` of its session."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._transport: asyncio.Transport | None = None
        self._outgoing: list[bytes] = []
        self._closing = self._working = self._pumping = self._paused = False
        self._opened_ns = self._partial_ns = self._unsent_ns = 0

    # asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        port = self._port
        self._transport = transport  # type: ignore[assignment]
        self._transport.set_write_buffer_limits(high=PAUSE_ABOVE)
        self._opened_ns = port.now_ns()
        self._framer = port.open_framer()
        self.session = port.open_session(self, self._opened_ns)
        port.edges.add(self)
        if len(port.edges) > port.limits.connections:
            self.close(f"more than {port.limits.connections} connections are open", "connections")

    def connection_lost(self, exc: Exception | None) -> None:
        self._port.edges.discard(self)
        self._transport = None
        self._closing = True
        self.session.gone()

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        self._port.bytes_in += len(data)
        self._framer.feed(data)
        if not self._working:
            self._work()

    def pause_writing(self) -> None:
        self._paused = True
        self._unsent_ns = self._port.now_ns()

    def resume_writing(self) -> None:
        self._paused = False
        self._unsent_ns = 0
        self.pump_soon()

    # Messages in

    def _work(self) -> None:
        """Serve some messages; when there are more, others come first."""
        self._working = False
        now = self._port.now_ns()
        try:
            for _ in range(self._port.limits.slice):
                message = None if self._closing else self._framer.take()
                if message is None:
                    self._rest(now)
                    return
                self._partial_ns = 0
                self._port.messages += 1
                self.session.receive(message, now)
        except Violation as violation:
            self.close(str(violation), "logout" if violation.polite else "violation")
            return
        except ValueError as error:
            self.close(str(error), "malformed")
            return
        self._working = True
        if self._transport is not None:
            self._transport.pause_reading()
        asyncio.get_running_loop().call_soon(self._work)

    def _rest(self, now: int) -> None:
        """Everything whole is served; a message that is only begun has some time to be completed."""
        if not self._framer.partial:
            self._partial_ns = 0
        elif not self._partial_ns:
            self._partial_ns = now
        if self._transport is not None and not self._closing:
            self._transport.resume_reading()

    # Outlet

    @property
    def full(self) -> bool:
        """True while the connection takes no more bytes."""
        return self._paused

    def write(self, data: bytes) -> None:
        """Send once this turn is on file."""
        if not self._closing:
            self._outgoing.append(data)
            self._port.turn.changed(self)

    def pump_soon(self) -> None:
        """Send filed reports in turns of their own, as the connection takes them."""
        if not self._pumping and not self._closing:
            self._pumping = True
            asyncio.get_running_loop().call_soon(self._pump)

    def _pump(self) -> None:
        self._pumping = False
        if self._paused or self._closing:
            return
        self._port.turn.end()  # what is read for it must be on file
        try:
            if self.session.pump():
                self.pump_soon()
        except Violation as violation:
            self.close(str(violation), "violation")

    def flush(self) -> None:
        """Write what was gathered; called after it is on file."""
        if self._transport is None or not self._outgoing:
            return
        data, self._outgoing = b"".join(self._outgoing), []
        self._port.bytes_out += len(data)
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > self._port.limits.unsent_bytes:
            self.close("too slow: more than the bytes allowed wait to be read", "slow")

    def close(self, reason: str, kind: str = "other") -> None:
        """Say why, then end; whoever does not read the reason is dropped a moment later."""
        if self._closing:
            return
        port = self._port
        if kind not in ("logout", "stopping"):
            port.cut_offs[kind] += 1
            peer = self._transport.get_extra_info("peername") if self._transport else None
            log.warning("%s: cut off %s %s: %s", port.name, peer, self.session.name or "(not logged on)", reason)
        self._outgoing.append(self.session.farewell(reason))
        self._closing = True
        self.session.gone()
        port.turn.changed(self)
        port.turn.afterwards(self._shut)

    def _shut(self) -> None:
        if self._transport is not None:
            self._transport.close()
            asyncio.get_running_loop().call_later(CLOSE_WAIT_S, self._abort)

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def tick(self, now_ns: int) -> None:
        """Look at the time."""
        limits = self._port.limits
        if self._closing:
            return
        if self.session.rights is None and now_ns - self._opened_ns > limits.logon_s * 1e9:
            self.close("no logon came in time", "no-logon")
        elif self._partial_ns and now_ns - self._partial_ns > limits.partial_s * 1e9:
            self.close("a message was not completed in time", "drip")
        elif self._unsent_ns and now_ns - self._unsent_ns > limits.unsent_s * 1e9:
            self.close("too slow: nothing is read any more", "slow")
        else:
            try:
                self.session.tick(now_ns)
            except Violation as violation:
                self.close(str(violation), "silent")
