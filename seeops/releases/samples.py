"""What was measured of the nodes that a verdict compares, and of what surrounds them: plain values, stored as evidence and
judged again from there."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

# Upper bounds of the duration histogram's buckets in seconds; one more bucket is open above.
BOUNDS_S = (0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)

#: (requests, failed, answered, seconds) of a chain in one step of time, as customers counted them.
Slice = tuple[float, float, float, float]


@dataclass(frozen=True)
class NodeSample:
    """One node over the window.

    `buckets`: requests per duration bucket, not cumulative (len(BOUNDS_S) + 1 numbers, or empty without data).
    `seconds`: sum of durations. `memory`: [unix seconds, bytes] pairs. `serving`: None when it is not known. `restarts`: of
    the process within `watched_s` seconds; None when it is not known.
    """

    node: str
    centre: str
    requests: float = 0.0
    errors: float = 0.0
    seconds: float = 0.0
    buckets: tuple[float, ...] = ()
    memory: tuple[tuple[float, float], ...] = ()
    serving: bool | None = None
    measured: bool = False
    restarts: float | None = None
    watched_s: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> NodeSample:
        known = {item.name for item in fields(cls)}
        values = {name: value for name, value in data.items() if name in known}
        values["buckets"] = tuple(values.get("buckets", ()))
        values["memory"] = tuple((float(at), float(size)) for at, size in values.get("memory", ()))
        return cls(**values)


@dataclass(frozen=True)
class ChainSample:
    """One business chain, before the batch was begun and over the window. `affected`: it passes the changed service.

    `hops`: (service, seconds per request before, and now) of every service that it passes.
    """

    chain: str
    affected: bool
    before: tuple[Slice, ...]
    now: tuple[Slice, ...]
    hops: tuple[tuple[str, float, float], ...] = ()

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ChainSample:
        before, now = (tuple(tuple(float(v) for v in row) for row in data[side]) for side in ("before", "now"))
        hops = tuple((str(name), float(was), float(is_now)) for name, was, is_now in data.get("hops", ()))
        return cls(data["chain"], data["affected"], before, now, hops)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Earlier:
    """The nodes of the service in an earlier window of the session. `kind`: "yesterday", "today", or "" without one, and then
    `text` says why."""

    kind: str = ""
    text: str = ""
    samples: tuple[NodeSample, ...] = ()

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Earlier:
        return cls(data["kind"], data["text"], tuple(NodeSample.from_json(sample) for sample in data["samples"]))


@dataclass(frozen=True)
class Surroundings:
    """What lies around the compared nodes in the same minutes.

    `integrity`: how much each counter of integrity.COUNTERS grew over the whole cluster, None for one that is not there.
    `problem`: why something of it could not be read, else empty. `service`: the changed one.
    """

    integrity: dict[str, float | None]
    chains: tuple[ChainSample, ...] = ()
    earlier: Earlier = Earlier()
    problem: str = ""
    queries: tuple[str, ...] = ()
    service: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Surroundings:
        return cls(
            integrity=dict(data["integrity"]),
            chains=tuple(ChainSample.from_json(chain) for chain in data["chains"]),
            earlier=Earlier.from_json(data["earlier"]),
            problem=data["problem"],
            queries=tuple(data["queries"]),
            service=data.get("service", ""),
        )
