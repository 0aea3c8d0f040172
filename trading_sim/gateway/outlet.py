"""What session machines see of the rest: a place to write, the order entry, and the end of a connection as an exception."""

from __future__ import annotations

from typing import Any, Protocol

from trading_sim.gateway.instruments import Instruments
from trading_sim.gateway.limits import Limits
from trading_sim.gateway.order_entry import OrderEntry, Rights
from trading_sim.gateway.orders import Ask
from trading_sim.gateway.sessions import Sessions


class Violation(Exception):
    """The connection must end; the text is the reason that the client is told. `polite`: the client asked for it."""

    def __init__(self, reason: str, polite: bool = False) -> None:
        super().__init__(reason)
        self.polite = polite


class Outlet(Protocol):
    """The writing end of one connection."""

    @property
    def full(self) -> bool:
        """True while the connection takes no more bytes."""

    def write(self, data: bytes) -> None:
        """Send after everything gathered in this turn is on file."""

    def pump_soon(self) -> None:
        """Call the session's `pump` when the connection takes bytes."""

    def close(self, reason: str) -> None:
        """End the connection with a reason."""


class Hall(Protocol):
    """What all sessions share."""

    instruments: Instruments
    limits: Limits
    sessions: Sessions
    entry: OrderEntry

    def now_ns(self) -> int:
        """Monotonic time."""

    def wall_ns(self) -> int:
        """Time since 1970 UTC."""

    def admit(self, protocol: str, session: str, secret: str) -> Rights | None:
        """Who logs on, or None."""

    def rejected(self, protocol: str, reason: int) -> None:
        """A message broke a rule of its protocol."""

    def take(self, rights: Rights, ask: Ask, received_ns: int, allowed: bool) -> None:
        """Take an instruction; its reports come to the session."""

    def ask(self, session: Any, rights: Rights, number: int, what: int, account: int, original_id: str) -> None:
        """Answer a query later by `session.answered` or `session.stated`."""
