"""What a kill leaves: the memory on disk goes on as if nothing had happened, and a damaged one is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.trading_sim.surveillance.tape import START_NS, USUAL, Tape, furthest
from tests.trading_sim.surveillance.test_detectors import bluff
from trading_sim.surveillance import memory_file
from trading_sim.surveillance.findings import Finding
from trading_sim.surveillance.watch import ShardWatch


def play(watch: ShardWatch, tape: Tape, first: int, last: int) -> list[Finding]:
    found = []
    for index, (at, event, party) in enumerate(tape.rows[first:last], first + 1):
        found += watch.feed(START_NS + int(at * 1e9), event, party, index)
    return found


def test_a_restored_memory_finds_what_the_unbroken_one_finds(tmp_path: Path) -> None:
    tape = Tape()
    tape.phase(0.0, 3)
    for cycle in range(4):
        bluff(tape, 7, 1.0 + 6 * cycle)
    unbroken = ShardWatch(0, USUAL)
    whole = play(unbroken, tape, 0, len(tape.rows)) + unbroken.pass_time(START_NS + 60 * 10**9)
    first = ShardWatch(0, USUAL)
    begun = play(first, tape, 0, 20)
    memory_file.save(first, tmp_path / "memory.npz")
    second = ShardWatch(0, USUAL)
    assert memory_file.load(second, tmp_path / "memory.npz")
    assert second.absorbed == first.absorbed <= 20
    rest = play(second, tape, second.absorbed, len(tape.rows)) + second.pass_time(START_NS + 60 * 10**9)
    assert furthest(begun + rest) == furthest(whole)
    assert max(one.step for one in rest) == 3


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04", b"x" * 400])
def test_a_damaged_memory_is_refused(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "memory.npz"
    path.write_bytes(damage)
    with pytest.raises(memory_file.MemoryFileError):
        memory_file.load(ShardWatch(0, USUAL), path)


def test_a_memory_of_another_shard_is_refused(tmp_path: Path) -> None:
    memory_file.save(ShardWatch(1, USUAL), tmp_path / "memory.npz")
    with pytest.raises(memory_file.MemoryFileError):
        memory_file.load(ShardWatch(0, USUAL), tmp_path / "memory.npz")
    assert not memory_file.load(ShardWatch(0, USUAL), tmp_path / "none.npz")
