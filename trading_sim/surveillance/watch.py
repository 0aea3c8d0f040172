"""Watches one shard: entries in, findings out.

Entries are gathered by ticks of their own time; when the first entry of a later tick comes, or somebody says that time has passed, the tick is
taken in and judged as of its end; who trades with whom is judged by longer periods. So the findings depend on the entries alone, not on how they arrived.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from trading_sim.protocol.records import EVENT, PARTY
from trading_sim.surveillance import absorb as kernel
from trading_sim.surveillance.accounts_judge import judge_accounts
from trading_sim.surveillance.findings import Finding
from trading_sim.surveillance.groups_judge import judge_groups
from trading_sim.surveillance.tables import (
    CELLS_TOUCHED,
    CLOSINGS,
    EVENTS,
    FORGOTTEN,
    PAIRS_TOUCHED,
    UNWATCHED,
    expect_sizes,
    new_tables,
)
from trading_sim.surveillance.thresholds import Thresholds

MOST_OPEN = 4096


@dataclass
class Told:
    """What was last said about a matter."""

    step: int
    score: float
    at_ns: int
    first_ns: int
    seen_ns: int


class ShardWatch:
    """`usual`: the usual order size of every symbol in shares or contracts, 0 where unknown."""

    def __init__(self, shard: int, usual: np.ndarray, thresholds: Thresholds | None = None) -> None:
        self.shard = shard
        self.limits = thresholds or Thresholds()
        self.tables = new_tables(len(usual), self.limits.memory)
        expect_sizes(self.tables, usual, self.limits.prior)
        self.recent = np.zeros(self.limits.memory.events, EVENT)
        self.recent_parties = np.zeros(self.limits.memory.events, PARTY)
        self.recent_times = np.zeros(self.limits.memory.events, "i8")
        self.tick = -1
        self.absorbed = 0  # the last entry that was taken into the tables
        self.told: OrderedDict[tuple, Told] = OrderedDict()
        self._parameters = kernel.parameters(self.limits)
        self._tick_ns = int(self.limits.tick_s * 1e9)
        self._groups_ns = int(self.limits.groups_s * 1e9)
        self._period: int | None = None  # of which pairs have traded that were not judged yet
        self._waiting: list[tuple[int, np.ndarray, np.ndarray]] = []
        self._index = 0

    @property
    def waiting(self) -> bool:
        """True while entries of a tick that is not over have not been judged."""
        return bool(self._waiting) or self._period is not None

    @property
    def events(self) -> int:
        """Events taken in so far."""
        return int(self.tables.counters[EVENTS])

    @property
    def unwatched(self) -> int:
        """Times that an account or a pair did not fit into the tables, plus open orders that were forgotten."""
        return int(self.tables.counters[UNWATCHED] + self.tables.counters[FORGOTTEN])

    def feed(self, now_ns: int, events: np.ndarray, parties: np.ndarray, index: int = 0) -> list[Finding]:
        """Take one entry: EVENT records with their PARTY records. Returns the findings of the ticks that ended."""
        found = self.pass_time(now_ns)
        self._index = index
        if not self._waiting and not len(events):
            self.absorbed = index
        if len(events):
            self.tick = max(self.tick, now_ns // self._tick_ns)
            self._waiting.append((now_ns, events, parties))
        return found

    def resumed_at(self, index: int, tick: int) -> int:
        """Go on after entry `index`, whose tick was judged; returns the index."""
        self._index, self.tick = index, tick
        return index

    def pass_time(self, now_ns: int) -> list[Finding]:
        """No entry before `now_ns` will come any more: judge the ticks that are over, and groups where their longer period is."""
        found: list[Finding] = []
        if self._waiting and now_ns // self._tick_ns > self.tick:
            found += self._judge((self.tick + 1) * self._tick_ns)
        if self._period is not None and now_ns // self._groups_ns > self._period:
            found += self._judge_groups((self._period + 1) * self._groups_ns)
        return found

    def _judge(self, now_ns: int) -> list[Finding]:
        tables, counters = self.tables, self.tables.counters
        closings = int(counters[CLOSINGS])
        self._absorb()
        cells = tables.touched_cells[: counters[CELLS_TOUCHED]].copy()
        tables.cells["touched"][cells] = 0
        counters[CELLS_TOUCHED] = 0
        if counters[PAIRS_TOUCHED] and self._period is None:
            self._period = (now_ns - 1) // self._groups_ns
        if counters[CLOSINGS] != closings:  # what went before the close is judged in its light
            cells = np.flatnonzero(tables.cells["key"])
        return self._news(judge_accounts(self.shard, tables, cells, now_ns, self.limits), now_ns)

    def _judge_groups(self, now_ns: int) -> list[Finding]:
        tables, counters = self.tables, self.tables.counters
        self._period = None
        pairs = tables.touched_pairs[: counters[PAIRS_TOUCHED]].copy()
        tables.pairs["touched"][pairs] = 0
        counters[PAIRS_TOUCHED] = 0
        return self._news(judge_groups(self.shard, tables, pairs, now_ns, self.limits), now_ns)

    def _absorb(self) -> None:
        events = np.concatenate([part[1] for part in self._waiting])
        parties = np.concatenate([part[2] for part in self._waiting]).astype(PARTY, copy=False)
        times = np.repeat(np.array([part[0] for part in self._waiting], "i8"), [len(part[1]) for part in self._waiting])
        self._waiting.clear()
        self.absorbed = self._index
        before = self.events
        kernel.absorb(self.tables, events, parties, times, self._parameters)
        size = len(self.recent)
        events, parties, times = events[-size:], parties[-size:], times[-size:]
        places = (np.arange(self.events - len(events), self.events)) % size
        self.recent[places], self.recent_parties[places], self.recent_times[places] = events, parties, times
        if self.events < before:
            raise AssertionError("the count of events stepped back")

    def _news(self, found: Iterable[Finding], now_ns: int) -> list[Finding]:
        """Findings that say more than what was told: new, a step further, or still going on after a while."""
        news = []
        while self.told:
            key, oldest = next(iter(self.told.items()))
            if now_ns - oldest.seen_ns <= self.limits.quiet_s * 1e9 and len(self.told) < MOST_OPEN:
                break
            del self.told[key]
        for finding in sorted(found, key=lambda one: one.key):
            told = self.told.get(finding.key)
            if told is None:
                self.told[finding.key] = Told(finding.step, finding.score, now_ns, finding.first_ns, now_ns)
                news.append(finding)
                continue
            told.seen_ns = now_ns
            self.told.move_to_end(finding.key)
            again = now_ns - told.at_ns >= self.limits.again_s * 1e9 and finding.score >= 0.95 * told.score
            if finding.step > told.step or again:
                told.step, told.score, told.at_ns = max(told.step, finding.step), finding.score, now_ns
                news.append(finding)
        return news
