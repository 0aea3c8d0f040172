"""How the cost of a plan grows with the estate: cutting, blast radius and digest of three services, without a database."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from seeops.releases.batches import Member, plan
from seeops.releases.blast import Reckoner
from seeops.topology.snapshot import CentreFact, ChainFact, HopFact, NodeFact, ServiceFact, Snapshot

pytestmark = pytest.mark.bench

CENTRES = (("WH-A", "remote", 0.12), ("SZ-B", "same_city", 0.34), ("SZ-A", "production", 0.54))
SHARE = {"WH-A": 0.125, "SZ-B": 0.375, "SZ-A": 0.5}
NODES, TIMES, REPEATS = 1200, 4, 5
MOST_RATIO = 5.0
EXPRESSIONS = ("1, 5%, 30%, 100%", "5 *2", "25 50 +50")


def estate(nodes: int) -> Snapshot:
    """Three services of equal size in three centres, one chain through all of them."""
    names = [
        NodeFact(f"{service}-{centre}-{number:05d}", service, centre, serving=True)
        for service in ("a", "b", "c")
        for centre, _, _ in CENTRES
        for number in range(int(nodes / 3 * SHARE[centre]))
    ]
    needed = tuple(
        (service, centre, int(nodes / 3 * SHARE[centre] * 0.6))
        for service in ("a", "b", "c")
        for centre, _, _ in CENTRES
    )
    return Snapshot(
        "observed",
        tuple(CentreFact(*centre) for centre in CENTRES),
        tuple(ServiceFact(name, name, "x", "t", "stateless", 10.0) for name in ("a", "b", "c")),
        tuple(sorted(names, key=lambda node: node.name)),
        needed,
        (ChainFact("orders", "orders", "x", "orders", True, 90.0, tuple(HopFact(i, s, "sync") for i, s in enumerate("abc"))),),
        (),
    )  # fmt: skip


def planned(snapshot: Snapshot) -> int:
    """Cut the three services and reckon the blast of every batch; the number of batches."""
    reckoner, found = Reckoner(snapshot), 0
    ranks = {centre: rank for rank, (centre, _, _) in enumerate(CENTRES)}
    for service, expression in zip(("a", "b", "c"), EXPRESSIONS, strict=True):
        nodes = snapshot.nodes_by_service[service]
        spare = {c: sum(n.centre == c for n in nodes) - snapshot.needed_of[service, c] for c, _, _ in CENTRES}
        cut = plan(expression, [Member(node.name, node.centre, ranks[node.centre]) for node in nodes], spare)
        for batch in cut.batches:
            reckoner.of(service, batch.nodes, reckoner.most_at_once(batch.nodes, batch.concurrency, 0.3))
        found += len(cut.batches)
    return found


def fastest(work: Callable[[], object]) -> float:
    """Seconds of processor time of the best of several runs: what others do on the machine counts least there."""
    times = []
    for _ in range(REPEATS):
        begun = time.process_time()
        work()
        times.append(time.process_time() - begun)
    return min(times)


def test_four_times_the_nodes_cost_at_most_five_times_as_much():
    small, large = estate(NODES), estate(NODES * TIMES)
    planned(small)
    one, four = fastest(lambda: planned(small)), fastest(lambda: planned(large))
    print(
        f"\nnodes  seconds\n{NODES:5d}  {one:7.3f}\n{NODES * TIMES:5d}  {four:7.3f}\nratio {four / one:.2f}, at most {MOST_RATIO}"
    )
    assert planned(large) >= planned(small)
    assert four / one <= MOST_RATIO
