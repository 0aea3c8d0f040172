"""What a judge demands: margins, bounds, certainty. Part of a release's frozen plan, so a verdict can be judged again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any


@dataclass(frozen=True)
class JudgeSettings:
    """Ratios are relative (0.10 = 10 %), errors absolute shares of requests.

    A *margin* is what is nobody's business: only what is surely beyond it fails. A *bound* is what must not pass unseen: only
    what surely lies below it passes.
    """

    duration_margin: float = 0.05
    duration_bound: float = 0.12
    error_margin: float = 0.0005
    error_bound: float = 0.025  # of a single node; divided by the number of nodes
    error_bound_least: float = 0.001
    memory_margin_per_min: float = 0.005  # of the peers' median memory, per minute
    memory_bound_per_min: float = 0.03
    chain_error_margin: float = 0.005
    chain_error_bound: float = 0.02
    chain_duration_margin: float = 0.25
    chain_duration_bound: float = 1.0
    chain_min_requests: int = 200  # a chain with fewer decides nothing
    alpha: float = 0.005
    confidence: float = 0.95
    min_requests: int = 100
    min_peers: int = 3
    min_coverage: float = 0.8  # share of nodes that must have been measured
    judge_chains: bool = True
    second_opinion: bool = True

    @classmethod
    def of(cls, stored: dict[str, Any]) -> JudgeSettings:
        """From a stored plan; a setting that did not exist then has its present default."""
        known = {item.name for item in fields(cls)}
        return cls(**{name: value for name, value in stored.items() if name in known})

    def problem(self) -> tuple[str, str] | None:
        """(setting, what is wrong with it) for the first one that no judge can work with, else None."""
        for margin, bound in _PAIRS:
            low, high = getattr(self, margin), getattr(self, bound)
            if not 0 <= low < high <= _MOST:
                return margin, f"must be at least 0 and below {bound}, which is at most {_MOST:g}"
        for name, (low, high) in _RANGES.items():
            if not low <= getattr(self, name) <= high:
                return name, f"must lie between {low:g} and {high:g}"
        return None


_MOST = 10.0
_PAIRS = (
    ("duration_margin", "duration_bound"),
    ("error_margin", "error_bound"),
    ("memory_margin_per_min", "memory_bound_per_min"),
    ("chain_error_margin", "chain_error_bound"),
    ("chain_duration_margin", "chain_duration_bound"),
)
_RANGES = {
    "error_bound_least": (0.00001, 1.0),
    "alpha": (0.00001, 0.1),
    "confidence": (0.8, 0.999),
    "min_requests": (10, 1_000_000),
    "chain_min_requests": (10, 1_000_000),
    "min_peers": (2, 1000),
    "min_coverage": (0.5, 1.0),
}


def parsed(values: Mapping[str, str], base: JudgeSettings) -> JudgeSettings:
    """`base` with the settings that `values` names, as texts of a form. Raises ValueError(setting, why)."""
    changed: dict[str, Any] = {}
    for item in fields(JudgeSettings):
        raw = str(values.get(item.name, "")).strip()
        if not raw:
            continue
        kind = type(getattr(base, item.name))
        try:
            changed[item.name] = raw in ("1", "true", "on") if kind is bool else kind(raw)
        except ValueError as error:
            raise ValueError(item.name, "must be a number") from error
    made = replace(base, **changed)
    if wrong := made.problem():
        raise ValueError(*wrong)
    return made
