"""How much of the customers' flow a batch can hurt."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seeops.releases.blast import Reckoner
from seeops.topology.impact import impact
from seeops.topology.snapshot import CentreFact, ChainFact, HopFact, NodeFact, ServiceFact, Snapshot
from tests.seeops.releases.small_topology import CENTRES, snapshot

# How busy the machine is says nothing about the strategies.
SLOW = [HealthCheck.too_slow]

ESTATE = {("gate", "A"): 6, ("gate", "B"): 4, ("book", "A"): 3, ("book", "B"): 2, ("store", "A"): 2, ("side", "A"): 2}


def test_shares_are_those_of_the_centres_divided_by_their_serving_nodes():
    reckoner = Reckoner(snapshot(ESTATE))
    blast = reckoner.of("gate", ["gate-A-0", "gate-A-1", "gate-B-0"], 2)
    assert blast.chains == ("orders",)
    assert (blast.served, blast.at_once, blast.lost) == (0.3, 0.2, 0.0)
    half_down = Reckoner(snapshot(ESTATE, down=frozenset({"gate-A-3", "gate-A-4", "gate-A-5"})))
    assert half_down.of("gate", ["gate-A-0", "gate-A-5"], 2).at_once == 0.2


def test_a_chain_is_touched_through_what_its_hops_need_and_others_are_not():
    reckoner = Reckoner(snapshot(ESTATE))
    assert reckoner.of("store", ["store-A-0"], 1).chains == ("orders",)
    assert reckoner.of("side", ["side-A-0"], 1) == type(reckoner.of("side", ["side-A-0"], 1))((), 0.0, 0.0, 0.0)
    assert reckoner.most_at_once(["side-A-0", "side-A-1"], 2, 0.0) == 2


def test_what_may_be_out_at_once_follows_the_permitted_share():
    reckoner = Reckoner(snapshot(ESTATE))
    names = [f"gate-A-{number}" for number in range(6)]
    assert reckoner.most_at_once(names, 6, 0.35) == 3
    assert reckoner.most_at_once(names, 2, 1.0) == 2
    assert reckoner.most_at_once(names, 6, 0.05) == 0
    assert reckoner.largest_share(["gate-B-0", "book-A-1"]) == ("book-A-1", pytest.approx(0.2))


def test_replicas_serve_through_their_shard():
    nodes = tuple(NodeFact(f"match-{c}-{s}", "match", c, True, True, s) for c in ("A", "B", "C") for s in (0, 1))
    centres = (*CENTRES, CentreFact("C", "remote", 0.0))
    chain = ChainFact("orders", "orders", "x", "orders", True, 50.0, (HopFact(1, "match", "sync"),))
    needed = tuple(("match", centre, 1) for centre in "ABC")
    service = ServiceFact("match", "match", "x", "t", "shard", 10.0)
    reckoner = Reckoner(Snapshot("observed", centres, (service,), nodes, needed, (chain,), ()))
    one, two = reckoner.of("match", ["match-A-0"], 1), reckoner.of("match", ["match-A-0", "match-B-0"], 2)
    assert (one.at_once, one.lost, one.served) == (0.0, 0.0, 0.1667)
    assert two.lost == 0.5


@given(
    present=st.fixed_dictionaries({key: st.integers(1, 6) for key in ESTATE}),
    needed=st.integers(1, 4),
    out=st.integers(1, 6),
    share=st.floats(0, 1),
)
@settings(max_examples=80, deadline=None, suppress_health_check=SLOW)
def test_what_is_lost_is_the_impact_of_the_same_nodes_and_the_limit_is_kept(present, needed, out, share):
    facts = snapshot(present, needed)
    reckoner = Reckoner(facts)
    names = [node.name for node in facts.nodes if node.service == "gate"]
    blast = reckoner.of("gate", names, len(names))
    whole = impact(facts, nodes=names)
    assert blast.lost == pytest.approx(max((c.lost_share for c in whole.chains), default=0.0), abs=1e-4)
    assert blast.at_once <= blast.served + 1e-4
    allowed = reckoner.most_at_once(names, out, share)
    assert allowed <= out
    if allowed:
        assert reckoner.of("gate", names, allowed).at_once <= share + 1e-4
