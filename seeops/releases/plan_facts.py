"""What plans are made from: the estate as it is now, read in a fixed number of queries however many services and nodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from seeops.cluster.leaders import leaders
from seeops.inventory import selectors as inventory
from seeops.inventory.models import CentreRole, Service, Version
from seeops.inventory.redundancy import Member, spare
from seeops.releases.blast import Reckoner
from seeops.releases.findings import Room
from seeops.topology import selectors as topology
from seeops.topology.snapshot import NodeFact, Snapshot

# Standby first: what goes wrong there is felt by the fewest.
RANK = {CentreRole.REMOTE: 0, CentreRole.SAME_CITY: 1, CentreRole.PRODUCTION: 2}


@dataclass(frozen=True)
class Facts:
    """`versions_now`: what each active node of the services runs; `packages` by (service, number); `leading` the centre of the
    leading replica by shard, for replicated services only; `sites` by centre."""

    snapshot: Snapshot
    versions_now: dict[str, str]
    packages: dict[tuple[str, str], Version]
    leading: dict[int, str]
    sites: dict[str, str]

    @cached_property
    def reckoner(self) -> Reckoner:
        return Reckoner(self.snapshot)

    @cached_property
    def ranks(self) -> dict[str, int]:
        return {centre.code: RANK[CentreRole(centre.role)] for centre in self.snapshot.centres}

    def nodes(self, service: str) -> list[NodeFact]:
        """Active nodes by name."""
        return self.snapshot.nodes_by_service[service]

    def room(self, service: str) -> dict[str, Room]:
        """By centre. Replicas of a shard are no matter of one centre: there `spare` is 1 when every shard can lose one more."""
        nodes = self.nodes(service)
        groups: dict[str, list[NodeFact]] = defaultdict(list)
        for node in nodes:
            groups[node.centre].append(node)
        members = {centre: [_member(node) for node in group] for centre, group in groups.items()}
        everywhere = [_member(node) for node in nodes] if any(node.shard is not None for node in nodes) else None
        needed = self.snapshot.needed_of
        return {
            centre: Room(
                serving=sum(node.serving for node in group),
                unknown=sum(not node.known for node in group),
                needed=needed.get((service, centre), 0),
                spare=spare(everywhere or members[centre], needed.get((service, centre), 0)),
            )
            for centre, group in groups.items()
        }

    def leads(self, node: NodeFact) -> bool:
        return node.shard is not None and self.leading.get(node.shard) == node.centre

    def leaderless(self, service: str) -> list[int]:
        """Shards of the service whose leader is not known."""
        shards = {node.shard for node in self.nodes(service) if node.shard is not None}
        return sorted(shard for shard in shards if shard not in self.leading)

    @property
    def needs(self) -> list[tuple[str, str]]:
        """Declared (caller, callee) pairs."""
        return [(d.caller, d.callee) for d in self.snapshot.dependencies if not d.from_chain]

    @property
    def chains(self) -> list[list[str]]:
        """Services of each chain in hop order."""
        return [[hop.service for hop in sorted(c.hops, key=lambda hop: hop.position)] for c in self.snapshot.chains]


def _member(node: NodeFact) -> Member:
    return Member(node.name, node.service, node.centre, node.serving, node.shard)


def facts(services: Sequence[Service], basis: Snapshot | None = None) -> Facts:
    """Read what plans of `services` need. `basis`: a snapshot that was just taken, else one is taken now."""
    snapshot = basis or topology.snapshot()
    pks = [service.pk for service in services]
    now = inventory.active_nodes().filter(service__in=pks).order_by().values_list("name", "version")
    packages = Version.objects.filter(service__in=pks).select_related("service")
    shards = {
        node.shard
        for service in services
        if service.replicated
        for node in snapshot.nodes_by_service[service.name]
        if node.shard is not None
    }
    return Facts(
        snapshot,
        dict(now),
        {(version.service.name, version.number): version for version in packages},
        leaders(shards) if shards else {},
        dict(inventory.centres().order_by().values_list("code", "site__code")),
    )
