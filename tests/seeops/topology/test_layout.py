"""The layered layout: callers left of callees, nothing on top of anything, always the same."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from seeops.topology.layout import layered

EDGES = st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14)), max_size=60)


@given(EDGES)
def test_an_acyclic_graph_reads_from_left_to_right_without_overlap(pairs: list[tuple[int, int]]) -> None:
    names = [f"n{i:02d}" for i in range(15)]
    edges = [(names[min(pair)], names[max(pair)]) for pair in pairs if pair[0] != pair[1]]
    places = layered(names, edges)
    assert set(places) == set(names)
    assert all(places[a][0] < places[b][0] for a, b in edges)
    columns = defaultdict(list)
    for x, y in places.values():
        columns[x].append(y)
    for rows in columns.values():
        rows.sort()
        assert all(b - a >= 1 - 1e-9 for a, b in zip(rows, rows[1:], strict=False))


@given(EDGES)
def test_cycles_end_and_equal_input_gives_equal_output(pairs: list[tuple[int, int]]) -> None:
    names = [f"n{i:02d}" for i in range(15)]
    edges = [(names[a], names[b]) for a, b in pairs]
    assert layered(names, edges) == layered(names, list(reversed(edges)))


def test_what_nobody_calls_stands_before_what_it_calls_unless_it_is_a_root() -> None:
    edges = [("a", "b"), ("b", "c"), ("late", "c")]
    assert layered(["a", "b", "c", "late"], edges)["late"][0] == 0
    assert layered(["a", "b", "c", "late"], edges, roots={"a"})["late"][0] == 1


def test_nothing_to_lay_out_is_fine() -> None:
    assert layered([], []) == {}
    assert layered(["alone"], []) == {"alone": (0.0, 0.0)}
