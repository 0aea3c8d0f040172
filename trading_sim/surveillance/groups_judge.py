"""Judges who trades with whom: two accounts to and fro (wash), groups that trade among themselves (coordinated).

The graph of a symbol: accounts, joined where two of them trade with one another for a good part of what both trade. A maker trades with everybody,
so each of its edges is a small part of its own trading and joins nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from trading_sim.surveillance.absorb import find_cells
from trading_sim.surveillance.findings import Finding
from trading_sim.surveillance.tables import Tables
from trading_sim.surveillance.thresholds import COORDINATED, WASH, Coordinated, Thresholds

#: Beyond so many it is the market itself, whose traders of course trade among themselves: only stronger edges count then.
MOST_MEMBERS = 12
STRONGER = 1.6
ROUNDS = 4


def judge_groups(shard: int, tables: Tables, at: np.ndarray, now_ns: int, limits: Thresholds) -> Iterator[Finding]:
    """Findings of the symbols in which the pairs at the places `at` traded, as things stand at `now_ns`."""
    touched = _graph(tables, tables.pairs[at], now_ns, limits)
    rule = limits.coordinated
    strong = (touched.trades >= rule.trades) & (touched.mutual >= rule.mutual)
    if not strong.any():
        return
    listed = tables.pairs[tables.pairs["key"] != 0]
    for symbol in np.unique(touched.symbols[strong]).tolist():
        graph = _graph(tables, listed[listed["symbol"] == symbol], now_ns, limits)
        yield from _judge_symbol(shard, graph, symbol, now_ns, limits)


def _graph(tables: Tables, pairs: np.ndarray, now_ns: int, limits: Thresholds) -> _Graph:
    """The pairs as they stand at `now_ns`."""
    half = limits.memory.half_trades_s * 1e9
    fade = 0.5 ** ((now_ns - pairs["t"]) / half)
    up, down = pairs["up_d"] * fade, pairs["down_d"] * fade
    low = (pairs["key"] >> np.uint64(32)).astype(np.int64)
    high = (pairs["key"] & np.uint64(0xFFFFFFFF)).astype(np.int64)
    whole_low, whole_high = (_traded(tables, side, pairs["symbol"], now_ns, half) for side in (low, high))
    mutual = np.divide(up + down, np.maximum(whole_low, whole_high), out=np.zeros(len(pairs)), where=whole_low > 0)
    return _Graph(
        low, high, pairs["symbol"], pairs["first"], pairs["trades_d"] * fade, up, down, np.minimum(mutual, 1.0), whole_low, whole_high
    )  # fmt: skip


def _judge_symbol(shard: int, graph: _Graph, symbol: int, now_ns: int, limits: Thresholds) -> Iterator[Finding]:
    grouped: set[int] = set()
    for finding in _groups(shard, graph, symbol, now_ns, limits):
        grouped.update(finding.accounts)
        yield finding
    up, down = graph.up, graph.down
    reciprocal = 2 * np.minimum(up, down) / np.maximum(up + down, 1e-9)
    score = np.where(graph.trades >= limits.wash.trades, graph.trades * graph.mutual * reciprocal, 0.0)
    for i in np.flatnonzero(score >= limits.wash.steps.watch).tolist():
        accounts = (int(graph.low[i]), int(graph.high[i]))
        if grouped.issuperset(accounts):
            continue
        figures = {"trades": round(float(graph.trades[i])), "share": round(100 * float(graph.mutual[i]))}
        step, first = limits.wash.steps.of(float(score[i])), int(graph.first[i])
        yield Finding(WASH, shard, symbol, accounts, step, float(score[i]), first, now_ns, figures)


def _groups(shard: int, graph: _Graph, symbol: int, now_ns: int, limits: Thresholds) -> Iterator[Finding]:
    rule = limits.coordinated
    for members, inner in _suspects(graph, rule):
        members = graph.peeled(members, inner, rule.member, rule.member_trades)
        # As many edges as members make a circle; without one it is a maker with its customers.
        if len(members) < 3 or graph.inner(members).sum() < len(members):
            continue
        count, share, balance = graph.inside(members)
        # A chain of chance needs one trade less than it has members: only what goes beyond that is evidence.
        score = max(0.0, count - (len(members) - 1)) * share * balance
        if share < rule.inside or balance < rule.balance or score < rule.steps.watch:
            continue
        figures = {"trades": round(count), "share": round(100 * share), "members": len(members)}
        first, step = int(graph.first[graph.inner(members)].min()), rule.steps.of(score)
        yield Finding(COORDINATED, shard, symbol, tuple(members), step, score, first, now_ns, figures)


def _suspects(graph: _Graph, rule: Coordinated) -> Iterator[tuple[list[int], np.ndarray]]:
    """(members, bool[n] pairs among them) of every component of 3 … MOST_MEMBERS that could reach the step watch.

    A larger one is taken apart by asking more of its edges, so that a ring within a busy market is still found.
    """
    within = np.ones(len(graph.low), bool)
    factor = 1.0
    for _ in range(ROUNDS):
        strong = within & (graph.trades >= rule.trades * factor) & (graph.mutual >= rule.mutual * factor)
        if strong.sum() < 2:
            return
        groups = _components(graph.low[strong].tolist(), graph.high[strong].tolist())
        label = {member: number for number, members in enumerate(groups) for member in members}
        lows = np.array([label.get(account, -1) for account in graph.low.tolist()])
        highs = np.array([label.get(account, -1) for account in graph.high.tolist()])
        place = np.where(lows == highs, lows, -1)
        trades = np.bincount(place[place >= 0], graph.trades[place >= 0], minlength=len(groups))
        large = [number for number, members in enumerate(groups) if len(members) > MOST_MEMBERS]
        for number, members in enumerate(groups):
            if 3 <= len(members) <= MOST_MEMBERS and trades[number] - 2 >= rule.steps.watch:
                yield members, place == number
        if not large:
            return
        within = np.isin(place, large)
        factor *= STRONGER


@dataclass
class _Graph:
    """Pairs of accounts (low < high), aligned arrays. up, down: what `low` bought from and sold to `high`; whole_*: all they traded."""

    low: np.ndarray
    high: np.ndarray
    symbols: np.ndarray
    first: np.ndarray
    trades: np.ndarray
    up: np.ndarray
    down: np.ndarray
    mutual: np.ndarray
    whole_low: np.ndarray
    whole_high: np.ndarray

    def inner(self, members: list[int]) -> np.ndarray:
        """bool[n]: pairs of two members."""
        return np.isin(self.low, members) & np.isin(self.high, members)

    def whole(self, members: list[int], inner: np.ndarray) -> dict[int, float]:
        """What each member traded in all; `inner`: pairs that name every member."""
        found = dict(zip(self.low[inner].tolist(), self.whole_low[inner].tolist(), strict=True))
        found |= dict(zip(self.high[inner].tolist(), self.whole_high[inner].tolist(), strict=True))
        return {member: found.get(member, 0.0) for member in members}

    def peeled(self, members: list[int], inner: np.ndarray, part: float, least: float) -> list[int]:
        """Without those who trade mostly with others, or hardly: who joined a group by a single trade does not belong to it."""
        between = (self.up[inner] + self.down[inner]).tolist()
        ends = zip(self.low[inner].tolist(), self.high[inner].tolist(), strict=True)
        edges = list(zip(ends, between, self.trades[inner].tolist(), strict=True))
        whole = self.whole(members, inner)
        kept = set(members)
        while len(kept) >= 3:
            own, count = dict.fromkeys(kept, 0.0), dict.fromkeys(kept, 0.0)
            for (one, other), quantity, trades in edges:
                if one in kept and other in kept:
                    own[one] += quantity
                    own[other] += quantity
                    count[one] += trades
                    count[other] += trades
            staying = {m for m in kept if own[m] >= part * whole[m] > 0 and count[m] >= least}
            if staying == kept:
                break
            kept = staying
        return sorted(kept)

    def inside(self, members: list[int]) -> tuple[float, float, float]:
        """(trades among them, part of all they trade, how far buying and selling among themselves cancel out: 0 … 1)."""
        inner = self.inner(members)
        up, down = self.up[inner], self.down[inner]
        between, whole = float((up + down).sum()), sum(self.whole(members, inner).values())
        net = dict.fromkeys(members, 0.0)
        for one, other, bought in zip(
            self.low[inner].tolist(), self.high[inner].tolist(), (up - down).tolist(), strict=True
        ):
            net[one] += bought
            net[other] -= bought
        if not between or not whole:
            return 0.0, 0.0, 0.0
        share = min(2 * between / whole, 1.0)
        return float(self.trades[inner].sum()), share, 1.0 - sum(map(abs, net.values())) / (2 * between)


def _traded(tables: Tables, accounts: np.ndarray, symbols: np.ndarray, now_ns: int, half: float) -> np.ndarray:
    """f8[n]: what each account traded in its symbol of late; 0 where nothing is known of it any more."""
    at = find_cells(tables.cells, accounts, symbols)
    cells = tables.cells[at]
    return np.where(at >= 0, cells["traded_d"] * 0.5 ** ((now_ns - cells["t"]) / half), 0.0)


def _components(low: list[int], high: list[int]) -> list[list[int]]:
    """Accounts joined by edges, each group sorted."""
    parent: dict[int, int] = {}

    def root(member: int) -> int:
        while parent.setdefault(member, member) != member:
            parent[member] = member = parent[parent[member]]
        return member

    for one, other in zip(low, high, strict=True):
        parent[root(one)] = root(other)
    groups: dict[int, list[int]] = {}
    for member in parent:
        groups.setdefault(root(member), []).append(member)
    return [sorted(members) for _, members in sorted(groups.items())]
