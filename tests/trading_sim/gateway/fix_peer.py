"""The other side of a FIX session, built on simplefix: counts its own numbers and reads what the gateway sends."""

from __future__ import annotations

import simplefix

from trading_sim.gateway.fix.codec import stamp

GATEWAY = "SEEOPS"


class FixPeer:
    """Writes messages with header and number; `text` gives a field of a received message as text."""

    def __init__(self, sender: str, seconds: float, target: str = GATEWAY) -> None:
        self.sender, self.target, self.seconds = sender, target, seconds
        self.next_out = 1
        self._parser = simplefix.FixParser()

    def write(
        self, kind: str, *fields: tuple[int, object], seq: int | None = None, possible_duplicate: bool = False
    ) -> bytes:
        """A message; with its own next number unless `seq` names another."""
        message = simplefix.FixMessage()
        message.append_pair(8, "FIX.4.4")
        message.append_pair(35, kind)
        number = self.next_out if seq is None else seq
        if seq is None:
            self.next_out += 1
        header = [(49, self.sender), (56, self.target), (34, number), (52, stamp(self.seconds))]
        if possible_duplicate:
            header += [(43, "Y"), (122, stamp(self.seconds))]
        for tag, value in (*header, *fields):
            message.append_pair(tag, value)
        return message.encode()

    def logon(self, password: str, heartbeat_s: int = 30, *fields: tuple[int, object], seq: int | None = None) -> bytes:
        return self.write("A", (98, 0), (108, heartbeat_s), (554, password), *fields, seq=seq)

    def order(
        self, client_id: str, side: int, price: str, qty: int, *fields: tuple[int, object], seq: int | None = None
    ) -> bytes:
        return self.write(
            "D", (11, client_id), (55, "600001"), (54, side), (38, qty), (40, 2), (44, price), (60, stamp(self.seconds)),
            *fields, seq=seq,
        )  # fmt: skip

    def cancel(self, client_id: str, original_id: str, side: int = 1) -> bytes:
        return self.write(
            "F", (11, client_id), (41, original_id), (55, "600001"), (54, side), (60, stamp(self.seconds))
        )

    def replace(self, client_id: str, original_id: str, price: str, qty: int, side: int = 1) -> bytes:
        return self.write(
            "G", (11, client_id), (41, original_id), (55, "600001"), (54, side), (38, qty), (40, 2), (44, price),
            (60, stamp(self.seconds)),
        )  # fmt: skip

    def read(self, data: bytes) -> list[simplefix.FixMessage]:
        """The messages that are whole now."""
        self._parser.append_buffer(data)
        found = []
        while (message := self._parser.get_message()) is not None:
            found.append(message)
        return found


def text(message: simplefix.FixMessage, tag: int) -> str:
    """A field as text, "" when it is missing."""
    value = message.get(tag)
    return "" if value is None else value.decode()


def brief(messages: list[simplefix.FixMessage], *tags: int) -> list[tuple[str, ...]]:
    """(type, fields …) of messages."""
    return [(text(message, 35), *(text(message, tag) for tag in tags)) for message in messages]
