"""How nodes are cut into batches."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seeops.releases.batches import CENTRES, DEFAULT_EXPRESSION, Member, PlanError, plan, suggest
from seeops.releases.expressions import suggest_for_shards

# How busy the machine is says nothing about the strategies.
SLOW = [HealthCheck.too_slow]

CENTRES_OF = (("WH-A", 0), ("SZ-B", 1), ("SZ-A", 2))


def members(*counts: int) -> list[Member]:
    return [
        Member(f"node-{centre.lower()}-{number:04d}", centre, rank)
        for (centre, rank), count in zip(CENTRES_OF, counts, strict=True)
        for number in range(count)
    ]


def test_default_batches_of_240_nodes_start_with_one_in_the_standby_centre():
    made = plan(DEFAULT_EXPRESSION, members(28, 82, 130), {"WH-A": 12, "SZ-B": 30, "SZ-A": 50})
    assert [len(batch.nodes) for batch in made.batches] == [1, 11, 60, 168]
    assert made.batches[0].nodes == ("node-wh-a-0000",)
    second = {name.split("-0")[0] for name in made.batches[1].nodes}
    assert second == {"node-wh-a", "node-sz-b", "node-sz-a"}
    assert made.warnings == ()


def test_an_expression_without_a_plan_is_refused():
    with pytest.raises(PlanError, match="end at 30 of 100"):
        plan("1, 30%", members(20, 30, 50), {"WH-A": 5, "SZ-B": 5, "SZ-A": 5})


def test_duplicate_nodes_are_refused():
    with pytest.raises(PlanError, match="twice: node-wh-a-0000"):
        plan("100%", [*members(1, 1, 1), *members(1, 0, 0)], {})


def test_a_centre_without_a_spare_node_is_refused_unless_people_accept_it():
    with pytest.raises(PlanError, match="WH-A, SZ-A has no node to spare: .* Bring a node back"):
        plan("1, 100%", members(2, 2, 2), {"SZ-B": 1})
    made = plan("1, 100%", members(2, 2, 2), {"SZ-B": 1}, short=True)
    assert {batch.concurrency for batch in made.batches} == {1}
    assert [warning.split()[0] for warning in made.warnings] == ["WH-A", "SZ-A"]


def test_centre_after_centre_finishes_the_standby_before_it_begins_the_next():
    made = plan("1, 30%, 100%", members(4, 10, 20), {"WH-A": 2, "SZ-B": 4, "SZ-A": 8}, order=CENTRES)
    centres = [{name[5:9] for name in batch.nodes} for batch in made.batches]
    assert centres == [{"wh-a"}, {"wh-a"}, {"wh-a"}, {"sz-b"}, {"sz-b"}, {"sz-b"}, {"sz-a"}, {"sz-a"}, {"sz-a"}]
    assert [batch.number for batch in made.batches] == list(range(1, 10))
    with pytest.raises(PlanError, match="WH-A: The batches end at 2 of 4"):
        plan("1, 30%", members(4, 10, 20), {"WH-A": 2, "SZ-B": 4, "SZ-A": 8}, order=CENTRES)


def replicas(leaders: tuple[str, ...], shards: int = 2) -> list[Member]:
    """One replica of each shard in each centre; `leaders[shard]` is the centre of the leading one."""
    return [
        Member(f"matching-{centre.lower()}-{shard}", centre, rank, shard, leaders[shard] == centre)
        for centre, rank in CENTRES_OF
        for shard in range(shards)
    ]


def test_replicas_of_a_shard_are_never_together_and_its_leader_is_the_last():
    one = {centre: 1 for centre, _ in CENTRES_OF}
    made = plan("1, 1, 2, 2", replicas(("SZ-A", "WH-A")), one)
    assert [batch.nodes for batch in made.batches] == [
        ("matching-wh-a-0",),
        ("matching-sz-b-1",),
        ("matching-sz-b-0", "matching-sz-a-1"),
        ("matching-wh-a-1", "matching-sz-a-0"),
    ]
    assert {batch.concurrency for batch in made.batches} == {1}


def test_both_members_of_a_pair_in_one_batch_are_refused_with_their_names():
    one = {centre: 1 for centre, _ in CENTRES_OF}
    words = r"Batch 2 \(100%\) would hold two replicas of shard \d \(.* and .*\).*“1, 1, 2, 2”"
    with pytest.raises(PlanError, match=words):
        plan("1, 100%", replicas(("SZ-A", "SZ-A")), one)


@given(
    shards=st.integers(1, 5),
    places=st.lists(st.integers(0, 2), min_size=5, max_size=5),
    gone=st.sets(st.integers(0, 14)),
)
@settings(max_examples=80, deadline=None, suppress_health_check=SLOW)
def test_every_plan_of_shards_keeps_a_majority_and_leaves_the_lead_to_the_end(shards, places, gone):
    nodes = replicas(tuple(CENTRES_OF[place][0] for place in places), shards)
    nodes = [node for position, node in enumerate(nodes) if position not in gone] or nodes
    counted = [sum(node.shard == shard for node in nodes) for shard in range(shards)]
    made = plan(suggest_for_shards([count for count in counted if count]), nodes, {c: 1 for c, _ in CENTRES_OF})
    by_name = {node.name: node for node in nodes}
    assert sorted(name for batch in made.batches for name in batch.nodes) == sorted(by_name)
    seen: list[Member] = []
    for batch in made.batches:
        chosen = [by_name[name] for name in batch.nodes]
        assert len({node.shard for node in chosen}) == len(chosen)
        seen += chosen
    for shard in range(shards):
        assert not any(node.leads for node in [node for node in seen if node.shard == shard][:-1])


def test_one_node_after_the_other_is_a_plan():
    made = plan("1", members(3, 9, 14), {"WH-A": 1, "SZ-B": 3, "SZ-A": 5})
    assert [len(batch.nodes) for batch in made.batches] == [1] * 26


@given(
    counts=st.tuples(st.integers(1, 40), st.integers(1, 60), st.integers(1, 90)),
    spare=st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20)),
    terms=st.lists(st.integers(1, 99), min_size=0, max_size=5, unique=True),
)
@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
def test_every_plan_covers_all_nodes_once_and_leaves_each_centre_what_it_needs(counts, spare, terms):
    nodes = members(*counts)
    left = dict(zip(("WH-A", "SZ-B", "SZ-A"), spare, strict=True))
    expression = suggest(len(nodes), ", ".join([*(f"{term}%" for term in sorted(terms)), "100%"]))
    made = plan(expression, nodes, left, short=True)
    centre_of = {member.name: member.centre for member in nodes}
    planned = [name for batch in made.batches for name in batch.nodes]
    assert sorted(planned) == sorted(centre_of)
    totals = {centre: sum(member.centre == centre for member in nodes) for centre in left}
    touched: list[str] = []
    for batch in made.batches[:-1]:
        per_centre = {centre: sum(centre_of[name] == centre for name in batch.nodes) for centre in left}
        assert all(per_centre[centre] <= max(1, left[centre]) for centre in left)
        before = {centre: sum(centre_of[name] == centre for name in touched) for centre in left}
        touched += batch.nodes
        gone = {centre: sum(centre_of[name] == centre for name in touched) for centre in left}
        # The last old node of a centre stays until the last batch, unless every centre is down to one.
        kept = all(gone[centre] < totals[centre] or totals[centre] == 1 for centre in left)
        assert kept or all(before[centre] >= totals[centre] - 1 for centre in left)
    for batch in made.batches:
        centres = {centre_of[name] for name in batch.nodes}
        assert batch.concurrency <= min(max(1, left[centre]) for centre in centres)
    assert plan(expression, nodes, left, short=True) == made
    assert plan(expression, list(reversed(nodes)), left, short=True) == made
