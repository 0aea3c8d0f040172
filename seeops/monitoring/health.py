"""What figures mean: the state of a hop, a chain or the whole, in the console's language of state. Pure.

Unknown is a state of its own: a figure that was not measured is never read as zero, and nothing unmeasured is good.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# Worst first. `absent` is planned or idle: there is nothing to judge, and nothing is missing.
ORDER = ("bad", "unknown", "attention", "progress", "good", "absent")


@dataclass(frozen=True)
class Thresholds:
    """From when on a figure is `attention` or `bad`; see dashboards/thresholds.yml for units."""

    error_attention: float
    error_bad: float
    latency_attention: float
    latency_bad: float
    latency_floor_s: float
    min_rate: float


@dataclass(frozen=True)
class Judgement:
    """A state and the reason code behind it: errors, slow, no_traffic, not_measured, or empty."""

    state: str
    reason: str = ""


def judge(
    thresholds: Thresholds,
    *,
    rate: float | None,
    error_ratio: float | None,
    p99_s: float | None = None,
    baseline_s: float | None = None,
) -> Judgement:
    """The state of something with `rate` requests a second. Errors weigh before slowness."""
    if rate is None:
        return Judgement("unknown", "not_measured")
    if rate <= 0:
        return Judgement("absent", "no_traffic")
    if error_ratio is None:
        return Judgement("unknown", "not_measured")
    slow = _slowness(thresholds, p99_s, baseline_s)
    if rate >= thresholds.min_rate:
        if error_ratio >= thresholds.error_bad:
            return Judgement("bad", "errors")
        if slow >= thresholds.latency_bad:
            return Judgement("bad", "slow")
        if error_ratio >= thresholds.error_attention:
            return Judgement("attention", "errors")
        if slow >= thresholds.latency_attention:
            return Judgement("attention", "slow")
    return Judgement("good")


def _slowness(thresholds: Thresholds, p99_s: float | None, baseline_s: float | None) -> float:
    """How many times the usual p99 it takes now; 0 when there is no usual yet or it is too fast to matter."""
    if p99_s is None or not baseline_s or p99_s < thresholds.latency_floor_s:
        return 0.0
    return p99_s / baseline_s


def worst(states: Iterable[str]) -> str:
    """The worst of some states; unknown when there are none."""
    return min(states, key=lambda state: ORDER.index(state) if state in ORDER else 1, default="unknown")


def rank(state: str) -> int:
    """For sorting, worst first."""
    return ORDER.index(state) if state in ORDER else ORDER.index("unknown")
