"""What the cluster consists of: sites, centres, services, nodes, chains and shards, as read from cluster.yaml."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property

SERVICE_KINDS = ("stateless", "stateful", "component", "shard")
HOP_MODES = ("sync", "async", "replication")
CHAIN_KINDS = ("orders", "requests")
CENTRE_ROLES = ("primary", "same-city", "remote")


@dataclass(frozen=True)
class Site:
    name: str
    title: str


@dataclass(frozen=True)
class Centre:
    name: str
    title: str
    site: str
    role: str
    flow_share: float


@dataclass(frozen=True)
class Domain:
    name: str
    title: str


@dataclass(frozen=True)
class Service:
    """`nodes` and `needed` per centre; `uses` maps a service it depends on outside the chains to the mode of the call."""

    name: str
    title: str
    domain: str
    tier: str
    kind: str
    protocol: str
    service_time_ms: float
    capacity_per_s: float
    memory_mb: float
    memory_limit_mb: float
    nodes: dict[str, int]
    needed: dict[str, int]
    uses: dict[str, str]


@dataclass(frozen=True)
class Node:
    name: str
    service: str
    centre: str
    site: str
    domain: str
    ordinal: int


@dataclass(frozen=True)
class Hop:
    order: int
    name: str
    service: str
    mode: str


@dataclass(frozen=True)
class Chain:
    name: str
    title: str
    domain: str
    kind: str
    criticality: int
    peak_rate_per_s: float
    hops: tuple[Hop, ...]


@dataclass(frozen=True)
class Shard:
    """`nodes` maps each centre to the node of the matching service that hosts this shard's replica there."""

    shard: int
    nodes: dict[str, str]


def node_name(service: str, centre: str, ordinal: int) -> str:
    return f"{service}-{centre.lower().replace('-', '')}-{ordinal:03d}"


@dataclass(frozen=True)
class Topology:
    scale: float
    sites: dict[str, Site]
    centres: dict[str, Centre]
    domains: dict[str, Domain]
    services: dict[str, Service]
    chains: dict[str, Chain]
    shards: dict[int, Shard]
    latency_ms: dict[tuple[str, str], float]

    @cached_property
    def nodes(self) -> dict[str, Node]:
        """Every node by name, ordered by service, centre and ordinal."""
        listing = {}
        for service in self.services.values():
            for centre, count in service.nodes.items():
                for ordinal in range(1, count + 1):
                    name = node_name(service.name, centre, ordinal)
                    listing[name] = Node(name, service.name, centre, self.centres[centre].site, service.domain, ordinal)
        return listing

    def nodes_of(self, centre: str) -> list[Node]:
        return [node for node in self.nodes.values() if node.centre == centre]

    def latency_between(self, one: str, other: str) -> float:
        """One-way latency in milliseconds between two centres (0 within one)."""
        return 0.0 if one == other else self.latency_ms[min(one, other), max(one, other)]

    def describe(self) -> dict:
        """The topology as plain JSON: what inventories and graphs are built from."""
        return {
            "scale": self.scale,
            "sites": [asdict(site) for site in self.sites.values()],
            "centres": [asdict(centre) for centre in self.centres.values()],
            "domains": [asdict(domain) for domain in self.domains.values()],
            "services": [asdict(service) for service in self.services.values()],
            "nodes": [asdict(node) for node in self.nodes.values()],
            "chains": [asdict(chain) | {"hops": [asdict(hop) for hop in chain.hops]} for chain in self.chains.values()],
            "shards": [asdict(shard) for shard in self.shards.values()],
            "links": [{"between": list(pair), "latency_ms": value} for pair, value in self.latency_ms.items()],
        }
