"""Redundancy-aware impact, by hand on a small estate and by property on random ones."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seeops.topology.criticality import criticality
from seeops.topology.impact import UnknownTarget, impact
from seeops.topology.snapshot import (
    CentreFact,
    ChainFact,
    DependencyFact,
    HopFact,
    NodeFact,
    ServiceFact,
    Snapshot,
)

CENTRES = (CentreFact("A", "production", 0.6), CentreFact("B", "same_city", 0.4))


def chain(code: str, *hops: str, rate: float = 10.0) -> ChainFact:
    """Hops as `service` or `service:mode`."""
    facts = []
    for position, hop in enumerate(hops, 1):
        service, _, mode = hop.partition(":")
        facts.append(HopFact(position, service, mode or "sync"))
    return ChainFact(code, code, "x", "requests", True, rate, tuple(facts))


def build(
    sizes: dict[tuple[str, str], tuple[int, int]],
    chains: tuple[ChainFact, ...],
    hard: tuple[tuple[str, str], ...] = (),
    down: frozenset[str] = frozenset(),
    unknown: frozenset[str] = frozenset(),
) -> Snapshot:
    """`sizes`: (service, centre) → (needed, present); nodes are called service-centre-number."""
    names = sorted({service for service, _ in sizes})
    nodes = [
        NodeFact(name, service, centre, name not in down | unknown, name not in unknown)
        for (service, centre), (_, present) in sorted(sizes.items())
        for name in (f"{service}-{centre}-{i}" for i in range(present))
    ]
    return Snapshot(
        "observed",
        CENTRES,
        tuple(ServiceFact(name, name, "x", "t", "stateless", 10.0) for name in names),
        tuple(nodes),
        tuple((service, centre, needed) for (service, centre), (needed, _) in sorted(sizes.items())),
        chains,
        tuple(DependencyFact(a, b, "hard", False) for a, b in hard),
    )


SIZES = {("gate", "A"): (2, 3), ("gate", "B"): (1, 2), ("book", "A"): (2, 2), ("book", "B"): (2, 4)}
ESTATE = build(SIZES, (chain("order", "gate", "book", rate=100.0), chain("ask", "gate", rate=50.0)))


def test_losing_what_is_spare_hits_nothing_but_leaves_a_single_point() -> None:
    report = impact(ESTATE, nodes=["gate-A-0"])
    assert report.verdict == "safe" and report.chains == [] and report.lost_share == 0
    (cell,) = report.cells
    assert (cell.state, cell.serving_after, cell.left) == ("no_spare", 2, 0)
    assert [(spof.service, spof.centre) for spof in report.new_single_points] == [("gate", "A")]
    assert [(spof.service, spof.centre) for spof in report.old_single_points] == [("book", "A")]


def test_losing_more_takes_its_part_of_the_flow_of_that_centre() -> None:
    report = impact(ESTATE, counts={("book", "A"): 1})
    (order,) = report.chains
    assert (order.code, order.effect) == ("order", "loses")
    assert order.lost_share == pytest.approx(0.6 * 0.5)
    assert report.lost_per_s == pytest.approx(30.0) and report.lost_share == pytest.approx(0.2)
    assert order.by_centre == {"A": 0.5, "B": 1.0}
    assert order.path == ["order", "book@A (1/2)"]
    # B has twice what it needs of book and of gate: it could take 0.4 more.
    assert order.absorbable_share == pytest.approx(0.3)


def test_a_lost_service_stops_its_chains_and_measured_rates_count() -> None:
    report = impact(ESTATE, services=["gate"], rates={"order": 10.0, "ask": 30.0})
    assert [(found.code, found.effect, found.lost_share) for found in report.chains] == [
        ("ask", "fails", 1.0),
        ("order", "fails", 1.0),
    ]
    assert (report.lost_per_s, report.total_per_s) == (40.0, 40.0)


def test_a_hard_need_carries_through_with_the_path_that_explains_it() -> None:
    sizes = SIZES | {("store", "A"): (1, 1), ("store", "B"): (1, 2)}
    estate = build(sizes, ESTATE.chains, hard=(("book", "store"),))
    report = impact(estate, nodes=["store-A-0"])
    (order,) = report.chains
    assert order.lost_share == pytest.approx(0.6)
    assert order.path == ["order", "book@A (2/2)", "store@A (0/1)"]


def test_mutual_hard_needs_end() -> None:
    estate = build(SIZES, ESTATE.chains, hard=(("gate", "book"), ("book", "gate")))
    report = impact(estate, counts={("book", "A"): 2})
    assert {found.code for found in report.chains} == {"order", "ask"}


def test_hops_nobody_waits_for_fall_behind_without_losing_flow() -> None:
    estate = build(SIZES, (chain("order", "gate", "book:async"),))
    report = impact(estate, services=["book"])
    assert (report.verdict, report.chains[0].effect, report.lost_share) == ("lags", "lags", 0.0)


def test_shards_live_by_majority_whatever_the_centre() -> None:
    replicas = tuple(
        NodeFact(f"m-{centre}-{shard}", "match", centre, True, True, shard) for centre in "ABC" for shard in (0, 1)
    )
    estate = Snapshot(
        "observed",
        (CentreFact("A", "production", 0.5), CentreFact("B", "same_city", 0.3), CentreFact("C", "remote", 0.2)),
        (ServiceFact("match", "match", "x", "t", "shard", 10.0),),
        replicas,
        tuple(("match", centre, 2) for centre in "ABC"),
        (chain("order", "match"),),
        (),
    )
    one_centre = impact(estate, centres=["A"])
    assert one_centre.verdict == "safe"
    assert {(spof.shard, spof.serving) for spof in one_centre.new_single_points} == {(0, 2), (1, 2)}
    one_shard = impact(estate, nodes=["m-A-0", "m-B-0"])
    assert one_shard.lost_share == pytest.approx(0.5)


def test_unknown_nodes_are_never_taken_for_good() -> None:
    estate = build(SIZES, ESTATE.chains, unknown=frozenset({"book-A-0"}))
    report = impact(estate, nodes=["gate-A-0"])
    assert (report.verdict, report.uncertain, report.unknown_nodes) == ("uncertain", ["order"], 1)


def test_names_that_do_not_exist_are_named() -> None:
    with pytest.raises(UnknownTarget, match="nowhere"):
        impact(ESTATE, nodes=["nowhere"])


def test_digests_follow_the_content() -> None:
    assert ESTATE.digest == dataclasses.replace(ESTATE).digest
    assert ESTATE.digest != build(SIZES, ESTATE.chains, down=frozenset({"gate-A-0"})).digest
    assert impact(ESTATE, nodes=["gate-A-0"]).digest == impact(ESTATE, nodes=["gate-A-0"]).digest


def test_the_most_critical_service_is_the_one_all_flow_passes() -> None:
    first, second = criticality(ESTATE)
    assert (first.service, first.lost_share, first.chains, first.dominated) == ("gate", 1.0, 2, 0)
    assert (second.service, second.lost_share) == ("book", pytest.approx(2 / 3))


NAMES = [node.name for node in ESTATE.nodes]


@given(st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES)))
def test_taking_more_away_never_loses_less(some: set[str], more: set[str]) -> None:
    sizes = SIZES | {("store", "A"): (1, 2), ("store", "B"): (1, 1)}
    estate = build(sizes, ESTATE.chains, hard=(("book", "store"),))
    less, all_ = impact(estate, nodes=some), impact(estate, nodes=some | more)
    assert all_.lost_share >= less.lost_share - 1e-12
    assert 0 <= all_.lost_share <= 1
    assert sum(found.lost_per_s for found in all_.chains) == pytest.approx(all_.lost_per_s)
