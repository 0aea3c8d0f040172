"""Which touched nodes go back together."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from seeops.releases.waves import Touched, Wave, next_wave


def node(name: str, batch: int, centre: str = "A", **more) -> Touched:
    return Touched(name, batch, int(name[1:]), centre, **more)


def test_nodes_of_several_batches_go_back_at_the_same_time_the_last_batch_first():
    touched = [node("n1", 1), node("n2", 2), node("n3", 2, "B"), node("n4", 3)]
    assert next_wave(touched, {"A": 3, "B": 1}) == Wave(("n4", "n2", "n3", "n1"), 4)


def test_no_centre_gives_more_nodes_to_a_wave_than_it_can_spare():
    touched = [node(f"n{k}", 3, "A" if k <= 20 else "B") for k in range(1, 41)]
    wave = next_wave(touched, {"A": 10, "B": 12})  # two waves; in one run no more than 10 could be out at a time
    assert wave.names == tuple(f"n{k}" for k in [*range(1, 11), *range(21, 33)])
    assert wave.at_once == 22


def test_one_steady_run_where_that_is_quicker_than_wave_after_wave():
    touched = [node(f"n{k}", 1) for k in range(1, 11)]
    wave = next_wave(touched, {"A": 2})
    assert (len(wave.names), wave.at_once) == (10, 2)


def test_a_centre_without_a_node_to_spare_is_brought_back_one_at_a_time():
    touched = [node("n1", 1), node("n2", 1)]
    assert next_wave(touched, {}) == Wave(("n1", "n2"), 1)
    assert next_wave(touched, {"A": -3}) == Wave(("n1", "n2"), 1)


def test_what_does_not_serve_goes_first_and_takes_nothing_from_its_centre():
    touched = [node("n1", 1, away=True), node("n2", 2), node("n3", 2, away=True)]
    assert next_wave(touched, {"A": 1}) == Wave(("n3", "n1", "n2"), 3)


def test_no_more_than_the_flow_allows_are_out_at_the_same_time():
    touched = [node(f"n{k}", 1) for k in range(1, 9)]
    assert next_wave(touched, {"A": 8}, most_at_once=5).at_once == 5
    assert next_wave(touched, {"A": 8}, most_at_once=0).at_once == 1


def test_two_replicas_of_a_shard_never_go_in_one_wave_and_replicas_one_at_a_time():
    touched = [node("n1", 1, shard=1), node("n2", 2, "B", shard=1), node("n3", 2, "B", shard=2)]
    assert next_wave(touched, {"A": 9, "B": 9}) == Wave(("n2", "n3"), 1)


def test_a_replica_that_is_away_goes_before_the_others_of_its_shard():
    touched = [node("n1", 1, shard=1, away=True), node("n2", 2, shard=1), node("n3", 2, shard=2)]
    assert next_wave(touched, {}) == Wave(("n1", "n3"), 1)


touched_nodes = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from("ABC"), st.booleans()), min_size=1, max_size=40
).map(lambda rows: [node(f"n{k}", batch, centre, away=away) for k, (batch, centre, away) in enumerate(rows)])


@given(touched_nodes, st.fixed_dictionaries({centre: st.integers(0, 12) for centre in "ABC"}))
def test_waves_bring_everything_back_and_leave_every_centre_what_it_needs(touched, room):
    left = {one.name: one for one in touched}
    while left:
        wave = next_wave(list(left.values()), room)
        assert len(set(wave.names)) == len(wave.names) >= wave.at_once >= 1
        inside = Counter(left[name].centre for name in wave.names if not left[name].away)
        for centre, count in inside.items():
            assert min(count, wave.at_once) <= max(1, room[centre])
        for name in wave.names:
            del left[name]
