"""A caller of the solo process: the bytes received and not yet carried out, and those not yet taken by it."""

import socket

import numpy as np

from trading_sim.shard import wire
from trading_sim.shard.express import address_of

IN_BYTES = wire.MAX_CLIENT_FRAME + (64 << 10)
UNSENT_BYTES = 16 << 20


class SoloConnection:
    """`buffer[begin:end]` waits to be carried out. Memory is bounded by IN_BYTES and UNSENT_BYTES."""

    def __init__(self, connection: socket.socket, peer: str) -> None:
        self.socket, self.peer = connection, peer
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._array = np.zeros(IN_BYTES, np.uint8)
        self.buffer, self.address = memoryview(self._array), address_of(self._array)
        self.begin = self.end = 0
        self.greeted = self.closing = False
        self._unsent = bytearray()

    def fileno(self) -> int:
        return self.socket.fileno()

    @property
    def waits_to_send(self) -> bool:
        return bool(self._unsent)

    def receive(self) -> bool:
        """Take what has come; False when there was nothing. Raises ConnectionError when the caller has gone."""
        if self.begin:
            waiting = self.end - self.begin
            self.buffer[:waiting] = self.buffer[self.begin : self.end]
            self.begin, self.end = 0, waiting
        try:
            count = self.socket.recv_into(self.buffer[self.end :])
        except BlockingIOError:
            return False
        if not count:
            raise ConnectionError("closed by the caller")
        self.end += count
        return True

    def send(self, data: bytes | memoryview) -> None:
        """Send now what the caller takes, the rest later. Raises ConnectionError for a caller that does not read."""
        if not self._unsent:
            try:
                sent = self.socket.send(data)
            except BlockingIOError:
                sent = 0
            if sent == len(data):
                return
            data = data[sent:]
        self._unsent += data
        if len(self._unsent) > UNSENT_BYTES:
            raise ConnectionError(f"more than {UNSENT_BYTES >> 20} MB of answers were not read")

    def send_rest(self) -> None:
        """Go on with what was not taken before. Raises ConnectionError."""
        try:
            sent = self.socket.send(self._unsent)
        except BlockingIOError:
            return
        del self._unsent[:sent]
