"""How much of its share each service carries in each centre, given which nodes serve. Pure.

A service in a centre carries min(1, serving / needed) by itself (k-of-n). What it needs hard (declared dependencies) caps
it in the same centre, or, where the needed service has no node there, at the best of the other centres. A replicated shard
is not bound to a centre: it carries as long as a majority of its replicas serves, so the service carries the part of its
shards that do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

from seeops.inventory.redundancy import majority
from seeops.topology.snapshot import NodeFact, Snapshot

Place = tuple[str, str]  # service, centre


@dataclass(frozen=True)
class Group:
    """One service in one centre, counted. For replicated services `needed` is 0: their shards decide."""

    service: str
    centre: str
    total: int
    serving: int
    needed: int


@dataclass
class Carrying:
    """`own` and `effective` per place, between 0 and 1; `cause` names the dependency that caps a place, if one does."""

    groups: dict[Place, Group]
    shards: dict[tuple[str, int], tuple[int, int]]
    own: dict[Place, float]
    effective: dict[Place, float]
    cause: dict[Place, Place] = field(default_factory=dict)

    def of(self, service: str, centre: str) -> float:
        """What a request in `centre` finds of `service`; of another centre if it has none there."""
        if (service, centre) in self.effective:
            return self.effective[service, centre]
        return max((value for (name, _), value in self.effective.items() if name == service), default=0.0)

    def path(self, place: Place) -> list[Place]:
        """The places from `place` down to the one whose own nodes are the cause."""
        walked = [place]
        while walked[-1] in self.cause and self.cause[walked[-1]] not in walked:
            walked.append(self.cause[walked[-1]])
        return walked


def carrying(snapshot: Snapshot, gone: Collection[str] = ()) -> Carrying:
    """Evaluate the snapshot with the nodes `gone` absent."""
    gone = frozenset(gone)
    groups, shards = _count(snapshot, gone)
    shares = _shard_shares(shards)
    own = {
        place: shares[place[0]] if place[0] in shares else min(1.0, group.serving / group.needed)
        for place, group in groups.items()
    }
    result = Carrying(groups, shards, own, dict(own))
    _propagate(snapshot, result)
    return result


def _count(
    snapshot: Snapshot, gone: frozenset[str]
) -> tuple[dict[Place, Group], dict[tuple[str, int], tuple[int, int]]]:
    members: dict[Place, list[NodeFact]] = defaultdict(list)
    replicas: dict[tuple[str, int], list[NodeFact]] = defaultdict(list)
    for node in snapshot.nodes:
        members[node.service, node.centre].append(node)
        if node.shard is not None:
            replicas[node.service, node.shard].append(node)

    def serving(nodes: list[NodeFact]) -> int:
        return sum(node.serving and node.name not in gone for node in nodes)

    groups = {}
    for service, centre, needed in snapshot.needed:
        nodes = members.get((service, centre), [])
        replicated = any(node.shard is not None for node in nodes)
        groups[service, centre] = Group(service, centre, len(nodes), serving(nodes), 0 if replicated else needed)
    return groups, {key: (serving(nodes), len(nodes)) for key, nodes in replicas.items()}


def _shard_shares(shards: dict[tuple[str, int], tuple[int, int]]) -> dict[str, float]:
    alive: dict[str, list[bool]] = defaultdict(list)
    for (service, _), (serving, replicas) in shards.items():
        alive[service].append(serving >= majority(replicas))
    return {service: sum(flags) / len(flags) for service, flags in alive.items()}


def _propagate(snapshot: Snapshot, state: Carrying) -> None:
    """Lower callers to what they need hard until nothing changes; values only fall, so this ends, also with cycles."""
    hard = [(d.caller, d.callee) for d in snapshot.dependencies if d.mode == "hard" and not d.from_chain]
    changed = True
    while changed:
        changed = False
        for caller, callee in hard:
            for centre in (centre.code for centre in snapshot.centres):
                place = (caller, centre)
                if place not in state.effective:
                    continue
                limit = state.of(callee, centre)
                if limit < state.effective[place]:
                    state.effective[place] = limit
                    state.cause[place] = _place_of(state, callee, centre, limit)
                    changed = True


def _place_of(state: Carrying, service: str, centre: str, value: float) -> Place:
    if (service, centre) in state.effective:
        return service, centre
    return next(
        (p for p, carried in state.effective.items() if p[0] == service and carried == value), (service, centre)
    )
