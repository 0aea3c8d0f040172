"""How long a plan takes, batch by batch, from what earlier batches of the same services took. Pure.

Two courses are told: the usual one (median seconds per turn, no longer soak than planned) and the slow one (the 90th percentile of
both). A turn is as many nodes as go at the same time.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from seeops.changes import closing

SLOW = 0.9


@dataclass(frozen=True)
class Pace:
    """Of one service: seconds per turn, and how often a soak was made longer in the slow course. `batches` are those measured; 0:
    nothing is known, and what is assumed instead is long on purpose."""

    turn_s: float
    slow_turn_s: float
    slow_extensions: int
    batches: int

    @property
    def measured(self) -> bool:
        return self.batches > 0


UNMEASURED = Pace(closing.UNMEASURED_NODE_S, closing.UNMEASURED_NODE_S, 0, 0)


def pace(batches: Sequence[closing.Measured], extensions: Sequence[int]) -> Pace:
    """The pace of a service from its last batches; UNMEASURED when there are none."""
    turns = sorted(item.seconds / closing.turns(item.nodes, item.at_once) for item in batches if item.nodes > 0)
    if not turns:
        return UNMEASURED
    return Pace(median(turns), _percentile(turns), int(_percentile(sorted(extensions) or [0])), len(turns))


def _percentile(ordered: Sequence[float]) -> float:
    """Nearest rank: a value that was really measured."""
    return ordered[min(len(ordered) - 1, math.ceil(SLOW * len(ordered)) - 1)]


@dataclass(frozen=True)
class BatchTime:
    """One batch: seconds after the start when it begins and ends (deployed and judged), in the usual and in the slow course."""

    number: int
    service: str
    begins_s: float
    ends_s: float
    slow_begins_s: float
    slow_ends_s: float

    @property
    def needs_s(self) -> float:
        return self.ends_s - self.begins_s

    @property
    def slow_needs_s(self) -> float:
        return self.slow_ends_s - self.slow_begins_s


@dataclass(frozen=True)
class Forecast:
    """`paces` by service, for those that were asked for."""

    batches: tuple[BatchTime, ...]
    paces: Mapping[str, Pace]

    @property
    def usual_s(self) -> float:
        return self.batches[-1].ends_s if self.batches else 0.0

    @property
    def slow_s(self) -> float:
        return self.batches[-1].slow_ends_s if self.batches else 0.0

    @property
    def unmeasured(self) -> list[str]:
        return sorted(service for service, pace in self.paces.items() if not pace.measured)

    def differ_s(self, part: Mapping[str, Any], sites: Mapping[str, str]) -> tuple[float, float]:
        """The longest time for which the sites run different sets of versions of a part's service, in the usual and in the slow
        course. `sites` by centre. A batch counts whole as soon as they differ before or after it."""
        times = {item.number: item for item in self.batches}
        rows = [
            (node["name"], sites[node["centre"]], node["from"]) for batch in part["batches"] for node in batch["nodes"]
        ]
        runs = {name: version for name, _, version in rows}
        longest, usual, slow, before = (0.0, 0.0), 0.0, 0.0, False
        for batch in part["batches"]:
            runs |= {node["name"]: part["version"] for node in batch["nodes"]}
            by_site: dict[str, set[str]] = {}
            for name, site, _ in rows:
                by_site.setdefault(site, set()).add(runs[name])
            after = len({frozenset(versions) for versions in by_site.values()}) > 1
            time = times[batch["number"]]
            usual, slow = (usual + time.needs_s, slow + time.slow_needs_s) if before or after else (0.0, 0.0)
            longest, before = max(longest, (usual, slow)), after
        return longest

    def fits_until(self, start: dt.datetime, end: dt.datetime) -> int:
        """How many batches end before `end` in the slow course when the first begins at `start`."""
        left = (end - start).total_seconds()
        return sum(item.slow_ends_s <= left for item in self.batches)

    def latest_start(self, end: dt.datetime) -> dt.datetime:
        """The last moment to start so that also the slow course ends before `end`."""
        return end - dt.timedelta(seconds=self.slow_s)


def forecast(plan: Mapping[str, Any], paces: Mapping[str, Pace]) -> Forecast:
    """The course of a frozen plan (or of a draft's). Services without a pace count as not measured."""
    found: list[BatchTime] = []
    usual = slow = 0.0
    known = {part["service"]: paces.get(part["service"], UNMEASURED) for part in plan["parts"]}
    for part in plan["parts"]:
        pace_ = known[part["service"]]
        for batch in part["batches"]:
            turns = closing.turns(len(batch["nodes"]), batch["concurrency"])
            ends = usual + turns * pace_.turn_s + plan["soak_s"]
            slow_ends = slow + turns * pace_.slow_turn_s + plan["soak_s"] * (1 + pace_.slow_extensions)
            found.append(BatchTime(batch["number"], part["service"], usual, ends, slow, slow_ends))
            usual, slow = ends, slow_ends
    return Forecast(tuple(found), known)
