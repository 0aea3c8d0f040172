"""A topology small enough to reckon by hand: gate → book in one chain, and book needs store hard."""

from __future__ import annotations

from seeops.topology.snapshot import CentreFact, ChainFact, DependencyFact, HopFact, NodeFact, ServiceFact, Snapshot

CENTRES = (CentreFact("A", "production", 0.6), CentreFact("B", "same_city", 0.4))


def snapshot(present: dict[tuple[str, str], int], needed: int = 1, down: frozenset[str] = frozenset()) -> Snapshot:
    """Services gate → book, where book needs store hard; `present` nodes by (service, centre)."""
    nodes = [
        NodeFact(name, service, centre, name not in down)
        for (service, centre), count in sorted(present.items())
        for name in (f"{service}-{centre}-{number}" for number in range(count))
    ]
    services = tuple(ServiceFact(name, name, "x", "t", "stateless", 10.0) for name in sorted({s for s, _ in present}))
    hops = (HopFact(1, "gate", "sync"), HopFact(2, "book", "sync"))
    needs = (DependencyFact("book", "store", "hard", False),)
    chain = ChainFact("orders", "orders", "x", "orders", True, 50.0, hops)
    quantity = tuple((service, centre, needed) for service, centre in sorted(present))
    return Snapshot("observed", CENTRES, services, tuple(nodes), quantity, (chain,), needs)
