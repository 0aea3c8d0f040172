"""What breaks if these nodes, services or centres are taken away: chains hit, flow at risk, redundancy left, new single
points of failure, each with the path that explains it. Pure.

Redundancy-aware (see carrying.py), so losing nodes that are spare hits no chain. The flow of a chain through a centre is
its rate times the centre's share of the customers; in a centre a chain carries what its weakest synchronous hop carries.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from seeops.inventory.redundancy import majority
from seeops.topology.carrying import Carrying, Place, carrying
from seeops.topology.snapshot import ChainFact, NodeFact, Snapshot

_EPSILON = 1e-9


class UnknownTarget(ValueError):
    """A target that the snapshot does not have."""


@dataclass(frozen=True)
class Spof:
    """Nothing to spare: one more node (or replica) lost makes it short. `shard` only for replicated services."""

    service: str
    centre: str
    shard: int | None
    serving: int
    needed: int


@dataclass(frozen=True)
class CellImpact:
    """One service in one centre that the targets touch, or that is capped by what it needs. `state`: failed (carries
    nothing), short (part of its share), no_spare, spare. `needed` is 0 for replicated services: their shards decide.
    `headroom` is capacity left over demand at the peak."""

    service: str
    centre: str
    taken: int
    serving_before: int
    serving_after: int
    needed: int
    carried_before: float
    carried_after: float
    state: str
    headroom: float | None
    path: list[str]

    @property
    def left(self) -> int:
        return self.serving_after - self.needed


@dataclass(frozen=True)
class ChainImpact:
    """One chain that loses flow (`fails`: all of it; `loses`: a part) or whose later hops fall behind (`lags`, `degrades`).

    `lost_share` and `remaining_share` are parts of the whole chain's flow; `absorbable_share` is the part of the lost flow
    that the spare nodes of the other centres could take if customers were moved there.
    """

    code: str
    name: str
    critical: bool
    effect: str
    lost_share: float
    remaining_share: float
    lost_per_s: float
    absorbable_share: float
    by_centre: dict[str, float]
    path: list[str]


@dataclass(frozen=True)
class ImpactReport:
    """The frozen answer. Shares are between 0 and 1, rates in requests per second at the peak (or as given).

    `uncertain` are the chains of which nothing can be said: nodes they need are unknown, and without these they would not
    carry their flow even before anything is taken away.
    """

    snapshot_digest: str
    basis: str
    unknown_nodes: int
    targets: dict[str, list[str]]
    nodes_taken: int
    cells: list[CellImpact]
    chains: list[ChainImpact]
    lost_share: float
    lost_per_s: float
    total_per_s: float
    new_single_points: list[Spof]
    old_single_points: list[Spof]
    uncertain: list[str]

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "verdict": self.verdict, "digest": self.digest}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the report's canonical JSON, hex: what approvals refer to."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def breaks(self) -> bool:
        """Whether customers would notice: some chain loses flow."""
        return any(chain.lost_share > _EPSILON for chain in self.chains)

    @property
    def verdict(self) -> str:
        """breaks, uncertain (too much is unknown to say that it does not), lags, or safe."""
        if self.breaks:
            return "breaks"
        if self.uncertain:
            return "uncertain"
        return "lags" if self.chains else "safe"


def impact(
    snapshot: Snapshot,
    *,
    nodes: Collection[str] = (),
    services: Collection[str] = (),
    centres: Collection[str] = (),
    counts: Mapping[Place, int] | None = None,
    rates: Mapping[str, float] | None = None,
) -> ImpactReport:
    """The impact of losing all of these at once.

    `services` and `centres` lose all their nodes; `counts` maps (service, centre) to how many serving nodes are lost there
    (which ones makes no difference, except for replicas: the lowest shards first). `rates` are measured requests per second
    by chain and replace the declared peak rates. Raises UnknownTarget.
    """
    gone = _resolve(snapshot, nodes, services, centres, counts or {})
    before, after = carrying(snapshot), carrying(snapshot, gone)
    flow = {chain.code: (rates or {}).get(chain.code, chain.peak_rate_per_s) for chain in snapshot.chains}
    chains = chains_hit(snapshot, flow, before, after)
    old, new = _single_points(snapshot, before), _single_points(snapshot, after)
    was = {(spof.service, spof.centre, spof.shard) for spof in old}
    total = sum(flow.values())
    lost = sum(chain.lost_per_s for chain in chains)
    return ImpactReport(
        snapshot_digest=snapshot.digest,
        basis=snapshot.basis,
        unknown_nodes=snapshot.unknown_nodes,
        targets={
            "nodes": sorted(nodes),
            "services": sorted(services),
            "centres": sorted(centres),
            "counts": [f"{service}@{centre}:{k}" for (service, centre), k in sorted((counts or {}).items()) if k],
        },
        nodes_taken=len(gone),
        cells=_cells(snapshot, gone, flow, before, after),
        chains=sorted(chains, key=lambda c: (-c.lost_per_s, not c.critical, c.code)),
        lost_share=lost / total if total else 0.0,
        lost_per_s=lost,
        total_per_s=total,
        new_single_points=[spof for spof in new if (spof.service, spof.centre, spof.shard) not in was],
        old_single_points=old,
        uncertain=_uncertain(snapshot, before),
    )


def chains_hit(snapshot: Snapshot, flow: Mapping[str, float], before: Carrying, after: Carrying) -> list[ChainImpact]:
    """The chains that are worse off `after` than `before`; `flow` is each chain's rate per second."""
    found = (_chain(snapshot, chain, flow[chain.code], before, after) for chain in snapshot.chains)
    return [chain for chain in found if chain is not None]


def _uncertain(snapshot: Snapshot, before: Carrying) -> list[str]:
    doubtful = {node.service for node in snapshot.nodes if not node.known}
    hard = [(d.caller, d.callee) for d in snapshot.dependencies if d.mode == "hard" and not d.from_chain]
    grown = True
    while grown:
        more = {caller for caller, callee in hard if callee in doubtful} - doubtful
        doubtful |= more
        grown = bool(more)
    return [
        chain.code
        for chain in snapshot.chains
        if doubtful.intersection(chain.sync_services)
        and any(
            before.of(service, centre.code) < 1 - _EPSILON
            for service in chain.sync_services
            for centre in snapshot.centres
        )
    ]


def _resolve(
    snapshot: Snapshot,
    nodes: Collection[str],
    services: Collection[str],
    centres: Collection[str],
    counts: Mapping[Place, int],
) -> frozenset[str]:
    known = {node.name for node in snapshot.nodes}
    unknown = set(nodes) - known
    unknown |= set(services) - snapshot.service_by_name.keys()
    unknown |= set(centres) - {centre.code for centre in snapshot.centres}
    unknown |= {f"{service}@{centre}" for service, centre in counts if (service, centre) not in snapshot.needed_of}
    if unknown:
        raise UnknownTarget(", ".join(sorted(unknown)))
    gone = set(nodes)
    gone |= {node.name for node in snapshot.nodes if node.service in services or node.centre in centres}
    for (service, centre), count in counts.items():
        candidates: list[NodeFact] = [
            node
            for node in snapshot.nodes_by_service[service]
            if node.centre == centre and node.serving and node.name not in gone
        ]
        gone |= {node.name for node in candidates[:count]}
    return frozenset(gone)


def _demand(snapshot: Snapshot, flow: Mapping[str, float]) -> dict[Place, float]:
    """Requests per second that arrive at each service in each centre."""
    demand: dict[Place, float] = {}
    for chain in snapshot.chains:
        for hop in chain.hops:
            for centre in snapshot.centres:
                place = (hop.service, centre.code)
                demand[place] = demand.get(place, 0.0) + flow[chain.code] * centre.flow_share
    return demand


def _cells(
    snapshot: Snapshot, gone: frozenset[str], flow: Mapping[str, float], before: Carrying, after: Carrying
) -> list[CellImpact]:
    demand = _demand(snapshot, flow)
    taken: dict[Place, int] = {}
    for node in snapshot.nodes:
        if node.name in gone:
            taken[node.service, node.centre] = taken.get((node.service, node.centre), 0) + 1
    found = []
    for place, group in after.groups.items():
        touched = taken.get(place, 0) > 0
        if not touched and after.effective[place] >= before.effective[place] - _EPSILON:
            continue
        fact, wanted = snapshot.service_by_name[place[0]], demand.get(place, 0.0)
        found.append(
            CellImpact(
                service=place[0],
                centre=place[1],
                taken=taken.get(place, 0),
                serving_before=before.groups[place].serving,
                serving_after=group.serving,
                needed=group.needed,
                carried_before=before.effective[place],
                carried_after=after.effective[place],
                state=_state(after, place),
                headroom=group.serving * fact.capacity_per_s / wanted if wanted else None,
                path=_explain(after, place),
            )
        )
    order = {"failed": 0, "short": 1, "no_spare": 2, "spare": 3}
    return sorted(found, key=lambda cell: (order[cell.state], cell.carried_after, cell.service, cell.centre))


def _state(after: Carrying, place: Place) -> str:
    carried = after.effective[place]
    if carried <= _EPSILON:
        return "failed"
    if carried < 1 - _EPSILON:
        return "short"
    group = after.groups[place]
    if group.needed:
        return "no_spare" if group.serving == group.needed else "spare"
    tight = any(s == place[0] and serving == majority(n) for (s, _), (serving, n) in after.shards.items())
    return "no_spare" if tight else "spare"


def _explain(state: Carrying, place: Place) -> list[str]:
    """The places from the effect down to the cause, as `service@centre (serving/needed)`."""
    return [_label(state, step) for step in state.path(place)]


def _label(state: Carrying, place: Place) -> str:
    group = state.groups.get(place)
    if group is None:
        return f"{place[0]}@{place[1]}"
    if group.needed:
        return f"{place[0]}@{place[1]} ({group.serving}/{group.needed})"
    short = [
        f"shard {shard}: {serving}/{majority(n)}" for (s, shard), (serving, n) in state.shards.items() if s == place[0]
    ]
    return f"{place[0]}@{place[1]} ({', '.join(short)})"


def _chain(snapshot: Snapshot, chain: ChainFact, rate: float, before: Carrying, after: Carrying) -> ChainImpact | None:
    lost, remaining, by_centre, worst, moved = 0.0, 0.0, {}, None, 0.0
    for centre in snapshot.centres:
        carried = {service: after.of(service, centre.code) for service in chain.sync_services}
        weakest = min(carried, key=carried.__getitem__, default=None)
        now = carried[weakest] if weakest else 1.0
        was = min((before.of(service, centre.code) for service in chain.sync_services), default=1.0)
        by_centre[centre.code] = now
        remaining += centre.flow_share * now
        drop = centre.flow_share * max(0.0, was - now)
        lost += drop
        if drop > _EPSILON and (worst is None or drop > worst[0]):
            worst = (drop, weakest, centre.code)
        moved += _spare_flow(after, chain, centre.code) * centre.flow_share
    if worst is not None:
        path = [chain.code, *_explain(after, (worst[1], worst[2]))]
        effect = "fails" if remaining <= _EPSILON else "loses"
        return _found(chain, effect, lost, remaining, rate, min(lost, moved), by_centre, path)
    later = _later(snapshot, chain, before, after)
    if later is None:
        return None
    effect, path = later
    return _found(chain, effect, 0.0, remaining, rate, 0.0, by_centre, [chain.code, *path])


def _found(
    chain: ChainFact,
    effect: str,
    lost: float,
    remaining: float,
    rate: float,
    absorbable: float,
    by_centre: dict[str, float],
    path: list[str],
) -> ChainImpact:
    return ChainImpact(
        chain.code, chain.name, chain.critical, effect, lost, remaining, lost * rate, absorbable, by_centre, path
    )


def _spare_flow(after: Carrying, chain: ChainFact, centre: str) -> float:
    """How much more than its own share this centre could take of the chain: set by its tightest hop."""
    factors = []
    for service in chain.sync_services:
        group = after.groups.get((service, centre))
        if group is None or not group.needed:
            factors.append(float("inf") if after.of(service, centre) >= 1 - _EPSILON else 0.0)
        elif after.effective[service, centre] < 1 - _EPSILON:
            factors.append(0.0)
        else:
            factors.append(group.serving / group.needed - 1)
    tightest = min(factors, default=0.0)
    return 0.0 if tightest == float("inf") else tightest


def _later(snapshot: Snapshot, chain: ChainFact, before: Carrying, after: Carrying) -> tuple[str, list[str]] | None:
    """Hops nobody waits for, and soft or asynchronous needs of the others: they fall behind or degrade, no flow is lost."""
    found: list[tuple[float, str, list[str]]] = []
    soft = {
        (d.callee, "degrades" if d.mode == "soft" else "lags", d.caller)
        for d in snapshot.dependencies
        if d.mode != "hard" and not d.from_chain and d.caller in chain.sync_services
    }
    watched = [(service, "lags", "") for service in chain.later_services] + sorted(soft)
    for service, effect, caller in watched:
        for centre in snapshot.centres:
            drop = before.of(service, centre.code) - after.of(service, centre.code)
            if drop > _EPSILON:
                path = _explain(after, (service, centre.code))
                found.append((drop, effect, [f"{caller}@{centre.code}", *path] if caller else path))
    if not found:
        return None
    _, effect, path = max(found, key=lambda item: (item[1] == "degrades", item[0]))
    return effect, path


def _single_points(snapshot: Snapshot, state: Carrying) -> list[Spof]:
    found = [
        Spof(group.service, group.centre, None, group.serving, group.needed)
        for group in state.groups.values()
        if group.needed and group.serving == group.needed
    ]
    found += [
        Spof(service, "", shard, serving, majority(replicas))
        for (service, shard), (serving, replicas) in state.shards.items()
        if serving == majority(replicas)
    ]
    return sorted(found, key=lambda spof: (spof.service, spof.centre, spof.shard or 0))
