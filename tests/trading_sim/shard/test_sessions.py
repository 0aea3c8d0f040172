"""Answers, sessions, stamps, hashes and frames: what is stored is what comes back, and what is broken is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_sim.protocol.frames import Frames
from trading_sim.protocol.records import COMMAND
from trading_sim.shard import sessions, wire
from trading_sim.shard.answers import AnswerError, decode_answer
from trading_sim.shard.attempts import Attempts, ShardRejected
from trading_sim.shard.entries import BATCH, make_entry
from trading_sim.shard.hashes import HashComparison
from trading_sim.shard.messages import (
    AppendReply,
    AppendRequest,
    MessageError,
    SnapshotChunk,
    SnapshotReply,
    TakeOver,
    VoteReply,
    VoteRequest,
    decode_message,
    encode_message,
)
from trading_sim.shard.outcomes import Answered, Refusal, Refused
from trading_sim.shard.sequencer import Sequencer
from trading_sim.shard.sessions import REQUESTS_KEPT, Sessions, SessionsError
from trading_sim.shard.snapshots import Snapshot
from trading_sim.shard.state import ReplicatedState, StateError
from trading_sim.sim.tally import TallyFactory

U64 = st.integers(0, 2**64 - 1)


def batch(index: int, request: int, client: int = 1, identity: int | None = None) -> object:
    commands = np.zeros(1, COMMAND)
    commands["price"], commands["kind"], commands["qty"] = identity or request, 1, 1
    sequencer = Sequencer(index, index, 0)
    return sequencer.batch(
        term=1, index=index, wall_ns=index, client_id=client, request=request, commands=commands.tobytes()
    )


def test_a_repeated_request_is_answered_and_not_executed() -> None:
    state = ReplicatedState(TallyFactory())
    first = state.apply(batch(1, request=7))
    second = state.apply(batch(2, request=7))
    assert second.answer == first.answer
    assert second.result is None
    assert state.machine.executed == {7: 1}


def test_a_forgotten_request_is_refused_rather_than_executed_again() -> None:
    state = ReplicatedState(TallyFactory())
    for number in range(1, REQUESTS_KEPT + 3):
        state.apply(batch(number, request=number))
    assert state.sessions.is_stale(1, 2)
    assert not state.sessions.is_stale(1, 3)
    applied = state.apply(batch(REQUESTS_KEPT + 3, request=2))
    assert (applied.answer, applied.result) == (None, None)
    assert state.machine.executed[2] == 1


def test_large_answers_are_forgotten_sooner_and_never_executed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "CLIENT_BYTES", 1_000)
    table = Sessions()
    for number in range(1, 11):
        table.store(1, number, bytes(400), number)
    assert [table.answer(1, number) is not None for number in (8, 9, 10)] == [False, True, True]
    assert table.is_stale(1, 8)
    table.store(1, 11, bytes(5_000), 11)
    assert table.answer(1, 11) == bytes(5_000), "the newest answer always stays"
    assert table.is_stale(1, 10)


def test_the_answers_of_all_clients_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "TOTAL_BYTES", 10_000)
    table = Sessions()
    for index in range(1, 201):
        table.store(index % 10, index, bytes(100), index)
    held = sum(table.answer(index % 10, index) is not None for index in range(1, 201))
    assert 90 <= held <= 100
    assert table.answer(1, 11) is None
    assert table.is_stale(1, 11)
    again = Sessions.decode(table.encode())
    for index in range(201, 260):
        for one in (table, again):
            one.store(index % 7, index, bytes(150), index)
    assert again.encode() == table.encode(), "a restored table forgets the same answers"


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 50)), max_size=40))
def test_a_snapshot_restores_sessions_stamps_and_hash(requests: list[tuple[int, int]]) -> None:
    state = ReplicatedState(TallyFactory())
    for index, (client, request) in enumerate(requests, start=1):
        state.apply(batch(index, request, client, identity=index))
    again = ReplicatedState(TallyFactory())
    again.restore(state.snapshot())
    assert again.snapshot() == state.snapshot()
    for client, request in requests:
        assert again.sessions.answer(client, request) == state.sessions.answer(client, request)


def test_a_snapshot_that_restores_to_something_else_is_refused() -> None:
    state = ReplicatedState(TallyFactory())
    state.apply(batch(1, request=7))
    snapshot = state.snapshot()
    other_digest = snapshot.body[:32] + bytes([snapshot.body[32] ^ 1]) + snapshot.body[33:]
    for body in (b"", snapshot.body[:-1], other_digest):
        with pytest.raises((StateError, SessionsError)):
            ReplicatedState(TallyFactory()).restore(Snapshot(1, 1, body))
    with pytest.raises(SessionsError):
        Sessions.decode(b"12345")


def test_entries_are_executed_in_order_only() -> None:
    with pytest.raises(StateError, match="cannot be executed after"):
        ReplicatedState(TallyFactory()).apply(batch(2, request=1))


def test_stamps_rise_and_only_new_orders_get_ids() -> None:
    commands = np.zeros(4, COMMAND)
    commands["kind"], commands["order_id"] = [1, 2, 0, 1], [0, 55, 0, 0]
    sequencer = Sequencer(next_seq=10, next_order_id=3, now_ns=1_000)
    entry = sequencer.batch(term=1, index=1, wall_ns=900, client_id=1, request=1, commands=commands.tobytes())
    stamped = np.frombuffer(entry.commands, COMMAND)
    assert stamped["seq"].tolist() == [10, 11, 12, 13]
    assert stamped["order_id"].tolist() == [3, 55, 0, 4]
    assert (entry.now_ns, entry.next_seq, entry.next_order_id) == (1_000, 14, 5)
    assert sequencer.stamp_time(2_000) == 2_000


def test_hashes_are_compared_at_the_same_entry_whoever_gets_there_first() -> None:
    hashes = HashComparison()
    hashes.own(128, 1)
    hashes.reported("B", 128, 1)
    hashes.reported("C", 256, 7)
    hashes.own(256, 2)
    hashes.reported("C", 256, 7)
    hashes.reported("B", 0, 0)
    assert (hashes.compared, hashes.mismatches) == (2, {"C": 1})


@given(
    st.one_of(
        st.builds(VoteRequest, U64, U64, U64, st.booleans(), st.booleans()),
        st.builds(VoteReply, U64, st.booleans(), st.booleans()),
        st.builds(AppendReply, U64, st.booleans(), U64, U64, U64, U64, U64, st.booleans()),
        st.builds(SnapshotChunk, U64, U64, U64, U64, U64, U64, st.binary(max_size=50)),
        st.builds(SnapshotReply, U64, U64, U64, st.booleans(), U64),
        st.builds(TakeOver, U64),
        st.builds(
            AppendRequest,
            *[U64] * 8,
            entries=st.lists(
                st.builds(
                    lambda index, size: make_entry(
                        term=1,
                        index=index,
                        kind=BATCH,
                        now_ns=1,
                        next_seq=1,
                        next_order_id=1,
                        commands=bytes(40 * size),
                    ),
                    U64,
                    st.integers(0, 3),
                ),
                max_size=3,
            ).map(tuple),
        ),
    )
)
def test_messages_survive_the_wire(message: object) -> None:
    data = encode_message(message)
    assert decode_message(data) == message
    if not isinstance(message, SnapshotChunk):
        with pytest.raises(MessageError):
            decode_message(data[:-1])


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_are_refused(data: bytes) -> None:
    try:
        decode_message(data)
    except MessageError as error:
        assert str(error)


@given(st.lists(st.binary(max_size=60), max_size=6), st.integers(1, 7))
def test_frames_come_out_whole_however_they_arrive(bodies: list[bytes], piece: int) -> None:
    stream = b"".join(wire.frame(wire.Frame.MESSAGE, body) for body in bodies)
    reader, found = Frames(1 << 10), []
    for start in range(0, len(stream), piece):
        found += [body for _, body in reader.cut(stream[start : start + piece])]
    assert found == bodies


def test_outcomes_survive_the_wire_and_reasons_are_told() -> None:
    for outcome in (Answered(b"x"), Refused(Refusal.NOT_LEADER, "why", "host:1"), Refused(Refusal.BUSY, "")):
        ((kind, body),) = Frames(1 << 10).cut(wire.outcome(9, outcome))
        assert wire.read_outcome(kind, body) == (9, outcome)
    with pytest.raises(wire.WireError, match="closed the connection: too rude"):
        wire.read_outcome(wire.Frame.ERROR, b"too rude")
    with pytest.raises(wire.WireError):
        wire.read_outcome(wire.Frame.REFUSED, b"x")


def test_an_answer_with_the_wrong_length_is_refused() -> None:
    state = ReplicatedState(TallyFactory())
    answer = state.apply(batch(1, request=7)).answer
    assert answer is not None
    reply = decode_answer(answer, np.array([True]))
    assert (reply.first_order_id, reply.index, len(reply.events)) == (1, 1, 1)
    for data in (answer[:10], answer + b"x"):
        with pytest.raises(AnswerError):
            decode_answer(data, np.array([True]))


def test_a_client_says_whether_the_outcome_is_known() -> None:
    attempts = Attempts(["a:1", "b:1"], "a:1")
    assert attempts.refused(Refused(Refusal.NOT_LEADER, "no", "b:1")) == 0
    assert attempts.target == "b:1"
    assert "nothing was executed" in str(attempts.unavailable("Request 1", 3))
    attempts.lost("connection refused", sent=False)
    assert not attempts.outcome_unknown
    attempts.lost("timed out", sent=True)
    assert attempts.unavailable("Request 1", 3).outcome_unknown
    with pytest.raises(ShardRejected, match="STALE"):
        attempts.refused(Refused(Refusal.STALE, "too old"))
