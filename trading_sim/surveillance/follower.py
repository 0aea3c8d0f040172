"""Follows the feed of one shard and keeps what it finds. After a kill it goes on where it was; what it missed becomes a case."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

from trading_sim.shard.feed import Fed, FeedGone, follow
from trading_sim.surveillance import memory_file
from trading_sim.surveillance.book import CaseBook
from trading_sim.surveillance.evidence import evidence
from trading_sim.surveillance.findings import Finding
from trading_sim.surveillance.thresholds import ACTS, UNWATCHED
from trading_sim.surveillance.watch import ShardWatch

log = logging.getLogger(__name__)

POSITION_EVERY_S = 1.0
MEMORY_EVERY_S = 20.0
#: An entry of a tick can still come so long after the tick's end: then the tick is judged although nothing followed.
LATE_NS = 150 * 10**6
POKE_S = 0.1
#: Without a frame for so long, a shard is not watched, whatever the last lag was.
SILENT_S = 5.0


class Follower:
    """`make` gives an empty watch; `raised` is told of case ids that reached a further step."""

    def __init__(
        self,
        shard: int,
        addresses: Sequence[str],
        shards: Sequence[int],
        make: Callable[[], ShardWatch],
        book: CaseBook,
        folder: Path,
        raised: Callable[[list[int]], None],
    ) -> None:
        self.shard, self._addresses, self._shards = shard, list(addresses), list(shards)
        self._make, self._book, self._raised = make, book, raised
        self._path = folder / f"shard-{shard}.npz"
        self.watch = make()
        self.entries = self.missed = 0
        self.seen_at: float | None = None
        self.last_ns = 0
        self._lag_s: float | None = None
        self._position_at = self._memory_at = 0.0

    # -- running -------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Follow until cancelled."""
        wanted = self._resume()
        poke = asyncio.create_task(self._poke())
        try:
            while True:
                try:
                    await self._follow(wanted)
                except FeedGone as gone:
                    wanted = self._note_gap(gone)
        finally:
            poke.cancel()
            self._save(time.monotonic())

    def _resume(self) -> int:
        """The entry to go on with: after the memory's, after the last watched one, or the first of all."""
        position = self._book.position(self.shard)
        try:
            if memory_file.load(self.watch, self._path):
                return self.watch.absorbed + 1
        except memory_file.MemoryFileError as error:
            log.warning("shard %d: the memory begins anew: %s", self.shard, error)
            self.watch = self._make()
        return position[0] + 1 if position else 1

    async def _follow(self, wanted: int) -> None:
        stream = follow(self._addresses, self.shard, wanted, name="surveillance", heartbeats=True)
        async with aclosing(stream):
            async for fed in stream:
                self._take(fed)

    def _note_gap(self, gone: FeedGone) -> int:
        """Entries that no replica keeps any more: those beyond the last watched one were watched by nobody."""
        position = self._book.position(self.shard)
        watched = position[0] if position else 0
        self.watch = self._make()  # what stood before a hole is no ground to judge on
        now_ns = time.time_ns()
        if gone.oldest > watched + 1:
            self.missed += gone.oldest - watched - 1
            since = position[1] if position else now_ns
            figures = {"from_index": watched + 1, "to_index": gone.oldest - 1}
            finding = Finding(UNWATCHED, self.shard, 0, (), 2, float(self.missed), since, now_ns, figures)
            log.warning("%s", finding.sentence)
            rows: list[dict[str, Any]] = []
            gap = (finding, lambda: {"rows": rows, "left_out": 0})
            self._raised(self._book.take(self.shard, gone.oldest - 1, now_ns, [gap]))
        return gone.oldest

    def _take(self, fed: Fed) -> None:
        now = time.monotonic()
        self.seen_at = now
        self._lag_s = max(0.0, time.time() - fed.now_ns / 1e9) if len(fed.commands) else 0.0
        found = self.watch.feed(fed.now_ns, fed.events, fed.parties, fed.index)
        if len(fed.commands):
            self.entries += 1
        self.last_ns = max(self.last_ns, fed.now_ns)
        self._keep(found, now)

    async def _poke(self) -> None:
        """When nothing follows, time itself ends a tick."""
        while True:
            await asyncio.sleep(POKE_S)
            if self.watch.waiting:
                self._keep(self.watch.pass_time(time.time_ns() - LATE_NS), time.monotonic())

    def _keep(self, found: list[Finding], now: float) -> None:
        if found or now - self._position_at >= POSITION_EVERY_S:
            self._position_at = now
            pairs = [(finding, partial(evidence, self.watch, finding)) for finding in found]
            raised = self._book.take(self.shard, self.watch.absorbed, self.last_ns, pairs, self._act, self._shards)
            if raised:
                self._raised(raised)
        if now - self._memory_at >= MEMORY_EVERY_S:
            self._save(now)

    def _act(self, finding: Finding) -> int | None:
        """The status for the finding's accounts; None: nothing is done by itself."""
        return ACTS.get(finding.pattern) if self._book.acts and finding.step == 3 else None

    def _save(self, now: float) -> None:
        self._memory_at = now
        if not self.watch.absorbed:
            return
        try:
            memory_file.save(self.watch, self._path)
            self._book.take(self.shard, self.watch.absorbed, self.last_ns, [])
        except (OSError, sqlite3.Error) as error:  # the next save may succeed; until then a kill costs a longer replay
            log.error("shard %d: the memory could not be saved: %s", self.shard, error)

    # -- what others see -----------------------------------------------------------------------------------------------

    @property
    def lag_s(self) -> float | None:
        """Seconds between the shard's execution and ours; None: not known, because the shard is silent."""
        if self.seen_at is None or time.monotonic() - self.seen_at > SILENT_S:
            return None
        return self._lag_s

    def describe(self) -> dict[str, Any]:
        """{entry, entries, events, lag_s, missed_entries, unfit, watching}; lag_s null: unknown."""
        lag = self.lag_s
        return {
            "entry": self.watch.absorbed,
            "entries": self.entries,
            "events": self.watch.events,
            "lag_s": None if lag is None else round(lag, 3),
            "missed_entries": self.missed,
            "unfit": self.watch.unwatched,
            "watching": lag is not None,
        }
