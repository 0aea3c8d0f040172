"""The replica's TCP port: peers bring messages, clients bring requests. Whoever breaks the protocol is cut off with a reason."""

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from trading_sim.protocol.frames import Frames
from trading_sim.shard import feed_wire, wire
from trading_sim.shard.feed_hub import FeedHub, Following
from trading_sim.shard.messages import Message, MessageError, decode_message
from trading_sim.shard.metrics import ReplicaMetrics
from trading_sim.shard.outcomes import Answered, Outcome
from trading_sim.shard.state import ReplicatedState

log = logging.getLogger(__name__)

GREETING_TIMEOUT_S = 5.0
MAX_CONNECTIONS = 512
WRITE_HIGH = 4 << 20


class Handler(Protocol):
    """What connections ask of the replica."""

    shard: int
    metrics: ReplicaMetrics
    feed: FeedHub

    def knows_peer(self, name: str) -> bool:
        """Is that a member of this shard?"""

    def gather(self) -> AbstractContextManager[None]:
        """What is asked within is carried out together at its end."""

    def receive(self, peer: str, message: Message) -> None:
        """A member has sent a message."""

    def submit(self, client_id: int, request: int, commands: bytes, reply: Callable[[Outcome], None]) -> None:
        """A client wants a batch executed."""

    def query(self, read: Callable[[ReplicatedState], bytes], reply: Callable[[Outcome], None]) -> None:
        """A client wants to read the state."""

    def status(self) -> dict:
        """How this replica stands."""


class Connection(asyncio.Protocol):
    """One caller."""

    def __init__(self, handler: Handler, open_connections: set["Connection"]) -> None:
        self._handler, self._open = handler, open_connections
        self._reader = Frames(wire.MAX_CLIENT_FRAME)
        self._transport: asyncio.Transport | None = None
        self._caller: wire.Caller | None = None
        self._name = ""
        self._timeout: asyncio.TimerHandle | None = None
        self._following: Following | None = None
        self.full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._transport.set_write_buffer_limits(high=WRITE_HIGH)
        self._open.add(self)
        if len(self._open) > MAX_CONNECTIONS:
            self.cut(f"More than {MAX_CONNECTIONS} connections are open.")
            return
        loop = asyncio.get_running_loop()
        self._timeout = loop.call_later(GREETING_TIMEOUT_S, self.cut, "No greeting came in time.")

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self)
        self._transport = None
        if self._timeout is not None:
            self._timeout.cancel()
        if self._following is not None:
            self._handler.feed.leave(self._following)

    def pause_writing(self) -> None:
        """A caller that does not read its answers is not read either."""
        self.full = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self.full = False
        if self._transport is not None:
            self._transport.resume_reading()
        if self._following is not None:
            self._handler.feed.pump(self._following)

    def write(self, data: bytes) -> None:
        """Send a whole frame, unless the connection is closing; uvloop sends all frames of one turn of the loop together."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        """Everything that came in one piece is carried out together, and answered in one piece."""
        try:
            with self._handler.gather():
                for kind, body in self._reader.cut(data):
                    if self._transport is None or self._transport.is_closing():
                        return
                    self._on_frame(kind, body)
        except (wire.WireError, MessageError) as error:
            self.cut(str(error))

    def close(self) -> None:
        """Close without a reason; the replica stops."""
        if self._transport is not None:
            self._transport.close()

    def cut(self, reason: str) -> None:
        """Close with a reason."""
        if self._transport is None or self._transport.is_closing():
            return
        self._handler.metrics.connections_cut += 1
        log.warning("cut off %s %s: %s", self._transport.get_extra_info("peername"), self._name, reason)
        self._transport.write(wire.frame(wire.Frame.ERROR, reason.encode()))
        self._transport.close()

    def _on_frame(self, kind: int, body: bytes) -> None:
        if self._caller is None:
            self._greet(kind, body)
        elif self._caller is wire.Caller.PEER:
            if kind != wire.Frame.MESSAGE:
                raise wire.WireError(f"A peer may not send frames of kind {kind}.")
            self._handler.receive(self._name, decode_message(body))
        elif self._following is not None:
            raise wire.WireError("A connection that follows the feed may send nothing more.")
        elif kind == wire.Frame.SUBMIT:
            tag, client_id, request, commands = wire.read_submit(body)
            self._handler.submit(client_id, request, commands, lambda result: self._answer(tag, result))
        elif kind in (wire.Frame.STATUS, wire.Frame.QUERY_ACCOUNT, wire.Frame.QUERY_SYMBOL):
            self._query(wire.Frame(kind), *wire.read_query(body))
        elif kind == wire.Frame.FEED:
            self._following = self._handler.feed.follow(self, *feed_wire.read_feed_request(body))
        else:
            raise wire.WireError(f"A client may not send frames of kind {kind}.")

    def _greet(self, kind: int, body: bytes) -> None:
        if kind != wire.Frame.HELLO:
            raise wire.WireError("The first frame must be a greeting.")
        caller, shard, name = wire.read_hello(body)
        if shard != self._handler.shard:
            raise wire.WireError(f"This is a replica of shard {self._handler.shard}, not of shard {shard}.")
        if caller is wire.Caller.PEER:
            if not self._handler.knows_peer(name):
                raise wire.WireError(f"{name!r} is not a member of shard {shard}.")
            self._reader.limit = wire.MAX_PEER_FRAME
        self._caller, self._name = caller, name
        if self._timeout is not None:
            self._timeout.cancel()

    def _query(self, kind: wire.Frame, tag: int, key: int) -> None:
        if kind is wire.Frame.STATUS:
            self._answer(tag, Answered(json.dumps(self._handler.status()).encode()))
            return

        def read(state: ReplicatedState) -> bytes:
            machine = state.machine
            found = machine.query_account(key) if kind is wire.Frame.QUERY_ACCOUNT else machine.query_symbol(key)
            return json.dumps({"index": state.index, **found}).encode()

        self._handler.query(read, lambda result: self._answer(tag, result))

    def _answer(self, tag: int, result: Outcome) -> None:
        self.write(wire.outcome(tag, result))
