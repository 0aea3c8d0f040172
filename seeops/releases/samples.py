"""What was measured of the nodes that a verdict compares: plain values, stored as evidence and judged again from there."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

# Upper bounds of the duration histogram's buckets in seconds; one more bucket is open above.
BOUNDS_S = (0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True)
class NodeSample:
    """One node over the window.

    `buckets`: requests per duration bucket, not cumulative (len(BOUNDS_S) + 1 numbers, or empty without data).
    `seconds`: sum of durations. `memory`: [unix seconds, bytes] pairs. `serving`: None when it is not known.
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

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> NodeSample:
        known = {item.name for item in fields(cls)}
        values = {name: value for name, value in data.items() if name in known}
        values["buckets"] = tuple(values.get("buckets", ()))
        values["memory"] = tuple((float(at), float(size)) for at, size in values.get("memory", ()))
        return cls(**values)
