"""Connections from this replica to its peers: one per peer, outgoing messages only, opened again whenever they break."""

import asyncio
import logging

from trading_sim.protocol.frames import Frames
from trading_sim.shard import wire
from trading_sim.shard.faults import FaultBoard
from trading_sim.shard.messages import Message, encode_message
from trading_sim.shard.metrics import ReplicaMetrics

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 1.0
RETRY_FIRST_S, RETRY_LAST_S = 0.05, 0.5
BUFFER_LIMIT = 16 << 20


class PeerLink(asyncio.Protocol):
    """Messages to one peer. What cannot be sent now is dropped: consensus says it again."""

    def __init__(
        self, *, shard: int, name: str, peer: str, address: str, board: FaultBoard, metrics: ReplicaMetrics
    ) -> None:
        self._hello = wire.hello(wire.Caller.PEER, shard, name)
        self._peer, self._board, self._metrics = peer, board, metrics
        host, _, port = address.rpartition(":")
        self._host, self._port = host, int(port)
        self._transport: asyncio.Transport | None = None
        self._lost = asyncio.Event()
        self._frames = Frames(wire.MAX_CLIENT_FRAME)

    @property
    def connected(self) -> bool:
        """Whether the peer's port is open to this replica now."""
        return self._transport is not None

    async def keep_connected(self) -> None:
        """Connect, and connect again, for ever."""
        loop, wait = asyncio.get_running_loop(), RETRY_FIRST_S
        while True:
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await loop.create_connection(lambda: self, self._host, self._port)
            except (OSError, TimeoutError):
                await asyncio.sleep(wait)
                wait = min(2 * wait, RETRY_LAST_S)
                continue
            wait = RETRY_FIRST_S
            await self._lost.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._lost.clear()
        self._frames = Frames(wire.MAX_CLIENT_FRAME)
        self._transport = transport  # type: ignore[assignment]
        self._transport.write(self._hello)
        log.info("connected to %s", self._peer)

    def connection_lost(self, exc: Exception | None) -> None:
        log.info("connection to %s lost: %s", self._peer, exc or "closed by the peer")
        self._transport = None
        self._lost.set()

    def data_received(self, data: bytes) -> None:
        for kind, body in self._frames.cut(data):
            if kind == wire.Frame.ERROR:
                log.error("%s refused the connection: %s", self._peer, body.decode(errors="replace"))

    def send(self, message: Message) -> None:
        """Send, late or not at all when a fault says so."""
        if self._transport is None or self._board.cut(self._peer, "out"):
            self._metrics.peer_messages_dropped += 1
            return
        data = wire.frame(wire.Frame.MESSAGE, encode_message(message))
        delay = self._board.net_delay_s
        if delay:
            asyncio.get_running_loop().call_later(delay, self._write, data)
        else:
            self._write(data)

    def _write(self, data: bytes) -> None:
        if self._transport is None or self._transport.get_write_buffer_size() > BUFFER_LIMIT:
            self._metrics.peer_messages_dropped += 1
            return
        self._transport.write(data)
