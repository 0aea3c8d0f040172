"""Reads what a verdict needs from Prometheus: counters at both ends of the window, memory in between, who serves at the end."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from seeops.monitoring import prometheus
from seeops.releases.samples import BOUNDS_S, NodeSample

MEMORY_STEP_S = 5.0
# Prometheus repeats a process' last value until the next scrape: the first seconds may still show the one before.
MEMORY_SETTLES_S = 10.0
_EDGES = [*BOUNDS_S, math.inf]


@dataclass(frozen=True)
class Wanted:
    """A node to measure, and the version whose requests count."""

    name: str
    centre: str
    version: str


@dataclass(frozen=True)
class Measured:
    samples: dict[str, NodeSample]
    queries: list[str]


def measure(
    service: str,
    nodes: list[Wanted],
    start: dt.datetime,
    end: dt.datetime,
    *,
    between: Callable[[], None] = lambda: None,
    any_version: bool = False,
) -> Measured:
    """One sample per node over [start, end]. `between` is called before each query; `any_version` counts whatever a node ran.
    Raises Unavailable.

    A counter that is missing at the start belongs to a process that began later: it counts from zero. One that is lower at
    the end was reset: its end value counts.
    """
    reader = _Reader(service, start, end, between)
    by = "node" if any_version else "node, version"
    buckets = reader.grown("trading_request_duration_seconds_bucket", f"{by}, le")
    seconds = reader.grown("trading_request_duration_seconds_sum", by)
    requests = reader.grown("trading_requests_total", by)
    errors = reader.grown("trading_request_errors_total", by)
    memory = reader.memory()
    serving = reader.serving()
    restarts = reader.restarts()
    watched_s = max(0.0, (end - start).total_seconds() - MEMORY_SETTLES_S)
    samples = {}
    for node in nodes:
        key = (node.name,) if any_version else (node.name, node.version)
        samples[node.name] = NodeSample(
            node=node.name,
            centre=node.centre,
            requests=requests.get(key, 0.0),
            errors=errors.get(key, 0.0),
            seconds=seconds.get(key, 0.0),
            buckets=_histogram(buckets, key),
            memory=memory.get(node.name, ()),
            serving=serving.get(node.name),
            measured=key in requests and node.name in memory,
            restarts=restarts.get(node.name),
            watched_s=watched_s if node.name in restarts else 0.0,
        )
    return Measured(samples, reader.asked)


def _histogram(buckets: Mapping[tuple[str, ...], float], key: tuple[str, ...]) -> tuple[float, ...]:
    """Requests per bucket from the cumulative ones; empty when one is missing."""
    cumulative = [buckets.get((*key, _le(edge))) for edge in _EDGES]
    if any(value is None for value in cumulative):
        return ()
    steps, before = [], 0.0
    for value in cumulative:
        steps.append(max(0.0, (value or 0.0) - before))
        before = max(before, value or 0.0)
    return tuple(steps)


def _le(edge: float) -> str:
    return "+Inf" if math.isinf(edge) else repr(float(edge))


class _Reader:
    def __init__(self, service: str, start: dt.datetime, end: dt.datetime, between: Callable[[], None]) -> None:
        self.selector = prometheus.matching(service=service)
        self.start, self.end, self.between = start, end, between
        self.asked: list[str] = []

    def _query(self, promql: str, at: dt.datetime) -> list[prometheus.Sample]:
        self.between()
        self.asked.append(f"{promql} @ {at.isoformat(timespec='seconds')}")
        return prometheus.query(promql, at)

    def grown(self, metric: str, by: str) -> dict[tuple[str, ...], float]:
        """How much each counter grew, by the values of its labels."""
        labels = by.split(", ")
        promql = f"sum by ({by}) ({metric}{self.selector})"
        first = {_key(sample.labels, labels): sample.value for sample in self._query(promql, self.start)}
        grown = {}
        for sample in self._query(promql, self.end):
            key = _key(sample.labels, labels)
            before = first.get(key, 0.0)
            grown[key] = sample.value - before if sample.value >= before else sample.value
        return grown

    def memory(self) -> dict[str, tuple[tuple[float, float], ...]]:
        promql = f"max by (node) (trading_memory_bytes{self.selector})"
        self.between()
        self.asked.append(f"{promql} @ {self.start.isoformat()} .. {self.end.isoformat()} step {MEMORY_STEP_S:g}s")
        found: dict[str, Any] = {}
        first = self.start.timestamp() + MEMORY_SETTLES_S
        for series in prometheus.query_range(promql, self.start, self.end, MEMORY_STEP_S):
            points = zip(series.times, series.values, strict=True)
            inside = [(at, value) for at, value in points if value is not None and at >= first]
            found[series.labels["node"]] = tuple(inside)
        return found

    def restarts(self) -> dict[str, float]:
        """How often each process began anew, once what began before the window has settled."""
        first = self.start + dt.timedelta(seconds=MEMORY_SETTLES_S)
        if self.end <= first:
            return {}
        seconds = max(1, round((self.end - first).total_seconds()))
        promql = f"max by (node) (changes(trading_process_start_time_seconds{self.selector}[{seconds}s]))"
        return {sample.labels["node"]: sample.value for sample in self._query(promql, self.end)}

    def serving(self) -> dict[str, bool]:
        """True when the node says so, False when it says no or cannot be scraped; absent when nothing is known.

        A node that was last scraped before the window began was starting then: that says nothing about the end.
        """
        known = self._now("up")
        said = self._now("trading_up")
        scraped = self._now("timestamp(up%s)")
        began = self.start.timestamp()
        return {
            name: up == 1 and said.get(name, 0.0) == 1 for name, up in known.items() if scraped.get(name, 0.0) >= began
        }

    def _now(self, metric: str) -> dict[str, float]:
        """The largest value of each node at the end of the window; `metric` by name, or an expression with %s for the selector."""
        inner = metric % self.selector if "%s" in metric else f"{metric}{self.selector}"
        found = self._query(f"max by (node) ({inner})", self.end)
        return {sample.labels["node"]: sample.value for sample in found}


def _key(labels: Mapping[str, str], names: list[str]) -> tuple[str, ...]:
    return tuple(_le(float(labels["le"])) if name == "le" else labels.get(name, "") for name in names)
