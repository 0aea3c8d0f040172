"""Response times counted from the moment an order was due, not from the moment it was sent.

A lane that waits for an answer sends its next orders late. Those orders' customers waited too, so the wait belongs to their response time
(Tene, "How not to measure latency": coordinated omission). Times go into buckets whose bounds grow by 4 %, so every quantile is
known within 4 %; reading is a copy of the counts, and two copies give the quantiles of the time between.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

GROWTH = 1.04
FIRST_S = 50e-6
LAST_S = 60.0
#: Upper bounds of the buckets in seconds; one more bucket holds what is longer.
BOUNDS_S = FIRST_S * GROWTH ** np.arange(int(np.ceil(np.log(LAST_S / FIRST_S) / np.log(GROWTH))) + 1)
BUCKETS = len(BOUNDS_S) + 1


def bucket_counts(seconds: np.ndarray) -> np.ndarray:
    """i8[BUCKETS]: how many of `seconds` fall into each bucket; a bound belongs to its bucket."""
    return np.bincount(np.searchsorted(BOUNDS_S, seconds, side="left"), minlength=BUCKETS)


def quantile_s(counts: np.ndarray, part: float) -> float | None:
    """Upper bound of the bucket that holds the quantile; None without any count, infinity beyond the last bound."""
    total = int(counts.sum())
    if total == 0:
        return None
    place = int(np.searchsorted(np.cumsum(counts), max(1, int(np.ceil(part * total)))))
    return float(BOUNDS_S[place]) if place < len(BOUNDS_S) else float("inf")


def lateness(due_s: np.ndarray, passed_s: float, tick_s: float) -> np.ndarray:
    """Seconds that orders waited for their lane. `due_s`: when each was due, counted from the lane's last tick, up to `passed_s` = now.

    A lane that keeps up sends every `tick_s` what was due since the last tick: that wait is the generator's own and counts as none.
    """
    sent_at = np.ceil(due_s / tick_s) * tick_s
    return np.maximum(passed_s - sent_at, 0.0)


class Responses:
    """Counts since the start of the process, by chain of orders."""

    def __init__(self, chains: Iterable[str]) -> None:
        self.counts = {chain: np.zeros(BUCKETS, dtype=np.int64) for chain in chains}

    def note(self, chain: str, seconds: np.ndarray) -> None:
        """Orders whose fate became known `seconds` after they were due."""
        self.counts[chain] += bucket_counts(seconds)

    def as_dict(self) -> dict[str, Any]:
        """Counts without the empty buckets: {chain: [[bucket, count], …]}."""
        return {
            chain: [[int(place), int(counts[place])] for place in np.flatnonzero(counts)]
            for chain, counts in self.counts.items()
        }


def counts_from(rows: Iterable[Iterable[int]]) -> np.ndarray:
    """The bucket counts that `as_dict` wrote for one chain."""
    counts = np.zeros(BUCKETS, dtype=np.int64)
    for place, count in rows:
        counts[place] = count
    return counts
