"""A stored verdict as a page shows it: one sentence, then each metric's interval between margin and bound. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seeops.releases.compared import CHAINS, INTEGRITY, NODES, SECOND

# The track of an interval runs from half a bound below "no change" to half a bound above the bound.
_FROM, _TO = -0.5, 1.5
_WIDTH = 100.0
_SEVERITY = {"FAIL": 0, "INCONCLUSIVE": 1, "PASS": 2}


@dataclass(frozen=True)
class Track:
    """Places on a track of 100: nothing changed, the margin, the bound, the interval and the effect. `beyond`: the interval
    goes on past the track's end."""

    zero: float
    margin: float
    bound: float
    low: float
    high: float
    effect: float
    beyond: bool

    @property
    def width(self) -> float:
        return max(0.8, self.high - self.low)

    @property
    def between(self) -> float:
        return self.bound - self.margin

    @property
    def rest(self) -> float:
        return _WIDTH - self.bound


@dataclass(frozen=True)
class Row:
    metric: str
    outcome: str
    text: str
    sees: float | None
    unit: str
    margin: float
    bound: float
    track: Track | None


@dataclass(frozen=True)
class Shown:
    """`second` is empty where there was no second opinion; `recorded` says whether one could have been."""

    nodes: list[Row]
    chains: list[Row]
    integrity: list[Row]
    second: list[Row]
    recorded: bool

    @property
    def told_apart(self) -> list[Row]:
        """Metrics with a smallest effect that the sample would have found."""
        return [row for row in self.nodes if row.sees is not None]

    @property
    def chains_judged(self) -> int:
        return len({row.metric.split(":")[0] for row in self.chains})

    @property
    def chains_outcome(self) -> str:
        return _worst(self.chains)

    @property
    def integrity_outcome(self) -> str:
        return _worst(self.integrity)

    @property
    def doubted(self) -> bool:
        return any(row.outcome == "FAIL" for row in self.second)


def shown(metrics: Sequence[Mapping[str, Any]]) -> Shown:
    """`metrics` as stored (those of earlier versions have no kind: they are of the nodes)."""
    by_kind: dict[str, list[Row]] = {NODES: [], CHAINS: [], INTEGRITY: [], SECOND: []}
    for metric in metrics:
        by_kind[metric.get("kind", NODES)].append(_row(metric))
    chains = sorted(by_kind[CHAINS], key=lambda row: _SEVERITY[row.outcome])
    return Shown(by_kind[NODES], chains, by_kind[INTEGRITY], by_kind[SECOND], bool(by_kind[INTEGRITY]))


def _row(metric: Mapping[str, Any]) -> Row:
    return Row(
        metric["metric"], metric["outcome"], metric["text"], metric.get("sees"), metric["unit"], metric["margin"],
        metric["bound"], _track(metric),
    )  # fmt: skip


def _track(metric: Mapping[str, Any]) -> Track | None:
    """None for what is counted and not estimated: a bound of next to nothing has no scale."""
    effect, high, bound = metric.get("effect"), metric.get("high"), metric["bound"]
    if effect is None or high is None or bound < 1e-6 or metric["unit"] == "count":
        return None
    low = metric.get("low")
    return Track(
        zero=_place(0.0), margin=_place(metric["margin"] / bound), bound=_place(1.0),
        low=_place((effect if low is None else low) / bound), high=_place(high / bound), effect=_place(effect / bound),
        beyond=high / bound > _TO,
    )  # fmt: skip


def _place(value: float) -> float:
    return round(_WIDTH * (min(max(value, _FROM), _TO) - _FROM) / (_TO - _FROM), 2)


def _worst(rows: Sequence[Row]) -> str:
    return min((row.outcome for row in rows), key=_SEVERITY.__getitem__, default="")
