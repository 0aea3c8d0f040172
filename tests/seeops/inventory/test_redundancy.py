"""k-of-n and majorities."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from seeops.inventory.redundancy import Member, majority, shortfalls, spare


def group(serving: list[bool], centre: str = "SZ-A") -> list[Member]:
    return [Member(f"n{i}", "quote", centre, up) for i, up in enumerate(serving)]


@given(st.lists(st.booleans(), min_size=1, max_size=12), st.data())
def test_taking_what_is_spare_is_allowed_and_one_more_is_not(serving: list[bool], data: st.DataObject) -> None:
    members = group(serving)
    needed = data.draw(st.integers(1, len(serving)))
    up = [member.name for member in members if member.serving]
    free = spare(members, needed)
    wanted = {("quote", "SZ-A"): needed}
    assert shortfalls(members, wanted, up[:free]) == []
    beyond = shortfalls(members, wanted, up[: free + 1])
    assert bool(beyond) == (len(up) > free)


@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_nodes_that_do_not_serve_can_always_leave(serving: list[bool]) -> None:
    members = group(serving)
    idle = [member.name for member in members if not member.serving]
    assert shortfalls(members, {("quote", "SZ-A"): len(serving)}, idle) == []


def test_replicas_need_a_majority_whatever_the_centre() -> None:
    members = [
        Member(f"m-{centre}-{shard}", "matching", centre, True, shard)
        for centre in ("SZ-A", "SZ-B", "WH-A")
        for shard in (0, 1)
    ]
    assert spare(members, 2) == 1
    assert shortfalls(members, {("matching", "SZ-A"): 2}, ["m-SZ-A-0", "m-SZ-A-1"]) == []
    (short,) = shortfalls(members, {}, ["m-SZ-A-0", "m-SZ-B-0"])
    assert (short.shard, short.left, short.needed) == (0, 1, 2)
    one_down = [Member(m.name, m.service, m.centre, m.name != "m-WH-A-1", m.shard) for m in members]
    assert spare(one_down, 2) == 0
    assert [majority(n) for n in (1, 2, 3, 5)] == [1, 2, 2, 3]
