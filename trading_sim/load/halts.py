"""Which symbols of a shard a breaker has halted, and when each is due to reopen.

The shard says so itself: its feed carries the PHASE event of every halt, whoever's order caused it. A halt that happened before
anybody listened is found by asking the shard for its phases.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from trading_sim.matching.records import EventKind, Phase, Reason
from trading_sim.shard.feed import FeedGone, follow

DEFAULT_HALT_S = 20.0

log = logging.getLogger(__name__)


class Halts:
    """Halted symbols of one shard. `rows` are its symbol rows, `now` a monotonic clock in seconds."""

    def __init__(self, shard: int, rows: Sequence[Mapping[str, Any]], now: Callable[[], float]) -> None:
        self.shard = shard
        self.seen = 0
        self._now = now
        self._lengths = [float(row.get("halt_s") or DEFAULT_HALT_S) for row in rows]
        self._has_breaker = [bool(row.get("breaker_ppm")) for row in rows]
        self._continuous_only = [bool(row.get("continuous_only")) for row in rows]
        self._due: dict[int, float] = {}
        self._held: dict[int, float] = {}

    def note_events(self, events: np.ndarray) -> None:
        """Take over what EVENT records say about phases."""
        for event in events[events["kind"] == EventKind.PHASE]:
            symbol = int(event["symbol"])
            if symbol >= len(self._lengths):
                continue  # the end of a day: no symbol's own
            if event["reason"] == Reason.HALTED:
                self.seen += 1
                log.info("shard %d: symbol %d halts for %g s", self.shard, symbol, self._lengths[symbol])
                self._halt(symbol)
            else:
                self._due.pop(symbol, None)

    def common_phase(self, phases: Sequence[int]) -> int:
        """The phase of the shard, given the phase of every symbol; 0 when they differ by more than halts.

        A symbol with a breaker that stands in an auction while others trade is halted. Symbols without auctions keep their
        phase through those of the others.
        """
        auctions = [phase for symbol, phase in enumerate(phases) if not self._continuous_only[symbol]]
        trading = Phase.CONTINUOUS in auctions
        common, passing = set(), set()
        for symbol, phase in enumerate(phases):
            without_auctions = self._continuous_only[symbol]
            if phase == Phase.AUCTION and self._has_breaker[symbol] and (trading or without_auctions):
                self._halt(symbol)
            else:
                (passing if without_auctions else common).add(phase)
        if not common & {Phase.AUCTION, Phase.AUCTION_LOCKED}:
            common |= passing
        return int(common.pop()) if len(common) == 1 else 0

    def due(self) -> int | None:
        """A symbol that has been halted long enough, None when there is none."""
        now = self._now()
        return next((symbol for symbol, at in self._due.items() if at <= now), None)

    def reopened(self, symbol: int) -> None:
        """The symbol was told to trade again."""
        self._due.pop(symbol, None)

    def hold(self, symbols: list[int], seconds: float) -> None:
        """These symbols are not due before so many seconds have passed."""
        for symbol in symbols:
            self._held[symbol] = self._now() + seconds

    def clear(self) -> None:
        """A phase for every symbol ends all halts."""
        self._due.clear()

    def halted(self) -> list[int]:
        """Symbols that are halted now."""
        return sorted(self._due)

    def _halt(self, symbol: int) -> None:
        due = max(self._now() + self._lengths[symbol], self._held.get(symbol, 0.0))
        self._due[symbol] = max(self._due.get(symbol, due), self._held.get(symbol, 0.0))


async def listen(halts: Halts, addresses: Sequence[str], lost: Callable[[], None]) -> None:
    """Follow the shard for ever; `lost` is called when events were missed, so that its phases are asked for anew."""
    while True:
        try:
            async for fed in follow(addresses, halts.shard, name="session"):
                halts.note_events(fed.events)
        except FeedGone as error:
            log.warning("shard %d: halts may have been missed: %s", halts.shard, error)
            lost()
