"""The fault catalogue as data: every kind with its family, scope, parameters and inverse. No kind exists only in code."""

from __future__ import annotations

from dataclasses import asdict, dataclass

MAX_LEASE_S = 3600.0
INVERSE = "DELETE faults/{lease}"


class FaultError(ValueError):
    """A fault request that cannot be carried out; the text says which part and why."""


@dataclass(frozen=True)
class Param:
    name: str
    unit: str
    low: float
    high: float
    default: float
    description: str


@dataclass(frozen=True)
class FaultKind:
    """`scope` node: affects the nodes named by the request (or a fraction of a service); centre: the entire centre.
    `catalogue` is the row of the fault catalogue that it realises."""

    name: str
    family: str
    scope: str
    catalogue: str
    description: str
    params: tuple[Param, ...] = ()
    inverse: str = INVERSE

    def describe(self) -> dict:
        return asdict(self)


_KINDS = (
    FaultKind(
        "kill",
        "process",
        "node",
        "P1",
        "The service process dies; it starts again when the lease ends or the agent restarts it.",
    ),
    FaultKind(
        "pause", "process", "node", "P3", "The service process is stopped: connections stay open, nothing answers."
    ),
    FaultKind(
        "crash-loop",
        "process",
        "node",
        "P4",
        "The process dies again and again, each time shortly after its start.",
        (Param("period_s", "s", 2, 300, 8, "time between two deaths"),),
    ),
    FaultKind(
        "workers",
        "process",
        "node",
        "P5",
        "A part of the worker pool hangs.",
        (Param("fraction", "ratio", 0.05, 1, 0.9, "part of the workers that hang"),),
    ),
    FaultKind(
        "slow-start",
        "process",
        "node",
        "P9",
        "Starts of the process take longer.",
        (Param("seconds", "s", 1, 120, 20, "additional start time"),),
    ),
    FaultKind("host", "host", "node", "Z1", "The host is lost: its connections are closed, the agent included."),
    FaultKind(
        "delay",
        "network",
        "node",
        "N1",
        "Every answer of the node is delayed.",
        (
            Param("ms", "ms", 0.1, 2000, 40, "mean additional latency"),
            Param("jitter_ms", "ms", 0, 1000, 5, "standard deviation of the additional latency"),
        ),
    ),
    FaultKind(
        "errors",
        "dependency",
        "node",
        "X2",
        "A part of the requests is answered with an error.",
        (Param("rate", "ratio", 0.001, 1, 0.05, "part of the requests that fail"),),
    ),
    FaultKind(
        "leak",
        "memory",
        "node",
        "P7",
        "Memory grows until the process is killed at its limit and starts again.",
        (Param("mb_per_s", "MiB/s", 0.1, 500, 20, "growth"),),
    ),
    FaultKind(
        "cpu",
        "cpu",
        "node",
        "C1",
        "Other work on the host takes a part of the processor.",
        (Param("ratio", "ratio", 0.05, 0.95, 0.7, "part of the processor that is taken"),),
    ),
    FaultKind("centre-loss", "centre", "centre", "Z1", "The data centre is lost: every connection to it is closed."),
    FaultKind(
        "centre-partition",
        "centre",
        "centre",
        "N7",
        "The data centre's business network is cut off: no customer request, hop or shard traffic crosses; its nodes run on.",
    ),
    FaultKind(
        "centre-delay",
        "network",
        "centre",
        "Z3",
        "The links between this centre and the shards and other centres are slow.",
        (Param("ms", "ms", 0.1, 1000, 30, "additional one-way latency"),),
    ),
    FaultKind(
        "centre-drop",
        "network",
        "centre",
        "N2",
        "Answers between this centre and the shards and other centres get lost.",
        (Param("rate", "ratio", 0.001, 1, 0.1, "part of the answers that get lost"),),
    ),
)
KINDS: dict[str, FaultKind] = {kind.name: kind for kind in _KINDS}


def checked_params(kind: str, params: object) -> dict[str, float]:
    """The complete parameters of a kind, defaults filled in. Raises FaultError."""
    if kind not in KINDS:
        raise FaultError(f"{kind!r} is not a kind of fault; there are {', '.join(KINDS)}")
    if not isinstance(params, dict):
        raise FaultError(f"params must be an object, not {params!r}")
    specs = {spec.name: spec for spec in KINDS[kind].params}
    unknown = set(params) - set(specs)
    if unknown:
        raise FaultError(f"{kind} has no parameters {', '.join(sorted(map(str, unknown)))}")
    values = {}
    for name, spec in specs.items():
        value = params.get(name, spec.default)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not spec.low <= value <= spec.high:
            raise FaultError(
                f"{kind}.{name} must be a number from {spec.low:g} to {spec.high:g} {spec.unit}, not {value!r}"
            )
        values[name] = float(value)
    return values


def checked_lease(lease_s: object) -> float:
    """Seconds a fault may live. Raises FaultError."""
    if not isinstance(lease_s, (int, float)) or isinstance(lease_s, bool) or not 0 < lease_s <= MAX_LEASE_S:
        raise FaultError(f"lease_s must be above 0 and at most {MAX_LEASE_S:g} seconds, not {lease_s!r}")
    return float(lease_s)
