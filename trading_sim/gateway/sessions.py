"""The sessions of all protocols: their numbers, their connections, and what each is owed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from trading_sim.gateway.reports import Report
from trading_sim.gateway.store import Numbers, Store


class Link(Protocol):
    """A connection on which a session is logged on."""

    def deliver(self, seq: int, report: Report) -> None:
        """A report has been numbered and filed: send it, now or in its turn."""

    def cut(self, reason: str) -> None:
        """End the connection and say why."""


class Sessions:
    """Numbers and links by session name. `changed` is called when something waits to be written and sent."""

    def __init__(self, store: Store, changed: Callable[[], None]) -> None:
        self.store, self._changed = store, changed
        self._numbers = {numbers.name: numbers for numbers in store.sessions()}
        self._links: dict[str, Link] = {}
        self.reports = 0

    def numbers(self, session: str) -> Numbers:
        """The session's numbers; a session that never was begins with 1."""
        return self._numbers.setdefault(session, Numbers(session))

    def attach(self, session: str, link: Link) -> Numbers:
        """A connection has proven to be this session; an older connection of it is cut off."""
        older = self._links.get(session)
        if older is not None and older is not link:
            older.cut("the session has logged on on another connection")
        self._links[session] = link
        return self.numbers(session)

    def detach(self, session: str, link: Link) -> None:
        """The connection is gone."""
        if self._links.get(session) is link:
            del self._links[session]

    def connected(self) -> dict[str, Link]:
        """Sessions that are logged on."""
        return dict(self._links)

    def known(self) -> list[Numbers]:
        """All sessions that have numbers."""
        return list(self._numbers.values())

    def post(self, session: str, report: Report) -> None:
        """Number and file a report, and hand it to the session's connection if there is one."""
        numbers = self.numbers(session)
        seq, numbers.next_out = numbers.next_out, numbers.next_out + 1
        self.store.add_message(numbers, seq, report)
        self.reports += 1
        link = self._links.get(session)
        if link is not None:
            link.deliver(seq, report)
        self._changed()

    def received(self, numbers: Numbers) -> None:
        """The session's next expected number has risen."""
        self.store.put_session(numbers)
        self._changed()

    def sent(self, numbers: Numbers) -> int:
        """Take the next number for a message that is not kept (a protocol's own)."""
        seq, numbers.next_out = numbers.next_out, numbers.next_out + 1
        self.store.put_session(numbers)
        self._changed()
        return seq

    def begin_anew(self, numbers: Numbers) -> None:
        """Both directions start again with 1; what was filed is dropped."""
        numbers.next_in = numbers.next_out = numbers.oldest = 1
        self.store.drop_messages(numbers)
        self._changed()
