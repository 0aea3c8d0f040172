"""What a judge demands: margins, bounds, certainty. Part of a release's frozen plan, so a verdict can be judged again."""

from __future__ import annotations

from dataclasses import dataclass, fields
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
