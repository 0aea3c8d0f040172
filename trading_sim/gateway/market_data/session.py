"""One market-data connection: which channels it follows and how far it was told. No I/O but its outlet.

Memory is bounded by not remembering: a connection that takes no bytes is told nothing, and gets a snapshot as soon as it reads again.
"""

from __future__ import annotations

from collections.abc import Mapping

from trading_sim.gateway.limits import Allowance
from trading_sim.gateway.market_data import wire
from trading_sim.gateway.market_data.channel import Channel
from trading_sim.gateway.market_data.wire import Type
from trading_sim.gateway.outlet import Outlet, Violation

PROTOCOL = "market_data"
REQUESTS_PER_S, REQUEST_BURST = 2.0, 10.0


class Told:
    """Counters of all market-data connections."""

    def __init__(self) -> None:
        self.snapshots = self.gap_requests = self.conflated = 0


class MarketDataSession:
    """Is the `Subscriber` of its channels."""

    protocol = PROTOCOL

    def __init__(self, channels: Mapping[int, Channel], told: Told, out: Outlet, now_ns: int) -> None:
        self._channels, self._told, self._out = channels, told, out
        self.rights: tuple[int, ...] | None = None
        self.name = ""
        self._next: dict[int, int] = {}  # channel → next update; missing: a snapshot is owed
        self._allowance = Allowance(REQUESTS_PER_S, REQUEST_BURST, now_ns)

    def receive(self, message: tuple[int, bytes], now_ns: int) -> None:
        """One frame. Raises Violation."""
        kind, body = message
        if kind == Type.HEARTBEAT and self.rights is not None:
            return
        if not self._allowance.take(now_ns):
            raise Violation("more requests a second than market data allows")
        if self.rights is None:
            if kind != Type.SUBSCRIBE:
                raise Violation("the first frame must be SUBSCRIBE")
            try:
                self._subscribe(wire.read_subscribe(body))
            except wire.WireError as error:
                raise Violation(str(error)) from error
        elif kind == Type.SNAPSHOT_REQUEST and len(body) == 1 and body[0] in self.rights:
            self._told.gap_requests += 1
            self._next.pop(body[0], None)
            self.restart(body[0])
        else:
            raise Violation("this frame is not known here, or names a channel that is not followed")

    def _subscribe(self, channel: int) -> None:
        wanted = tuple(self._channels) if channel == wire.ALL_CHANNELS else (channel,)
        if any(one not in self._channels for one in wanted):
            raise Violation(f"channel {channel} does not exist")
        self.rights = wanted
        self.name = "market-data"
        for one in wanted:
            self._channels[one].join(self)

    # Subscriber

    def tell(self, channel: int, seq: int, data: bytes) -> None:
        """Send an update, or leave it out and owe a snapshot."""
        if channel not in self._next:
            return
        if self._out.full or seq > self._next[channel]:
            self._told.conflated += 1
            del self._next[channel]
            self._out.pump_soon()
            return
        self._next[channel] = seq + 1
        self._out.write(data)

    def restart(self, channel: int) -> None:
        """Send a snapshot if one is owed and can be sent."""
        if channel in self._next or self._out.full or not self._channels[channel].complete:
            return
        self._told.snapshots += 1
        self._next[channel] = self._channels[channel].seq + 1
        self._out.write(self._channels[channel].snapshot())

    # Machine

    def pump(self) -> bool:
        """The connection takes bytes again: what is owed can be sent."""
        for channel in self.rights or ():
            self.restart(channel)
        return False

    def tick(self, now_ns: int) -> None:
        """Nothing depends on the time but the edge's own limits."""

    def farewell(self, reason: str) -> bytes:
        """The last bytes of the connection."""
        return wire.end(reason)

    def cut(self, reason: str) -> None:
        """End the connection from outside."""
        self._out.close(reason)

    def gone(self) -> None:
        """The connection has ended."""
        for channel in self.rights or ():
            self._channels[channel].leave(self)
