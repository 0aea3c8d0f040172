"""The picture of the call graph: positions from the layout, colours from health, at most 300 things. Pure.

Where there would be more, services are gathered by their business line and counted, so that the picture stays readable;
the table below it always lists everything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, field

from seeops.topology.layout import layered
from seeops.topology.snapshot import Snapshot

MOST_THINGS = 300
_WORST = ["bad", "unknown", "attention", "good"]


@dataclass(frozen=True)
class Thing:
    """A service, or a gathered group of them (`count` > 1). Positions in layout units."""

    id: str
    label: str
    domain: str
    state: str
    count: int
    spof: bool
    x: float
    y: float


@dataclass(frozen=True)
class Edge:
    """`mode` hard, soft or async; `chains` that use it; `per_s` requests per second at the peak."""

    source: str
    target: str
    mode: str
    chains: list[str]
    per_s: float


@dataclass(frozen=True)
class Picture:
    things: list[Thing]
    edges: list[Edge]
    hidden: int = 0
    gathered_by: str = ""
    digest: str = ""

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


@dataclass
class _Wire:
    mode: str
    chains: set[str] = field(default_factory=set)
    per_s: float = 0.0


def picture(
    snapshot: Snapshot,
    states: dict[str, str],
    *,
    chains: Collection[str] = (),
    services: Collection[str] | None = None,
    spofs: Collection[str] = (),
    most: int = MOST_THINGS,
) -> Picture:
    """The graph of the services in `services` (all if None), restricted to the `chains` if any are named. `states` gives
    each service's state of the console's language; a service without one is unknown."""
    wires = _wires(snapshot, chains)
    shown = {service.name for service in snapshot.services}
    if chains:
        shown &= {name for pair in wires for name in pair} | {
            hop.service for chain in snapshot.chains if chain.code in chains for hop in chain.hops
        }
    if services is not None:
        shown &= set(services)
    group = {name: name for name in shown}
    gathered_by = ""
    if len(shown) > most:
        gathered_by = "domain"
        group = {name: snapshot.service_by_name[name].domain for name in shown}
    members: dict[str, list[str]] = defaultdict(list)
    for name in sorted(shown):
        members[group[name]].append(name)
    merged = _merge(wires, group)
    rank = _ranks(snapshot, group)
    forward = [pair for pair in merged if rank.get(pair[0], 0.0) < rank.get(pair[1], 0.0)]
    roots = {group[chain.hops[0].service] for chain in snapshot.chains if chain.hops and chain.hops[0].service in group}
    places = layered(sorted(members), forward, {thing for thing in roots if rank[thing] < 0.3})
    return Picture(
        things=[
            Thing(
                id=key,
                label=key,
                domain=snapshot.service_by_name[names[0]].domain,
                state=min((states.get(name, "unknown") for name in names), key=_WORST.index),
                count=len(names),
                spof=any(name in spofs for name in names),
                x=round(places[key][0], 2),
                y=round(places[key][1], 2),
            )
            for key, names in members.items()
        ],
        edges=[
            Edge(source, target, wire.mode, sorted(wire.chains), round(wire.per_s, 1))
            for (source, target), wire in sorted(merged.items())
        ],
        hidden=len(snapshot.services) - len(shown),
        gathered_by=gathered_by,
        digest=snapshot.digest,
    )


def _wires(snapshot: Snapshot, chains: Collection[str]) -> dict[tuple[str, str], _Wire]:
    """Edges of the chains (all, or those named) and, when none is named, the declared dependencies."""
    wires: dict[tuple[str, str], _Wire] = {}
    for chain in snapshot.chains:
        if chains and chain.code not in chains:
            continue
        caller: str | None = None
        for hop in chain.hops:
            if caller and caller != hop.service:
                mode = {"sync": "hard", "replication": "soft"}.get(hop.mode, "async")
                wire = wires.setdefault((caller, hop.service), _Wire(mode))
                wire.mode = "hard" if "hard" in (wire.mode, mode) else wire.mode
                wire.chains.add(chain.code)
                wire.per_s += chain.peak_rate_per_s
            if hop.mode == "sync":
                caller = hop.service
    if not chains:
        for dependency in snapshot.dependencies:
            if not dependency.from_chain:
                wires.setdefault((dependency.caller, dependency.callee), _Wire(dependency.mode))
    return wires


def _merge(wires: dict[tuple[str, str], _Wire], group: dict[str, str]) -> dict[tuple[str, str], _Wire]:
    merged: dict[tuple[str, str], _Wire] = {}
    for (source, target), wire in wires.items():
        if source not in group or target not in group or group[source] == group[target]:
            continue
        into = merged.setdefault((group[source], group[target]), _Wire(wire.mode))
        into.mode = "hard" if "hard" in (into.mode, wire.mode) else into.mode
        into.chains |= wire.chains
        into.per_s += wire.per_s
    return merged


def _ranks(snapshot: Snapshot, group: dict[str, str]) -> dict[str, float]:
    """How deep in the chains a thing usually stands, 0 to 1; components stand behind everything. An edge that
    runs against this order (an answer that leaves through the gateway) is drawn, but does not shape the layers."""
    found: dict[str, list[float]] = defaultdict(list)
    for chain in snapshot.chains:
        for place, hop in enumerate(chain.hops):
            if hop.service in group:
                depth = place / max(1, len(chain.hops) - 1)
                component = snapshot.service_by_name[hop.service].kind == "component"
                found[group[hop.service]].append(max(depth, 1.0) if component else depth)
    ranks = {name: sum(places) / len(places) for name, places in found.items()}
    return {thing: ranks.get(thing, 1.5) for thing in set(group.values())}


def worst(states: Iterable[str]) -> str:
    return min(states, key=_WORST.index, default="unknown")
