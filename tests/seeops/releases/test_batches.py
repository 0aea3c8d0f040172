"""How nodes are cut into batches."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seeops.releases.batches import DEFAULT_EXPRESSION, Member, PlanError, parse, plan, sizes, suggest

CENTRES = (("WH-A", 0), ("SZ-B", 1), ("SZ-A", 2))


def members(*counts: int) -> list[Member]:
    return [
        Member(f"node-{centre.lower()}-{number:04d}", centre, rank)
        for (centre, rank), count in zip(CENTRES, counts, strict=True)
        for number in range(count)
    ]


def test_default_batches_of_240_nodes_start_with_one_in_the_standby_centre():
    made = plan(DEFAULT_EXPRESSION, members(28, 82, 130), {"WH-A": 12, "SZ-B": 30, "SZ-A": 50})
    assert [len(batch.nodes) for batch in made.batches] == [1, 11, 60, 168]
    assert made.batches[0].nodes == ("node-wh-a-0000",)
    second = {name.split("-0")[0] for name in made.batches[1].nodes}
    assert second == {"node-wh-a", "node-sz-b", "node-sz-a"}
    assert made.warnings == ()


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("", "empty"),
        ("1, x, 100%", "“x”"),
        ("0, 100%", "out of range"),
        ("1, 120%", "out of range"),
        ("1, 5%, 5%, 100%", "Batch 3 (5%) is empty"),
        ("10, 5, 100%", "Batch 2 (5) is empty"),
        ("1, 30%", "end at 30 of 100"),
        (" ".join(["1"] * 30), "too many"),
    ],
)
def test_expressions_that_make_no_plan_say_what_is_wrong(expression, words):
    with pytest.raises(PlanError, match=words.replace("(", r"\(").replace(")", r"\)")):
        plan(expression, members(20, 30, 50), {"WH-A": 5, "SZ-B": 5, "SZ-A": 5})


def test_usual_batches_shrink_with_the_service():
    assert suggest(240) == "1, 5%, 30%, 100%"
    assert suggest(3) == "1, 100%"
    assert suggest(1) == "1"
    assert [sizes(parse(suggest(n)), n) for n in (1, 2, 3)] == [[1], [1, 1], [1, 2]]


def test_duplicate_nodes_are_refused():
    with pytest.raises(PlanError, match="twice: node-wh-a-0000"):
        plan("100%", [*members(1, 1, 1), *members(1, 0, 0)], {})


def test_a_service_without_spare_changes_one_node_at_a_time_and_warns():
    made = plan("1, 100%", members(2, 2, 2), {})
    assert {batch.concurrency for batch in made.batches} == {1}
    assert len(made.warnings) == 3


@given(
    counts=st.tuples(st.integers(1, 40), st.integers(1, 60), st.integers(1, 90)),
    spare=st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20)),
    terms=st.lists(st.integers(1, 99), min_size=0, max_size=5, unique=True),
)
@settings(max_examples=150, deadline=None)
def test_every_plan_covers_all_nodes_once_and_leaves_each_centre_what_it_needs(counts, spare, terms):
    nodes = members(*counts)
    left = dict(zip(("WH-A", "SZ-B", "SZ-A"), spare, strict=True))
    expression = suggest(len(nodes), ", ".join([*(f"{term}%" for term in sorted(terms)), "100%"]))
    try:
        made = plan(expression, nodes, left)
    except PlanError as error:
        assert "no centre can spare" in str(error)
        return
    centre_of = {member.name: member.centre for member in nodes}
    planned = [name for batch in made.batches for name in batch.nodes]
    assert sorted(planned) == sorted(centre_of)
    totals = {centre: sum(member.centre == centre for member in nodes) for centre in left}
    touched: list[str] = []
    for batch in made.batches[:-1]:
        per_centre = {centre: sum(centre_of[name] == centre for name in batch.nodes) for centre in left}
        assert all(per_centre[centre] <= max(1, left[centre]) for centre in left)
        touched += batch.nodes
        gone = {centre: sum(centre_of[name] == centre for name in touched) for centre in left}
        assert all(gone[centre] < totals[centre] or totals[centre] == 1 for centre in left)
    for batch in made.batches:
        centres = {centre_of[name] for name in batch.nodes}
        assert batch.concurrency <= min(max(1, left[centre]) for centre in centres)
    assert plan(expression, nodes, left) == made
    assert plan(expression, list(reversed(nodes)), left) == made
