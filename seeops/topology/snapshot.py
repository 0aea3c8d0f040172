"""The topology at one moment, frozen: what impact is computed on and what an approval refers to. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property


@dataclass(frozen=True)
class CentreFact:
    code: str
    role: str
    flow_share: float


@dataclass(frozen=True)
class ServiceFact:
    name: str
    title: str
    domain: str
    tier: str
    kind: str
    capacity_per_s: float


@dataclass(frozen=True)
class NodeFact:
    """`serving` only when certainly so; `known` is False for a node nobody can tell anything about."""

    name: str
    service: str
    centre: str
    serving: bool
    known: bool = True
    shard: int | None = None


@dataclass(frozen=True)
class HopFact:
    position: int
    service: str
    mode: str


@dataclass(frozen=True)
class ChainFact:
    code: str
    name: str
    domain: str
    kind: str
    critical: bool
    peak_rate_per_s: float
    hops: tuple[HopFact, ...]

    @property
    def sync_services(self) -> list[str]:
        return list(dict.fromkeys(hop.service for hop in self.hops if hop.mode == "sync"))

    @property
    def later_services(self) -> list[str]:
        """Services of hops that the client does not wait for."""
        waited = set(self.sync_services)
        return list(dict.fromkeys(hop.service for hop in self.hops if hop.service not in waited))


@dataclass(frozen=True)
class DependencyFact:
    """`mode` hard, soft or async. `from_chain`: seen in the hops of a chain, and true for that chain only."""

    caller: str
    callee: str
    mode: str
    from_chain: bool


@dataclass(frozen=True)
class Snapshot:
    """All tuples are sorted, so equal topologies have equal digests. `basis`: `observed`, or `planned` (all nodes serve)."""

    basis: str
    centres: tuple[CentreFact, ...]
    services: tuple[ServiceFact, ...]
    nodes: tuple[NodeFact, ...]
    needed: tuple[tuple[str, str, int], ...]
    chains: tuple[ChainFact, ...]
    dependencies: tuple[DependencyFact, ...]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, hex."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def needed_of(self) -> dict[tuple[str, str], int]:
        return {(service, centre): count for service, centre, count in self.needed}

    @cached_property
    def service_by_name(self) -> dict[str, ServiceFact]:
        return {service.name: service for service in self.services}

    @cached_property
    def nodes_by_service(self) -> dict[str, list[NodeFact]]:
        grouped: dict[str, list[NodeFact]] = {service.name: [] for service in self.services}
        for node in self.nodes:
            grouped[node.service].append(node)
        return grouped

    @property
    def unknown_nodes(self) -> int:
        return sum(not node.known for node in self.nodes)
