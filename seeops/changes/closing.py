"""Does the next batch still fit before the window closes? Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

# Measured times scatter; a batch that just fits by its mean is late every second time.
RESERVE = 1.25
# What a node is taken to need while nothing was measured: long, so that nothing unmeasured is begun late.
UNMEASURED_NODE_S = 20.0


@dataclass(frozen=True)
class Measured:
    """One batch that was deployed: `seconds` for `nodes` nodes, `at_once` of them at a time."""

    nodes: int
    at_once: int
    seconds: float


def per_turn_s(batches: Sequence[Measured]) -> float | None:
    """Seconds per turn (as many nodes as go at the same time): the median of the batches, since one that was held for a while
    says nothing about the next; None when none was measured."""
    times = [item.seconds / turns(item.nodes, item.at_once) for item in batches if item.nodes > 0 and item.seconds >= 0]
    return median(times) if times else None


def turns(nodes: int, at_once: int) -> int:
    return -(-nodes // max(1, at_once))


def batch_needs_s(*, nodes: int, at_once: int, soak_s: float, turn_s: float | None) -> float:
    """Seconds until the batch is deployed and judged, with a reserve on what is measured."""
    deploying = turns(nodes, at_once) * (UNMEASURED_NODE_S if turn_s is None else turn_s * RESERVE)
    return deploying + soak_s


def fits(moment: dt.datetime, closes_at: dt.datetime | None, needs_s: float) -> bool:
    """Whether work of `needs_s` that begins now ends before the window closes. No end: everything fits."""
    return closes_at is None or moment + dt.timedelta(seconds=needs_s) <= closes_at
