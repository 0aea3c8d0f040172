"""The simulation is only worth something if it finds mistakes: each of these breaks one rule on purpose and must be noticed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import pytest

from trading_sim.shard import storage
from trading_sim.shard.asked import Asked
from trading_sim.shard.engine import Engine
from trading_sim.shard.execution import Execution
from trading_sim.shard.hardstate import HardState
from trading_sim.shard.journal import Recovered, recover
from trading_sim.shard.messages import VoteRequest
from trading_sim.shard.raft import Raft, Role
from trading_sim.shard.replication import Replication
from trading_sim.shard.sequencer import Sequencer
from trading_sim.shard.sessions import Sessions
from trading_sim.sim.seams import Files
from trading_sim.sim.shard_checker import ShardViolation
from trading_sim.sim.shard_cluster import SimCluster
from trading_sim.sim.shard_schedules import run_schedule
from trading_sim.sim.world import MS

# Schedules of the kinds that can show a mistake, from a little before the first one that does: the search stays short.
WITH_ROT = range(4, 600, 4)
LOSES_WHAT_A_DISK_HAD_NOT, TWO_CANDIDATES = range(88, 300), range(48, 300)
OLD_TERM, TWO_LEADERS, FORGOTTEN_VOTE, OLD_LEADER = (range(first, 2_000, 20) for first in (363, 8, 13, 18))


def first_violation(seeds: Iterable[int] = range(1, 300)) -> str:
    for seed in seeds:
        try:
            run_schedule(seed)
        except ShardViolation as violation:
            return str(violation)
    return ""


def test_acknowledging_before_the_disk_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    drain = Engine._drain

    def hasty(engine: Engine) -> None:
        engine.raft.messages = [(peer, message, False) for peer, message, _ in engine.raft.messages]
        drain(engine)

    monkeypatch.setattr(Engine, "_drain", hasty)
    assert first_violation(LOSES_WHAT_A_DISK_HAD_NOT)


def test_voting_twice_in_a_term(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = Raft._on_vote_request

    def generous(raft: Raft, peer: str, request: VoteRequest, now: int) -> None:
        raft.vote = raft.name if raft.vote == raft.name else ""
        answer(raft, peer, request, now)

    monkeypatch.setattr(Raft, "_on_vote_request", generous)
    assert "both led term" in first_violation(TWO_CANDIDATES)


def test_committing_what_is_on_one_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def alone(raft: Raft) -> None:
        raft.commit = max(raft.commit, raft.stable)

    monkeypatch.setattr(Replication, "_advance_commit", alone)
    assert first_violation()


def test_reading_without_a_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Raft, "lease_valid", lambda raft, now: raft.role is Role.LEADER)
    assert "answered a read" in first_violation(OLD_LEADER)


def test_answering_before_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    publish = Execution.publish
    monkeypatch.setattr(Execution, "publish", lambda execution, commit: publish(execution, execution.state.index))
    assert first_violation()


def test_keeping_what_was_executed_ahead_and_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Execution, "take_back", lambda execution, index, snapshot: False)
    assert first_violation()


def test_reading_what_is_not_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Asked, "wait_to_read", lambda asked, index, outcome, reply: reply(outcome))
    assert "is not committed" in first_violation()


def test_answering_a_repeated_request_from_what_was_executed_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Asked, "entry_of", lambda asked, client, request: None)
    assert first_violation()


def test_committing_an_entry_of_an_earlier_term_by_counting(monkeypatch: pytest.MonkeyPatch) -> None:
    def counting(raft: Raft) -> None:
        matches = sorted([raft.stable, *(progress.match for progress in raft.progress.values())], reverse=True)
        raft.commit = max(raft.commit, matches[raft.quorum - 1])

    monkeypatch.setattr(Replication, "_advance_commit", counting)
    assert first_violation(OLD_TERM)


def test_voting_while_a_leader_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Raft, "_leader_is_near", lambda raft, now: False)
    assert "answered a read" in first_violation(TWO_LEADERS)


def test_forgetting_a_vote(monkeypatch: pytest.MonkeyPatch) -> None:
    save = storage.save_hard_state

    def forgetful(files: Files, directory: str, state: HardState) -> None:
        save(files, directory, dataclasses.replace(state, vote=""))

    monkeypatch.setattr(storage, "save_hard_state", forgetful)
    assert "both led term" in first_violation(FORGOTTEN_VOTE)


def test_executing_a_repeated_request_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sessions, "answer", lambda sessions, client, request: None)
    assert first_violation()


def test_taking_a_corrupt_middle_for_a_torn_tail(monkeypatch: pytest.MonkeyPatch) -> None:
    def trusting(*arguments: object) -> Recovered:
        return dataclasses.replace(recover(*arguments), damage=None, cut_tail=True)

    monkeypatch.setattr(storage, "recover", trusting)
    assert first_violation(WITH_ROT)


def test_letting_stamped_time_follow_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sequencer, "stamp_time", lambda sequencer, wall_ns: wall_ns)
    assert "time go back" in first_violation()


def reads_while_the_heir_leads(seed: int) -> str:
    """The leader hands over and hears no more; its heir executes on; the old one is read from: the violation, or nothing."""
    cluster = SimCluster(seed)
    cluster.start()
    cluster.world.run_until(cluster.world.now_ns + 2_500 * MS)
    (old,) = [name for name, node in cluster.nodes.items() if node.engine.raft.role is Role.LEADER]
    others = [name for name in cluster.names if name != old]
    raft = cluster.nodes[old].engine.raft
    cluster.nodes[old].engine.hand_over_to(others[seed % 2])
    cluster.world.run_until(cluster.world.now_ns + 900 * MS, lambda: raft._given_up_ns is not None)
    cluster.network.cut.update((other, old) for other in others)
    try:
        for _ in range(100):
            cluster.world.run_until(cluster.world.now_ns + 3 * MS)
            cluster.read(old)
    except ShardViolation as violation:
        return str(violation)
    return ""


def test_keeping_the_lease_while_another_is_asked_to_take_over(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not any(reads_while_the_heir_leads(seed) for seed in range(1, 9))

    def greedy(raft: Raft, now: int) -> bool:
        own = raft.role is Role.LEADER and raft.log.term(raft.commit) == raft.term
        return own and now < raft._quorum_echo(now) + raft.timing.lease

    monkeypatch.setattr(Raft, "lease_valid", greedy)
    assert any("answered a read" in reads_while_the_heir_leads(seed) for seed in range(1, 9))
