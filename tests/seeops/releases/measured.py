"""Seeded measurements of nodes, as the cluster's model makes them: log-normal service times, sparse errors, noisy memory."""

from __future__ import annotations

import numpy as np

from seeops.releases.integrity import AUDITS, COUNTERS
from seeops.releases.samples import BOUNDS_S, ChainSample, Earlier, NodeSample, Slice, Surroundings

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
        measured=True, restarts=0.0, watched_s=50.0,
    )  # fmt: skip


def nodes(rng: np.random.Generator, count: int, **kind: float) -> list[NodeSample]:
    return [node(rng, f"node-{number:03d}", **kind) for number in range(count)]


def around(
    rng: np.random.Generator, *, integrity: dict[str, float | None] | None = None, failing: float = 0.0,
    slower: float = 1.0, elsewhere: float = 0.0, earlier: Earlier | None = None,
    hops: tuple[tuple[str, float, float], ...] = (),
) -> Surroundings:  # fmt: skip
    """A cluster in which nothing else happens around a release of `session`: `failing` and `slower` are of the chain that passes the service, `elsewhere` is
    what the other chains fail by now."""
    grown = {**dict.fromkeys(COUNTERS, 0.0), AUDITS: 40.0, **(integrity or {})}
    chains = (
        ChainSample("cash-order", True, slices(rng, 30), slices(rng, 6, errors=0.0002 + failing, factor=slower), hops),
        ChainSample("quote-push", False, slices(rng, 30), slices(rng, 6, errors=0.0002 + elsewhere)),
        ChainSample("login", False, slices(rng, 30), slices(rng, 6, errors=0.0002 + elsewhere)),
    )
    return Surroundings(grown, chains, earlier or Earlier(text="no day before was measured"), service="session")


def slices(rng: np.random.Generator, count: int, *, errors: float = 0.0002, factor: float = 1.0) -> tuple[Slice, ...]:
    """Ten seconds of a chain each, at 60 requests a second and 10 ms."""
    found = []
    for _ in range(count):
        requests = int(rng.poisson(600))
        failed = int(rng.binomial(requests, errors))
        seconds = 0.01 * factor * (requests - failed) * float(np.exp(0.1 * rng.standard_normal()))
        found.append((float(requests), float(failed), float(requests - failed), seconds))
    return tuple(found)
