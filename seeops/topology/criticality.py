"""How much hangs on each service: the flow that is lost with it, and the services that can be reached only through it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import networkx as nx

from seeops.topology.carrying import carrying
from seeops.topology.impact import chains_hit
from seeops.topology.snapshot import Snapshot

_ENTRY = "\0entry"


@dataclass(frozen=True)
class Criticality:
    """`lost_share` of all requests when the service is lost everywhere; `chains` that fail or lose flow then;
    `dominated` = how many other services no request can reach without it (dominator tree of the call graph)."""

    service: str
    lost_share: float
    chains: int
    critical_chains: int
    dominated: int


def criticality(snapshot: Snapshot, rates: Mapping[str, float] | None = None) -> list[Criticality]:
    """Every service, the most critical first."""
    below, before = dominated(snapshot), carrying(snapshot)
    flow = {chain.code: (rates or {}).get(chain.code, chain.peak_rate_per_s) for chain in snapshot.chains}
    total = sum(flow.values()) or 1.0
    found = []
    for service in snapshot.services:
        gone = [node.name for node in snapshot.nodes_by_service[service.name]]
        hit = chains_hit(snapshot, flow, before, carrying(snapshot, gone))
        losing = [chain for chain in hit if chain.lost_share > 0]
        found.append(
            Criticality(
                service.name,
                sum(chain.lost_per_s for chain in losing) / total,
                len(losing),
                sum(chain.critical for chain in losing),
                below.get(service.name, 0),
            )
        )
    return sorted(found, key=lambda item: (-item.lost_share, -item.dominated, item.service))


def dominated(snapshot: Snapshot) -> dict[str, int]:
    """Size of each service's dominator subtree (without itself) in the graph entry → first hops → calls."""
    graph = nx.DiGraph()
    for chain in snapshot.chains:
        if chain.hops:
            graph.add_edge(_ENTRY, chain.hops[0].service)
    graph.add_edges_from((d.caller, d.callee) for d in snapshot.dependencies)
    if _ENTRY not in graph:
        return {}
    parents = nx.immediate_dominators(graph, _ENTRY)
    tree = nx.DiGraph((parent, node) for node, parent in parents.items() if parent is not None and parent != node)
    return {node: len(nx.descendants(tree, node)) for node in tree if node != _ENTRY}
