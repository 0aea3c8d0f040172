"""The express path gives byte for byte what the machine gives by itself: answers, parties, journal frames, state."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading_sim.market.shards import shard_config
from trading_sim.matching import core as matching_core
from trading_sim.protocol.operator import account_command, phase_command
from trading_sim.protocol.records import COMMAND
from trading_sim.shard import express_kernel as k
from trading_sim.shard.answers import encode_answer
from trading_sim.shard.checksum import crc32c
from trading_sim.shard.express import Express, address_of
from trading_sim.shard.express_memory import checksum, checksum_tables
from trading_sim.shard.machine import ShardMachine
from trading_sim.shard.segment import encode_frame
from trading_sim.shard.sequencer import Sequencer

CONFIG = shard_config(0)


def orders(rng: np.random.Generator, count: int, highest: int) -> np.ndarray:
    """Commands of every kind, sensible and not, without stamps."""
    made = np.zeros(count, COMMAND)
    accounts = np.array([row["account"] for row in CONFIG.accounts] + [999_999])
    reference = np.array([row["reference"] for row in CONFIG.symbols])
    made["kind"] = rng.choice([1, 1, 1, 1, 2, 3, 9], count)
    made["type"], made["tif"], made["side"] = (
        rng.integers(1, 3, count),
        rng.integers(1, 5, count),
        rng.integers(1, 3, count),
    )
    made["qty"], made["symbol"] = rng.integers(0, 9, count) * 100, rng.integers(0, len(reference), count)
    made["account"] = accounts[rng.integers(0, len(accounts), count)]
    made["price"] = reference[made["symbol"]] + rng.integers(-20, 21, count)
    made["order_id"] = rng.integers(1, max(highest, 2), count)
    return made


def expected(
    machine: ShardMachine, sequencer: Sequencer, raw: bytes, index: int, now_ns: int
) -> tuple[bytes, bytes, bytes]:
    """Answer, parties and journal frame as the parts give them one after another."""
    entry = sequencer.batch(term=3, index=index, wall_ns=now_ns, client_id=7, request=index, commands=raw)
    stamped = np.frombuffer(entry.commands, COMMAND).copy()
    result = machine.apply(stamped, entry.now_ns)
    answer = encode_answer(stamped, result.events, result.rejects, 3, index)
    return answer, result.parties.tobytes(), encode_frame(entry.data, index - 1)


def fill(
    express: Express, requests: list[bytes], first_index: int, sequencer: Sequencer, memory: list[np.ndarray]
) -> None:
    """Put unstamped requests into the table."""
    for position, raw in enumerate(requests):
        memory.append(np.frombuffer(raw, np.uint8).copy())
        at = position * k.REQUEST_WORDS
        express.requests[at + k.SOURCE], express.requests[at + k.COMMANDS] = address_of(memory[-1]), len(raw) // 40
        express.requests[at + k.CLIENT], express.requests[at + k.REQUEST] = 7, first_index + position
        express.requests[at + k.TAG] = 100 + position
    box = express.box
    box[k.MODE], box[k.COUNT], box[k.TERM], box[k.INDEX] = k.STAMP | k.WRITE, len(requests), 3, first_index
    box[k.NEXT_SEQ], box[k.NEXT_ORDER_ID], box[k.DURABLE] = sequencer.next_seq, sequencer.next_order_id, first_index - 1


def check_beside(batches: list[list[np.ndarray]]) -> None:
    """Run the batches through both and compare everything."""
    express, plain = Express(ShardMachine(CONFIG)), ShardMachine(CONFIG)
    stamps, index, now_ns = Sequencer(1, 1, 0), 1, 1_000_000_000
    for batch in batches:
        memory: list[np.ndarray] = []
        raw = [commands_.tobytes() for commands_ in batch]
        fill(express, raw, index, stamps, memory)
        slow = express.run(now_ns)
        journal = 0
        for position, one in enumerate(raw):
            answer, parties, frame = expected(plain, stamps, one, index + position, now_ns)
            if position:  # frames of one write tell what was durable before all of them
                durable = index - 1
                frame = encode_frame(frame[24:], durable)
            got = slow[position] if slow is not None else told(express, position)
            assert got == (answer, parties)
            assert bytes(express.journal[journal : journal + len(frame)]) == frame
            journal += len(frame)
        assert express.box[k.JOURNAL_BYTES] == journal
        assert (express.box[k.NEXT_SEQ], express.box[k.NEXT_ORDER_ID]) == (stamps.next_seq, stamps.next_order_id)
        assert express.machine.state_hash() == plain.state_hash()
        index += len(raw)
        now_ns += 300_000_000


def told(express: Express, position: int) -> tuple[bytes, bytes]:
    at = position * k.REQUEST_WORDS
    first = express.requests[at - k.REQUEST_WORDS + k.PARTY_END] if position else 0
    answer = bytes(express.out[express.requests[at + k.ANSWER_AT] : express.requests[at + k.ANSWER_END]])
    return answer, bytes(express.parties[8 * first : 8 * express.requests[at + k.PARTY_END]])


@pytest.mark.parametrize("seed", range(3))
def test_many_requests_at_once_give_what_the_machine_gives(seed: int) -> None:
    rng = np.random.default_rng(seed)
    batches = [
        [orders(rng, int(rng.integers(1, 60)), 40 * step) for _ in range(int(rng.integers(1, 6)))] for step in range(12)
    ]
    check_beside(batches)


def test_the_shards_own_commands_go_through_the_machine() -> None:
    rng = np.random.default_rng(9)
    suspend = np.array([account_command(int(CONFIG.accounts[0]["account"]), 2)], COMMAND).reshape(-1)
    close = np.array([phase_command(0xFFFFFFFF, 4)], COMMAND).reshape(-1)
    settle = np.array([phase_command(0xFFFFFFFF, 5)], COMMAND).reshape(-1)
    opened = np.array([phase_command(0xFFFFFFFF, 3)], COMMAND).reshape(-1)
    day = [[orders(rng, 30, 30), suspend], [orders(rng, 30, 60)], [close, settle], [opened, orders(rng, 40, 80)]]
    check_beside([*day, [orders(rng, 50, 120), orders(rng, 5, 10)]])


def test_a_full_event_buffer_is_carried_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching_core, "EVENTS_AT_ONCE", 16)
    monkeypatch.setattr("trading_sim.shard.express.EVENTS_AT_ONCE", 16)
    rng = np.random.default_rng(4)
    check_beside([[orders(rng, 90, 50 * step), orders(rng, 40, 50)] for step in range(4)])


def test_a_batch_longer_than_the_table_goes_through_the_machine() -> None:
    express, plain = Express(ShardMachine(CONFIG)), ShardMachine(CONFIG)
    batch = orders(np.random.default_rng(2), k.MAX_COMMANDS + 5, 10)
    entry = Sequencer(1, 1, 0).batch(term=1, index=1, wall_ns=5, client_id=1, request=1, commands=batch.tobytes())
    answer, parties = express.execute(entry.commands, 5, 1, 1)
    stamped = np.frombuffer(entry.commands, COMMAND).copy()
    result = plain.apply(stamped, 5)
    assert answer == encode_answer(stamped, result.events, result.rejects, 1, 1)
    assert parties == result.parties.tobytes()


@given(st.binary(max_size=200), st.binary(max_size=30))
@settings(max_examples=200, deadline=None)
def test_the_checksum_is_crc32c(before: bytes, data: bytes) -> None:
    from numba import njit

    global _register
    if _register is None:
        _register = njit(lambda tables, value, data: checksum(tables, value, data, 0, len(data)))
    tables, whole = checksum_tables(), np.frombuffer(before + data, np.uint8)
    assert int(_register(tables, np.uint64(0xFFFFFFFF), whole)) ^ 0xFFFFFFFF == crc32c(before, data)


_register = None
