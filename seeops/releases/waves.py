"""Which touched nodes of a part go back together: as many as their centres can spare, the last batch first. Pure.

A wave is one run, so a release that has touched several batches is back in the time of its slowest nodes and not in that of its
batches one after the other. What does not serve anyway takes nothing from its centre and goes first. A wave never holds two
replicas of one shard, unless they are away already.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

# The start of a run takes about as long as the turn of one node.
START_TURNS = 1


@dataclass(frozen=True)
class Touched:
    """A node to bring back. `away`: it is known not to serve; `shard` for a replica."""

    name: str
    batch: int
    position: int
    centre: str
    away: bool = False
    shard: int | None = None


@dataclass(frozen=True)
class Wave:
    """Names in the order in which they are begun, and how many may be out of service at the same time."""

    names: tuple[str, ...]
    at_once: int


def next_wave(touched: Sequence[Touched], room: Mapping[str, int], most_at_once: int | None = None) -> Wave:
    """The next run over `touched` nodes of one service. `room` says how many each centre can spare now, and is taken for one where
    it is less: a roll-back is slow in a centre without a node to spare, never stuck. `most_at_once` for all centres together."""
    ordered = sorted(touched, key=lambda node: (not node.away, -node.batch, node.position))
    if any(node.shard is not None for node in ordered):
        return Wave(_names(_one_of_each_shard(ordered)), 1)  # shards move their lead one after the other
    most = max(1, len(ordered) if most_at_once is None else most_at_once)
    steady = _steady(ordered, room, most)
    waves = _waves(ordered, room, most)
    return waves[0] if sum(map(_turns, waves)) < _turns(steady) else steady


def _steady(ordered: Sequence[Touched], room: Mapping[str, int], most: int) -> Wave:
    """All in one run, as many at a time as the tightest of the centres can spare."""
    serving = Counter(node.centre for node in ordered if not node.away)
    tight = [_spare(room, centre) for centre, count in serving.items() if count > _spare(room, centre)]
    return Wave(_names(ordered), min([len(ordered), most, *tight]))


def _waves(ordered: Sequence[Touched], room: Mapping[str, int], most: int) -> list[Wave]:
    """One run after the other, each of as many as all its centres can spare together."""
    waves, left = [], list(ordered)
    while left:
        together = _together(left, room)
        waves.append(Wave(_names(together), min(len(together), most)))
        gone = {node.name for node in together}
        left = [node for node in left if node.name not in gone]
    return waves


def _together(ordered: Iterable[Touched], room: Mapping[str, int]) -> list[Touched]:
    """Those that may all be out at the same time."""
    taken: Counter[str] = Counter()
    chosen = []
    for node in ordered:
        if not node.away:
            if taken[node.centre] >= _spare(room, node.centre):
                continue
            taken[node.centre] += 1
        chosen.append(node)
    return chosen


def _one_of_each_shard(ordered: Iterable[Touched]) -> list[Touched]:
    seen: set[int | None] = set()
    chosen = []
    for node in ordered:
        if node.away or node.shard not in seen:
            chosen.append(node)
        seen.add(node.shard)
    return chosen


def _spare(room: Mapping[str, int], centre: str) -> int:
    return max(1, room.get(centre, 0))


def _turns(wave: Wave) -> int:
    """How long it takes, in turns of a node."""
    return START_TURNS + math.ceil(len(wave.names) / wave.at_once)


def _names(nodes: Iterable[Touched]) -> tuple[str, ...]:
    return tuple(node.name for node in nodes)
