"""Seeded measurements of nodes, as the cluster's model makes them: log-normal service times, sparse errors, noisy memory."""

from __future__ import annotations

import numpy as np

from seeops.releases.samples import BOUNDS_S, NodeSample

MEMORY_BYTES = 420e6
LEAK_BYTES_PER_S = 3 * 2**20


def node(
    rng: np.random.Generator, name: str, *, requests: float = 280, factor: float = 1.0, errors: float = 0.0002,
    leak: float = 0.0, between: float = 0.02,
) -> NodeSample:  # fmt: skip
    """One node over a minute; `between` is what nodes differ by from each other."""
    count = int(rng.poisson(requests))
    base = 0.0004 * factor * np.exp(between * rng.standard_normal())
    seconds = base * (np.exp(0.35 * rng.standard_normal(count) - 0.061) + 0.1 * rng.standard_exponential(count))
    buckets = np.bincount(np.searchsorted(BOUNDS_S, seconds), minlength=len(BOUNDS_S) + 1)
    memory = [(10.0 * i, MEMORY_BYTES * (1.02 + 0.002 * rng.standard_normal()) + leak * 10 * i) for i in range(6)]
    return NodeSample(
        node=name, centre="SZ-A", requests=count, errors=int((rng.random(count) < errors).sum()),
        seconds=float(seconds.sum()), buckets=tuple(buckets.astype(float)), memory=tuple(memory), serving=True,
        measured=True,
    )  # fmt: skip


def nodes(rng: np.random.Generator, count: int, **kind: float) -> list[NodeSample]:
    return [node(rng, f"node-{number:03d}", **kind) for number in range(count)]
