"""Measurements of seeded releases from a model of the cluster's nodes: log-normal service times, sparse errors, noisy memory.

Service times are those of the cluster's hops (sigma 0.35 around a mean); between nodes there may be a spread by nature, which the
cluster does not have and real hosts do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from seeops.releases.samples import BOUNDS_S, NodeSample

SIGMA = 0.35
MEMORY_NOISE = 0.002
SCRAPE_S = 10.0


@dataclass(frozen=True)
class Service:
    """`rate` requests per second and node; `memory` bytes; `between`: standard deviation of the nodes' own speed (logarithm)."""

    name: str
    nodes: int
    rate: float
    mean_s: float = 0.0006
    memory: float = 420 * 2**20
    between: float = 0.0
    error_rate: float = 0.0002


@dataclass
class Node:
    """One node since its process began; `soak` adds time."""

    rng: np.random.Generator
    service: Service
    name: str
    behaviour: Mapping[str, float]
    own: float = 1.0
    requests: int = 0
    errors: int = 0
    seconds: float = 0.0
    buckets: np.ndarray = field(default_factory=lambda: np.zeros(len(BOUNDS_S) + 1))
    memory: list[tuple[float, float]] = field(default_factory=list)
    at: float = 0.0

    def soak(self, seconds: float) -> None:
        rng, count = self.rng, int(self.rng.poisson(self.service.rate * seconds))
        mean = self.service.mean_s * self.own * self.behaviour.get("service_time_factor", 1.0)
        took = mean * np.exp(SIGMA * rng.standard_normal(count) - SIGMA**2 / 2)
        self.buckets += np.bincount(np.searchsorted(BOUNDS_S, took), minlength=len(BOUNDS_S) + 1)
        self.requests += count
        self.seconds += float(took.sum())
        self.errors += int(rng.binomial(count, self.behaviour.get("error_rate", self.service.error_rate)))
        for _ in range(int(seconds / SCRAPE_S)):
            self.at += SCRAPE_S
            grown = self.behaviour.get("memory_growth_bytes_per_s", 0.0) * self.at
            noise = 1 + MEMORY_NOISE * rng.standard_normal()
            self.memory.append((self.at, self.service.memory * noise + grown))

    def sample(self) -> NodeSample:
        return NodeSample(
            self.name, "SZ-A", self.requests, self.errors, self.seconds, tuple(self.buckets), tuple(self.memory[1:]),
            serving=True, measured=True, restarts=0.0, watched_s=self.at,
        )  # fmt: skip


def nodes(
    rng: np.random.Generator, service: Service, count: int, behaviour: Mapping[str, float], prefix: str
) -> list[Node]:
    own = np.exp(service.between * rng.standard_normal(count))
    return [Node(rng, service, f"{prefix}-{i:03d}", behaviour, float(own[i])) for i in range(count)]
