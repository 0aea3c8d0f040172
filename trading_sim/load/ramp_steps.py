"""One step of a ramp: what was offered, what came of it, and whether it kept the bounds. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

#: A modelled service at this part of its capacity, or a process at this part of a core, is what limits.
FULL = 0.9


@dataclass(frozen=True)
class Bounds:
    """What a step must keep: p99 of orders from the moment they were due, and the part of requests that may fail.

    A step in which more than `stop_errors` fail over a few seconds is ended at once.
    """

    p99_ms: float = 100.0
    errors: float = 0.005
    stop_errors: float = 0.1


@dataclass(frozen=True)
class ChainSeen:
    """A business chain in a step. Times in milliseconds from when requests were due; None: nothing was answered."""

    answered_per_s: float
    failed: float
    p99_ms: float | None


@dataclass(frozen=True)
class Used:
    """How busy something was: a modelled service of a centre (its busiest node too) a process (parts of a core), or the machine (all cores)."""

    kind: str
    name: str
    centre: str
    part: float
    busiest: float
    rate_per_s: float = 0.0


@dataclass(frozen=True)
class Step:
    """A measured step at `rate` orders a second. `stopped` says why it ended early; `findings` what contradicts correctness."""

    rate: float
    seconds: float
    offered_per_s: float
    answered_per_s: float
    failed: float
    p50_ms: float | None
    p99_ms: float | None
    p999_ms: float | None
    chains: Mapping[str, ChainSeen] = field(default_factory=dict)
    used: tuple[Used, ...] = ()
    stopped: str = ""
    findings: str = ""
    load_average: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """As the report and the events file hold it; a time beyond the last bucket is written as null with its reason."""
        row = asdict(self)
        for name in ("p50_ms", "p99_ms", "p999_ms"):
            row[name] = _finite(row[name])
        for chain in row["chains"].values():
            chain["p99_ms"] = _finite(chain["p99_ms"])
        return row


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


class Target(Protocol):
    """What is put under load. `peak` is {"orders_per_s", "source", …} of its usual life, or None."""

    name: str

    def measure(self, rate: float) -> Step:
        """One step at `rate` orders a second. Raises RampError when it cannot be measured."""

    def describe(self) -> dict[str, Any]:
        """What the report says of the target."""

    def restore(self) -> None:
        """Take all of the load away again; can be repeated."""


class RampError(Exception):
    """The ramp cannot go on; the message says what happened and what to do."""


def reasons(step: Step, bounds: Bounds) -> list[str]:
    """Every bound that the step left; empty when it kept them. A step without answers kept nothing."""
    found = []
    if step.stopped:
        found.append(step.stopped)
    if step.findings:
        found.append(step.findings)
    if step.p99_ms is None:
        found.append("no order was answered")
    elif step.p99_ms > bounds.p99_ms:
        found.append(f"p99 {_ms(step.p99_ms)} is above {bounds.p99_ms:g} ms")
    if step.failed > bounds.errors:
        found.append(f"{step.failed:.2%} of the requests failed, {bounds.errors:.2%} may")
    if step.offered_per_s < 0.9 * step.rate:
        found.append(f"only {step.offered_per_s:.0f} of {step.rate:.0f} orders a second could be offered")
    return found


def _ms(value: float) -> str:
    return f"{value:.1f} ms" if math.isfinite(value) else "of more than a minute"


def limit(step: Step) -> dict[str, Any]:
    """What was full in a step that left its bounds: {"kind", "name", "centre", "part", "text"}.

    kind: "modelled" (a service whose capacity the cluster file declares), "shard" or "centre" (a real process at a core's limit),
    "generator" (the load process itself: the system behind it may take more), "machine" (all its processors together), "unknown".
    """
    full = sorted((one for one in step.used if one.part >= FULL), key=lambda one: -one.part)
    for kind in ("service", "shard", "centre", "generator", "machine"):
        for one in full:
            if one.kind == kind:
                return _limited(one)
    return {
        "kind": "unknown",
        "name": "",
        "centre": "",
        "part": max((one.part for one in step.used), default=None),
        "text": f"nothing that is measured was at {FULL:.0%} of its capacity",
    }


def _limited(one: Used) -> dict[str, Any]:
    kind = "modelled" if one.kind == "service" else one.kind
    where = f" in {one.centre}" if one.centre else ""
    texts = {
        "modelled": f"{one.name}{where} at {one.part:.0%} of the capacity that the cluster file declares (modelled)",
        "shard": f"the real shard process {one.name} at {one.part:.0%} of a core",
        "centre": f"the real process {one.name} at {one.part:.0%} of a core",
        "machine": f"the machine's processors at {one.part:.0%}, everything else that runs on it included",
        "generator": f"the load generator at {one.part:.0%} of a core: the system behind it may take more",
    }
    return {"kind": kind, "name": one.name, "centre": one.centre, "part": round(one.part, 4), "text": texts[kind]}
