"""Bucket bounds of every duration histogram in the cluster, in seconds, and how to count into them."""

from __future__ import annotations

import numpy as np

DURATION_BOUNDS_S: tuple[float, ...] = (0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
BUCKETS = len(DURATION_BOUNDS_S) + 1  # the last one is +Inf
BOUNDS = np.array(DURATION_BOUNDS_S)
BOUNDS_US = BOUNDS * 1e6


def histogram_us(latency_us: np.ndarray) -> np.ndarray:
    """Non-cumulative bucket counts (i8, length BUCKETS) of latencies in microseconds; a bound belongs to its bucket."""
    return np.bincount(np.searchsorted(BOUNDS_US, latency_us, side="left"), minlength=BUCKETS)
