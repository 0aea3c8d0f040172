"""Consensus step by step: votes, leases, transfer, repair, and what a follower acknowledges when."""

from __future__ import annotations

import random

import pytest

from trading_sim.shard.entries import BATCH, Entry, make_entry
from trading_sim.shard.hardstate import HardState
from trading_sim.shard.log import RaftLog
from trading_sim.shard.messages import AppendReply, AppendRequest, SnapshotChunk, TakeOver, VoteReply, VoteRequest
from trading_sim.shard.raft import MS, Raft, Role, Timing
from trading_sim.shard.replication import RaftInvariantError

START = 10_000 * MS
TIMING = Timing()


def entry(index: int, term: int) -> Entry:
    return make_entry(term=term, index=index, kind=BATCH, now_ns=0, next_seq=1, next_order_id=1, commands=bytes(40))


def member(terms: tuple[int, ...] = (), term: int = 1, vote: str = "", repair_until: int = 0, base: int = 0) -> Raft:
    log = RaftLog(base, 1 if base else 0, [entry(base + position + 1, t) for position, t in enumerate(terms)])
    return Raft(
        name="A",
        peers=("B", "C"),
        timing=TIMING,
        rng=random.Random(1),
        log=log,
        hard=HardState(term, vote, repair_until),
        now_ns=START,
        snapshot=lambda: (base, 1, b"snapshot") if base else None,
    )


def sent(raft: Raft, kind: type) -> list[tuple[str, object, bool]]:
    found = [item for item in raft.messages if isinstance(item[1], kind)]
    raft.messages.clear()
    return found


def save(raft: Raft, now: int) -> None:
    hard = raft.hard_state if raft.hard_changed else None
    raft.changes, raft.hard_changed = [], False
    raft.saving()
    raft.saved(hard, now)


def leader(terms: tuple[int, ...] = ()) -> tuple[Raft, int]:
    raft = member(terms)
    now = START + TIMING.election_max + 1
    raft.tick(now)
    raft.step("B", VoteReply(raft.term + 1, True, True), now)
    save(raft, now)
    raft.step("B", VoteReply(raft.term, True, False), now)
    assert raft.role is Role.LEADER
    raft.messages.clear()
    return raft, now


def heartbeat(term: int, previous: int = 0, previous_term: int = 0, entries: tuple[Entry, ...] = ()) -> AppendRequest:
    return AppendRequest(term, previous, previous_term, 0, previous + len(entries), 5, 0, 0, entries)


def test_no_election_is_started_before_a_pre_vote_is_won() -> None:
    raft = member()
    raft.tick(START + TIMING.election_max + 1)
    requests = sent(raft, VoteRequest)
    assert [(request.pre, request.term) for _, request, _ in requests] == [(True, 2), (True, 2)]
    assert raft.term == 1
    assert not raft.hard_changed


def test_the_own_vote_is_durable_before_others_are_asked() -> None:
    raft = member()
    now = START + TIMING.election_max + 1
    raft.tick(now)
    sent(raft, VoteRequest)
    raft.step("C", VoteReply(2, True, True), now)
    assert raft.hard_state == HardState(2, "A")
    assert all(wait for _, _, wait in sent(raft, VoteRequest))


@pytest.mark.parametrize(
    ("last_index", "last_term", "granted"), [(2, 2, True), (3, 2, True), (1, 3, True), (1, 2, False), (9, 1, False)]
)
def test_a_vote_goes_only_to_a_log_that_is_at_least_as_far(last_index: int, last_term: int, granted: bool) -> None:
    raft = member((1, 2), term=2)
    raft.step("B", VoteRequest(3, last_index, last_term, False), START + TIMING.election_min)
    ((_, reply, wait),) = sent(raft, VoteReply)
    assert (reply.granted, wait) == (granted, True)


def test_one_vote_a_term() -> None:
    raft = member()
    now = START + TIMING.election_min
    raft.step("B", VoteRequest(2, 0, 0, False), now)
    raft.step("C", VoteRequest(2, 5, 1, False), now)
    assert [reply.granted for _, reply, _ in sent(raft, VoteReply)] == [True, False]


@pytest.mark.parametrize("pre", [True, False])
def test_no_vote_is_given_away_while_a_lease_may_hold(pre: bool) -> None:
    raft = member()
    raft.step("B", heartbeat(1), START)
    sent(raft, AppendReply)
    raft.step("C", VoteRequest(2, 9, 9, pre), START + TIMING.election_min - 1)
    ((_, reply, _),) = sent(raft, VoteReply)
    assert not reply.granted
    assert raft.term == 1


def test_a_restarted_member_keeps_the_promise_it_may_have_made() -> None:
    raft = member()
    raft.step("C", VoteRequest(2, 9, 9, False), START + TIMING.election_min - 1)
    assert not sent(raft, VoteReply)[0][1].granted


def test_the_lease_counts_from_when_the_heartbeat_was_sent() -> None:
    raft, now = leader()
    raft.propose(raft.make_noop(0, 1, 1))
    raft.replicate(now)
    save(raft, now)
    raft.step("B", AppendReply(raft.term, True, 1, 0, now, 0, 0), now + 50 * MS)
    assert raft.commit == 1
    assert raft.lease_valid(now + TIMING.lease - 1)
    assert not raft.lease_valid(now + TIMING.lease)
    assert TIMING.lease < TIMING.election_min


def test_a_leader_without_a_quorum_steps_down() -> None:
    raft, now = leader()
    while raft.role is Role.LEADER and now < START + 60_000 * MS:
        now += TIMING.heartbeat
        raft.tick(now)
    assert now <= START + 3 * TIMING.election_max + 2 * TIMING.heartbeat


def test_a_leader_commits_only_what_is_on_two_disks_and_of_its_own_term() -> None:
    raft, now = leader((1, 1))
    raft.step("B", AppendReply(raft.term, True, 2, 2, now, 0, 0), now)
    assert raft.commit == 0, "entries of an earlier term are never committed by counting"
    raft.propose(raft.make_noop(0, 1, 1))
    raft.replicate(now)
    raft.step("B", AppendReply(raft.term, True, 3, 2, now, 0, 0), now)
    assert raft.commit == 0, "the leader's own disk has not got it, so one disk has"
    raft.step("C", AppendReply(raft.term, True, 3, 2, now, 0, 0), now)
    assert raft.commit == 3, "two followers are enough"


def test_a_follower_acknowledges_entries_only_from_its_disk() -> None:
    raft = member()
    raft.step("B", heartbeat(1, entries=(entry(1, 1),)), START)
    ((_, reply, wait),) = sent(raft, AppendReply)
    assert (reply.index, wait) == (1, True)
    raft.step("B", heartbeat(1, 1, 1), START)
    ((_, reply, wait),) = sent(raft, AppendReply)
    assert (reply.success, reply.index, wait) == (True, 0, False), (
        "a heartbeat is answered at once, with what is durable"
    )
    save(raft, START)
    raft.step("B", heartbeat(1, 1, 1), START)
    assert sent(raft, AppendReply)[0][1].index == 1


def test_a_conflicting_tail_is_taken_back_and_not_acknowledged_from_an_older_write() -> None:
    raft = member((1, 1, 1))
    raft.saving()
    raft.step("B", heartbeat(2, 1, 1, (entry(2, 2),)), START)
    raft.saved(None, START)
    assert raft.stable == 1
    assert [raft.log.term(index) for index in (1, 2, 3)] == [1, 2, None]


def test_a_committed_entry_is_never_taken_back() -> None:
    raft = member((1, 1))
    raft.commit = 2
    with pytest.raises(RaftInvariantError, match="committed up to 2"):
        raft.step("B", heartbeat(2, 1, 1, (entry(2, 2),)), START)


def test_a_refusal_names_where_to_go_on() -> None:
    raft = member((1, 2, 2, 2), term=3)
    raft.step("B", heartbeat(3, 9, 3), START)
    raft.step("B", heartbeat(3, 4, 3), START)
    assert [reply.index for _, reply, _ in sent(raft, AppendReply)] == [4, 1]


def test_a_member_under_repair_neither_votes_nor_campaigns_until_it_has_everything_back() -> None:
    raft = member((1,), repair_until=3)
    raft.tick(START + TIMING.election_max + 1)
    raft.step("C", VoteRequest(2, 9, 9, False), START + TIMING.election_max)
    assert raft.role is Role.FOLLOWER
    assert not sent(raft, VoteReply)[0][1].granted
    now = START + 2 * TIMING.election_max
    request = AppendRequest(raft.term, 1, 1, 4, 4, 5, 0, 0, (entry(2, 1), entry(3, 1), entry(4, 2)))
    raft.step("B", request, now)
    assert raft.repair_until == 3, "not before it is on disk"
    save(raft, now)
    assert raft.repair_until == 0


def test_a_follower_behind_the_log_is_sent_the_snapshot() -> None:
    raft = member((1,), base=5)
    now = START + TIMING.election_max + 1
    raft.tick(now)
    raft.step("B", VoteReply(2, True, True), now)
    save(raft, now)
    raft.step("B", VoteReply(2, True, False), now)
    raft.propose(raft.make_noop(0, 1, 1))
    raft.replicate(now)
    sent(raft, AppendRequest)
    raft.step("C", AppendReply(2, False, 0, 6, now, 0, 0), now)
    ((peer, chunk, _),) = sent(raft, SnapshotChunk)
    assert (peer, chunk.index, chunk.data) == ("C", 5, b"snapshot")


def test_a_snapshot_of_what_is_already_held_costs_no_entry() -> None:
    raft = member((1, 1, 1))
    raft.step("B", SnapshotChunk(1, 2, 1, 0, 8, 5, b"snapshot"), START)
    assert raft.installing is None
    assert (raft.commit, raft.log.last_index) == (2, 3)


def test_a_planned_hand_over_skips_the_waiting_and_ends_the_lease() -> None:
    raft, now = leader()
    raft.propose(raft.make_noop(0, 1, 1))
    raft.replicate(now)
    save(raft, now)
    assert not raft.transfer_to("B", now), "B has not got everything"
    raft.step("B", AppendReply(raft.term, True, 1, 0, now, 0, 0), now)
    raft.messages.clear()
    assert raft.transfer_to("B", now)
    assert [peer for peer, _, _ in sent(raft, TakeOver)] == ["B"]
    assert not raft.lease_valid(now)
    successor = member((1,))
    successor.step("C", TakeOver(1), START)
    assert [request.transfer for _, request, _ in sent(successor, VoteRequest)] == [True, True]


def test_two_leaders_of_one_term_stop_the_replica() -> None:
    raft, now = leader()
    with pytest.raises(RaftInvariantError, match="both lead"):
        raft.step("C", heartbeat(raft.term), now)


def test_an_old_leader_learns_of_the_new_term() -> None:
    raft = member(term=5)
    raft.step("B", heartbeat(4), START)
    ((_, reply, _),) = sent(raft, AppendReply)
    assert (reply.term, reply.success) == (5, False)
    old, now = leader()
    old.step("B", reply, now)
    assert (old.role, old.term) == (Role.FOLLOWER, 5)


def test_a_single_member_leads_alone() -> None:
    raft = Raft(
        name="A",
        peers=(),
        timing=TIMING,
        rng=random.Random(1),
        log=RaftLog(),
        hard=HardState(),
        now_ns=START,
        snapshot=lambda: None,
    )
    now = START + TIMING.election_max + 1
    raft.tick(now)
    save(raft, now)
    assert raft.role is Role.LEADER
    raft.propose(raft.make_noop(0, 1, 1))
    raft.replicate(now)
    save(raft, now)
    assert raft.commit == 1
    assert raft.lease_valid(now)
