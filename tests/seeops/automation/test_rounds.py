"""Rounds of a restart: whatever the estate, no group ever has fewer serving than it needs, and every node has its turn once."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from seeops.automation import rounds
from seeops.inventory.redundancy import Member, shortfalls

GROUPS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 3), st.integers(1, 3), st.booleans()), min_size=1, max_size=6
)  # nodes, of them down, needed, shard


def estate(groups):
    """(members, needed) of one group for each tuple: a service in two centres, or replicas of shards in three."""
    members, needed = [], {}
    for number, (size, down, least, shard) in enumerate(groups):
        service = f"s{number}"
        for place in range(size):
            centre = "ABC"[place % (3 if shard else 2)]
            needed[service, centre] = least
            members.append(Member(f"{service}-{place}", service, centre, place >= down, place // 3 if shard else None))
    return members, needed


@given(GROUPS, st.randoms(use_true_random=False))
def test_no_round_leaves_a_group_short_and_every_node_has_its_turn(groups, chance):
    members, needed = estate(groups)
    names = {member.name for member in members if chance.random() < 0.7}
    found, stuck = rounds.plan(members, needed, names)
    if stuck:
        assert not found
        assert all(short.serving - 1 < short.needed for short in stuck)
        return
    assert sorted(name for inside in found for name in inside) == sorted(names)
    for inside in found:
        assert shortfalls(members, needed, inside) == []
        shards = Counter(
            (m.service, m.shard) for m in members if m.name in inside and m.serving and m.shard is not None
        )
        assert all(count == 1 for count in shards.values())


def test_a_leader_goes_last_and_standby_centres_first():
    members = [Member(f"m-{centre}", "matching", centre, True, 0) for centre in ("A", "B", "C")]
    found, _stuck = rounds.plan(members, {}, ["m-A", "m-B", "m-C"], last={"m-B"}, centre_order=("C", "B", "A"))
    assert found == [["m-C"], ["m-A"], ["m-B"]]
