"""Stages and votes as pure logic: one person counts once, however they vote."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from seeops.changes.stages import Stage, Vote, counted, current, excluded, parse, progress

STAGES = (Stage(1, "Desk", "desk", 2, False), Stage(2, "Board", "board", 1, True))
VOTES = st.lists(
    st.builds(
        lambda stage, approver, step: Vote(stage, approver, (approver - 1 + step) % 5 + 1 if step else None),
        st.integers(1, 2), st.integers(1, 5), st.integers(0, 4),
    ),
    max_size=8,
)  # fmt: skip


@given(VOTES)
def test_no_more_votes_count_than_there_are_people_in_them(votes):
    found = progress(STAGES, votes)
    people = set().union(*(vote.people for vote in votes)) if votes else set()
    assert sum(item.got for item in found) <= len(people)
    stage = current(STAGES, votes)
    assert (stage is None) == all(item.passed for item in found)


@given(VOTES, st.integers(1, 5))
def test_voting_again_in_whatever_name_changes_nothing(cast, person):
    votes: list[Vote] = []
    for vote in cast:  # as the database keeps them: no person in two votes
        if not any(counted(one, votes) for one in vote.people):
            votes.append(vote)
    if counted(person, votes):
        again = [*votes, Vote(2, person)]
        assert [item.got for item in progress(STAGES, again)] == [item.got for item in progress(STAGES, votes)]


def test_stages_are_passed_in_order_and_stored_whole():
    assert parse([stage.as_dict() for stage in reversed(STAGES)]) == STAGES
    assert current(STAGES, []) == STAGES[0]
    assert current(STAGES, [Vote(1, 1), Vote(1, 2)]) == STAGES[1]
    assert current(STAGES, [Vote(1, 1), Vote(1, 2), Vote(2, 1)]) == STAGES[1], "who counted in one stage not in another"
    assert current(STAGES, [Vote(1, 1), Vote(1, 2), Vote(2, 3)]) is None


@given(st.integers(1, 6), st.sets(st.integers(1, 6)), st.sets(st.integers(1, 6)), st.none() | st.integers(1, 6))
def test_nobody_who_takes_part_decides_by_any_hand(person, involved, delegators, on_behalf_of):
    why = excluded(person, involved=involved, delegators=delegators, on_behalf_of=on_behalf_of)
    parties = {person, *delegators} | ({on_behalf_of} if on_behalf_of else set())
    assert bool(why) == bool(parties & involved)
