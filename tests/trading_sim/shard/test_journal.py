"""The journal: what it gives back after every kind of end, and what it refuses."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading_sim.shard.entries import BATCH, NOOP, Entry, EntryError, decode_entry, make_entry
from trading_sim.shard.hardstate import HardState, HardStateError, load_hard_state, save_hard_state
from trading_sim.shard.journal import Journal, JournalError, read_durable_frames, read_entries, recover
from trading_sim.shard.segment import encode_frame, frame_bytes
from trading_sim.shard.snapshots import Snapshot, SnapshotFileError, decode_snapshot, encode_snapshot
from trading_sim.shard.storage import Append, Storage, TakeBack
from trading_sim.sim.disk import SimFiles, SimulatedCrash
from trading_sim.sim.real import RealFiles

DIRECTORY = "/j"
SEGMENT = 1024


def entry(index: int, term: int = 1, commands: int = 1) -> Entry:
    data = bytes([index % 256]) * (40 * commands)
    kind = BATCH if commands else NOOP
    return make_entry(term=term, index=index, kind=kind, now_ns=index, next_seq=1, next_order_id=1, commands=data)


def opened(files: SimFiles | RealFiles, directory: str = DIRECTORY) -> Journal:
    files.makedirs(directory)
    return Journal.open(files, directory, recover(files, directory), segment_bytes=SEGMENT)


def indices(files: SimFiles | RealFiles, directory: str = DIRECTORY) -> list[int]:
    return [held.index for held in recover(files, directory).entries]


def test_entries_come_back_over_many_segments_on_a_real_disk(tmp_path) -> None:
    files, directory = RealFiles(), str(tmp_path / "journal")
    journal = opened(files, directory)
    for index in range(1, 101):
        journal.append([entry(index, commands=index % 4)])
    journal.sync()
    journal.prepare_spare()
    journal.close()
    assert [held.data for held in read_entries(files, directory)] == [
        entry(i, commands=i % 4).data for i in range(1, 101)
    ]
    reopened = opened(files, directory)
    assert (reopened.last_index, reopened.durable_index) == (100, 100)


def test_an_entry_longer_than_a_segment_gets_one_of_its_own() -> None:
    files = SimFiles(random.Random(1))
    journal = opened(files)
    journal.append([entry(1), entry(2, commands=100), entry(3)])
    journal.sync()
    assert indices(files) == [1, 2, 3]


def test_a_gap_in_the_indices_is_refused() -> None:
    journal = opened(SimFiles(random.Random(1)))
    with pytest.raises(JournalError, match="cannot follow"):
        journal.append([entry(2)])


def test_what_was_taken_back_stays_away_although_nothing_is_written_over() -> None:
    files = SimFiles(random.Random(1))
    journal = opened(files)
    journal.append([entry(index) for index in range(1, 8)])
    journal.restart_at(4)
    journal.append([entry(4, term=2)])
    journal.sync()
    assert [(held.index, held.term) for held in recover(files, DIRECTORY).entries] == [(1, 1), (2, 1), (3, 1), (4, 2)]


def test_segments_below_a_snapshot_are_removed_and_the_rest_is_read() -> None:
    files = SimFiles(random.Random(1))
    journal = opened(files)
    journal.append([entry(index) for index in range(1, 60)])
    journal.sync()
    before = len(files.listdir(DIRECTORY))
    assert journal.drop_before(40) > 0
    assert len(files.listdir(DIRECTORY)) < before
    assert indices(files)[0] <= 40
    assert indices(files)[-1] == 59


@given(seed=st.integers(0, 10_000), synced=st.integers(1, 30), unsynced=st.integers(0, 12))
@settings(deadline=None, max_examples=150)
def test_a_loss_of_power_costs_at_most_what_was_not_synced(seed: int, synced: int, unsynced: int) -> None:
    files = SimFiles(random.Random(seed))
    journal = opened(files)
    journal.append([entry(index) for index in range(1, synced + 1)])
    journal.sync()
    journal.append([entry(index) for index in range(synced + 1, synced + unsynced + 1)])
    files.lose_power()
    recovered = recover(files, DIRECTORY)
    assert recovered.damage is None
    assert [held.data for held in recovered.entries[:synced]] == [entry(i).data for i in range(1, synced + 1)]
    assert len(recovered.entries) <= synced + unsynced
    again = opened(files)
    again.append([entry(again.last_index + 1)])
    again.sync()
    files.lose_power()
    assert indices(files) == list(range(1, len(recovered.entries) + 2))


@given(seed=st.integers(0, 10_000), position=st.floats(0, 0.999))
@settings(deadline=None, max_examples=150)
def test_a_flipped_byte_in_an_acknowledged_frame_is_never_taken_for_the_end(seed: int, position: float) -> None:
    files = SimFiles(random.Random(seed))
    journal = opened(files)
    for index in range(1, 9):
        journal.append([entry(index)])
        journal.sync()
    frames = read_durable_frames(files, DIRECTORY)
    path, start, end = frames[int(position * len(frames))]
    files.flip_byte(path, start + 16 + int(position * 997) % (end - start - 16))
    recovered = recover(files, DIRECTORY)
    assert recovered.damage is not None
    assert recovered.damage.until == 8
    assert [held.index for held in recovered.entries] == list(range(1, recovered.damage.index))
    with pytest.raises(JournalError, match="take the journal of another replica"):
        list(read_entries(files, DIRECTORY))


def test_a_damaged_journal_puts_the_replica_under_repair_before_anything_is_voided() -> None:
    for crash_at in range(1, 40):
        files = SimFiles(random.Random(3))
        storage, _ = Storage.open(files, "/r", SEGMENT)
        for index in range(1, 6):
            storage.save(HardState(1, "a"), [Append((entry(index),))])
        path, start, _ = read_durable_frames(files, "/r/journal")[1]
        files.flip_byte(path, start + 30)
        files.crash_at = files.operations + crash_at
        try:
            Storage.open(files, "/r", SEGMENT)
        except SimulatedCrash:
            files.lose_power()
        files.crash_at = 0
        _, start_again = Storage.open(files, "/r", SEGMENT)
        assert start_again.hard.repair_until == 5, f"forgotten after a crash at operation {crash_at}"


@pytest.mark.parametrize("seed", range(4))
def test_a_crash_at_every_single_disk_operation_leaves_a_state_that_was_asked_for(seed: int) -> None:
    """Append, take back, append, snapshot, drop, hard state: whatever had returned is there, nothing else appears."""

    def run(storage: Storage, returned: list[str]) -> None:
        storage.save(HardState(1, "a"), [Append(tuple(entry(i) for i in range(1, 9)))])
        returned.append("first")
        storage.save(HardState(2, "b"), [TakeBack(6), Append((entry(6, term=2), entry(7, term=2)))])
        returned.append("second")
        storage.save_snapshot(encode_snapshot(Snapshot(4, 1, b"state")), 4)
        storage.drop_before(5)
        storage.save(HardState(3, "c"), [Append(tuple(entry(i, term=3) for i in range(8, 30)))])
        returned.append("third")

    crash_at = 0
    while True:
        crash_at += 1
        files, returned = SimFiles(random.Random(seed * 1_000 + crash_at)), []
        storage, _ = Storage.open(files, "/r", SEGMENT)
        files.crash_at = files.operations + crash_at
        try:
            run(storage, returned)
        except SimulatedCrash:
            files.lose_power()
        else:
            break
        _, start = Storage.open(files, "/r", SEGMENT)
        terms = {held.index: held.term for held in start.entries}
        assert start.hard.repair_until == 0
        assert start.hard.term >= len(returned)
        if "first" in returned:
            assert all(terms.get(i) == 1 for i in range(5, 6))
        if "second" in returned:
            assert (terms[6], terms[7]) == (2, 2)
        if "third" in returned:
            assert terms[29] == 3
    assert crash_at > 20


def test_a_damaged_snapshot_is_passed_over_for_the_one_before() -> None:
    files = SimFiles(random.Random(1))
    storage, _ = Storage.open(files, "/r", SEGMENT)
    storage.save(HardState(1, "a"), [Append(tuple(entry(i) for i in range(1, 9)))])
    for index in (3, 6):
        storage.save_snapshot(encode_snapshot(Snapshot(index, 1, b"state")), index)
    files.flip_byte("/r/snapshot-0000000000000006.bin", 34)
    _, start = Storage.open(files, "/r", SEGMENT)
    assert start.snapshot is not None
    assert start.snapshot.index == 3
    assert start.entries[-1].index == 8
    assert any("damaged" in note for note in start.notes)


def test_a_damaged_hard_state_stops_the_replica() -> None:
    files = SimFiles(random.Random(1))
    files.makedirs("/r")
    save_hard_state(files, "/r", HardState(7, "SZ-A", 3))
    assert load_hard_state(files, "/r") == HardState(7, "SZ-A", 3)
    files.flip_byte("/r/hardstate", 12)
    with pytest.raises(HardStateError, match="voted for"):
        load_hard_state(files, "/r")


def test_bytes_that_are_no_entry_or_snapshot_are_refused() -> None:
    whole = entry(3).data
    for data in (b"", whole[:-1], whole + b"x", whole[:60] + b"\x09" + whole[61:]):
        with pytest.raises(EntryError):
            decode_entry(data)
    snapshot = encode_snapshot(Snapshot(3, 1, b"body"))
    assert decode_snapshot(snapshot) == Snapshot(3, 1, b"body")
    for data in (b"", snapshot[:-1], snapshot[:-1] + b"x"):
        with pytest.raises(SnapshotFileError):
            decode_snapshot(data)
    assert len(encode_frame(whole, 2)) == frame_bytes(len(whole))
