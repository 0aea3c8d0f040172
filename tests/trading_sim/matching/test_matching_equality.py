"""The fast core against the executable specification, on seeded random streams with garbage in them."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading_sim.matching.matching_audit import audit, check_quantities
from tests.trading_sim.matching.matching_streams import MIXED_TABLE, random_stream, table_of
from trading_sim.matching import prefetch, snapshot
from trading_sim.matching.core import Core
from trading_sim.matching.records import COMMAND
from trading_sim.matching.twin import TwinCore

STREAMS = {
    "plain trading": {"garbage": 0.0, "phase_rate": 0.0},
    "dense prices": {"width": 1, "garbage": 0.005},
    "wide prices": {"width": 9_000, "garbage": 0.005},
    "many phases": {"phase_rate": 0.1, "garbage": 0.005},
    "auctions only now and then": {"phase_rate": 0.004, "garbage": 0.0, "width": 6},
    "much garbage": {"garbage": 0.2},
    "huge quantities": {"max_qty": 1_431_655_765, "garbage": 0.01},
}


def engines(table, **capacity) -> tuple[Core, TwinCore]:
    return Core(table, **capacity), TwinCore(table, **capacity)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", STREAMS)
def test_core_and_twin_give_the_same_bytes_and_state(name, seed):
    commands = random_stream(seed, 3_000, **STREAMS[name])
    core, twin = engines(MIXED_TABLE, max_order_id=len(commands), max_live=len(commands))
    for part in np.array_split(commands, 6):
        assert core.step(part).tobytes() == twin.step(part).tobytes()
        assert core.state_hash() == twin.state_hash()
        audit(core)
    for symbol in range(len(MIXED_TABLE)):
        assert core.best(symbol) == twin.best(symbol)
        assert core.phase(symbol) == twin.phase(symbol)
        for side in (1, 2):
            assert core.depth(symbol, side, 5) == twin.depth(symbol, side, 5)


@pytest.mark.parametrize("seed", range(3))
def test_they_agree_when_the_capacity_is_small(seed):
    commands = random_stream(100 + seed, 3_000, garbage=0.005)
    core, twin = engines(MIXED_TABLE, max_order_id=1_000, max_live=20)
    assert core.step(commands).tobytes() == twin.step(commands).tobytes()
    assert core.snapshot() == twin.snapshot()
    audit(core)


def test_streams_reach_every_event_and_reason():
    events = np.concatenate(
        [
            Core(MIXED_TABLE, max_order_id=900, max_live=60).step(random_stream(seed, 1_000, **options))
            for seed, options in enumerate(STREAMS.values())
        ]
    )
    assert set(Counter(events["kind"].tolist())) == {1, 2, 3, 4, 5, 6}
    assert set(Counter(events["reason"].tolist())) == set(range(17)) - {15}
    assert set(Counter(events["flags"].tolist())) == {0, 1}


@settings(max_examples=60, deadline=None)
@given(raw=st.binary(max_size=40 * 12), seed=st.integers(0, 2**20))
def test_arbitrary_bytes_are_commands_too(raw, seed):
    garbage = np.frombuffer(raw[: len(raw) // 40 * 40], COMMAND)
    commands = np.concatenate([random_stream(seed, 30), garbage, random_stream(seed + 1, 30)])
    core, twin = engines(MIXED_TABLE, max_order_id=200, max_live=50)
    assert core.step(commands).tobytes() == twin.step(commands).tobytes()
    assert core.state_hash() == twin.state_hash()
    audit(core)


@st.composite
def small_commands(draw) -> np.ndarray:
    """Up to 40 commands over three prices, two symbols and few ids: everything collides with everything."""
    row = st.tuples(
        st.just(0),
        st.integers(0, 9),
        st.integers(98, 100),
        st.integers(0, 4),
        st.sampled_from([0, 0, 0, 1, 2**32 - 1]),
        st.integers(1, 3),
        st.sampled_from([1, 1, 1, 1, 2, 3]),
        st.integers(1, 2),
        st.sampled_from([1, 1, 1, 2]),
        st.sampled_from([1, 1, 1, 2, 3, 4]),
    )
    phase = st.tuples(*(st.just(0),) * 2, st.integers(1, 4), *(st.just(0),) * 3, st.just(4), *(st.just(0),) * 3)
    rows = draw(st.lists(st.one_of(row, row, row, row, phase), max_size=40))
    commands = np.array(rows, COMMAND)
    commands["seq"] = np.arange(len(rows))
    return commands


@settings(max_examples=150, deadline=None)
@given(commands=small_commands(), cuts=st.lists(st.integers(0, 40), max_size=4))
def test_small_books_agree_in_any_batches_and_over_a_snapshot(commands, cuts):
    table = table_of((99, 98, 100, 1), (5, 98, 100, 2))
    core, twin = engines(table, max_order_id=8, max_live=6)
    whole = twin.step(commands).tobytes()
    pieces = []
    for part in np.split(commands, sorted(min(cut, len(commands)) for cut in cuts)):
        pieces.append(core.step(part).tobytes())
        audit(core)
        core = Core.restore(table, core.snapshot())
        audit(core)
    assert b"".join(pieces) == whole
    assert core.snapshot() == twin.snapshot()


@pytest.mark.parametrize("batch", [1, 7, 1_000])
def test_batches_do_not_change_the_events(batch):
    commands = random_stream(7, 4_000)
    whole = Core(MIXED_TABLE).step(commands)
    core = Core(MIXED_TABLE)
    parts = [core.step(commands[first : first + batch]) for first in range(0, len(commands), batch)]
    assert np.concatenate(parts).tobytes() == whole.tobytes()


@pytest.mark.parametrize(("writer", "reader"), [(Core, TwinCore), (TwinCore, Core), (Core, Core)])
def test_snapshot_and_tail_equal_the_whole_replay(writer, reader):
    commands = random_stream(11, 3_000, garbage=0.01)
    whole = writer(MIXED_TABLE)
    tail_events = [whole.step(part) for part in np.split(commands, [1_500])][1]
    head = writer(MIXED_TABLE)
    head.step(commands[:1_500])
    restored = reader.restore(MIXED_TABLE, head.snapshot())
    assert restored.state_hash() == head.state_hash()
    assert restored.step(commands[1_500:]).tobytes() == tail_events.tobytes()
    assert restored.snapshot() == whole.snapshot()


@pytest.mark.parametrize("seed", range(3))
def test_every_share_is_accounted_for(seed):
    commands = random_stream(seed, 4_000, garbage=0.01)
    commands["seq"] = np.arange(len(commands))
    core = Core(MIXED_TABLE)
    events = core.step(commands)
    resting = snapshot.decode(MIXED_TABLE, core.snapshot()).orders
    live = dict(zip(resting["order_id"].tolist(), resting["qty"].tolist(), strict=True))
    check_quantities(commands, events, live)


def test_a_refused_command_leaves_the_state_alone():
    core = Core(MIXED_TABLE, max_order_id=500, max_live=40)
    for command in random_stream(5, 800, garbage=0.05).reshape(-1, 1):
        before = core.state_hash()
        events = core.step(command)
        refused = events["kind"][0] == 2
        assert not refused or (len(events) == 1 and core.state_hash() == before)


def test_mirrored_sides_and_prices_give_mirrored_trades():
    table = table_of((100, 90, 110, 1))
    commands = random_stream(21, 3_000, centres=np.array([100]), garbage=0.0, phase_rate=0.0)
    mirrored = commands.copy()
    mirrored["side"] = 3 - commands["side"]
    mirrored["price"] = 200 - commands["price"]
    events, reflected = Core(table).step(commands), Core(table).step(mirrored)
    reflected["price"] = 200 - reflected["price"]
    reflected["side"] = np.where(reflected["side"] > 0, 3 - reflected["side"], 0)
    assert events.tobytes() == reflected.tobytes()


def test_an_order_that_is_cancelled_untouched_changes_nothing():
    core = Core(MIXED_TABLE)
    core.step(random_stream(3, 1_000, garbage=0.0, phase_rate=0.0))
    before = core.state_hash()
    visit = np.zeros(2, COMMAND)
    visit["order_id"], visit["kind"], visit["side"], visit["type"], visit["tif"] = 900_000, (1, 2), 1, 1, 1
    visit["price"], visit["qty"] = 95, 5
    assert core.step(visit)["kind"].tolist() == [1, 4]
    assert core.state_hash() == before


def test_wide_books_take_pages_and_give_them_back():
    table = table_of(*[(131_072, 0, 0, 1), (131_072, 1, 262_145, 1)] * 20)
    random = np.random.default_rng(2)
    commands = np.zeros(4_000, COMMAND)
    commands["kind"], commands["type"], commands["tif"], commands["qty"] = 1, 1, 1, 1
    commands["order_id"] = np.arange(1, 4_001)
    commands["symbol"] = random.integers(0, 40, 4_000)
    commands["side"] = random.integers(1, 3, 4_000)
    commands["price"] = np.where(
        commands["side"] == 1, random.integers(1, 131_000, 4_000), random.integers(132_000, 262_144, 4_000)
    )
    core, twin = engines(table, max_order_id=5_000, max_live=5_000)
    empty = core.state_hash()
    assert core.step(commands).tobytes() == twin.step(commands).tobytes()
    assert core.state_hash() == twin.state_hash()
    audit(core)
    commands["kind"] = 2
    random.shuffle(commands)
    core.step(commands)
    assert core.state_hash() == empty
    audit(core)


def test_asking_memory_ahead_changes_nothing():
    """So many orders rest that the core looks ahead, at commands with garbage in them too."""
    count = prefetch.LARGE // prefetch.BYTES_AN_ORDER + 1_000
    resting = np.zeros(count, COMMAND)
    resting["kind"], resting["side"], resting["type"], resting["tif"] = 1, 1, 1, 1
    resting["order_id"] = np.arange(10_000, 10_000 + count)
    resting["price"], resting["qty"], resting["symbol"] = 1_000 + np.arange(count) % 300, 1, 4
    stream = random_stream(17, 4_000, garbage=0.05)
    commands = np.concatenate([resting, stream, resting[::50]])
    commands["kind"][-len(resting[::50]) :] = 2
    table = table_of(
        (100, 95, 105, 1), (0, 0, 0, 100), (130_000, 120_000, 140_000, 1), (7, 0, 12, 3), (1_000, 900, 1_500, 1)
    )
    core, twin = engines(table, max_order_id=10_000 + count, max_live=2 * count)
    assert core.step(commands).tobytes() == twin.step(commands).tobytes()
    assert core.state_hash() == twin.state_hash()
    assert core.live_orders() + len(resting[::50]) > prefetch.LARGE // prefetch.BYTES_AN_ORDER


def test_the_widest_band_has_prices_at_both_ends():
    table = table_of((1, 1, 262_145, 1))
    commands = np.array(
        [
            (1, 1, 262_145, 5, 0, 0, 1, 2, 1, 1),
            (2, 2, 1, 5, 0, 0, 1, 1, 1, 1),
            (3, 3, 262_145, 7, 0, 0, 1, 1, 1, 1),
            (4, 4, 1, 20, 0, 0, 1, 2, 1, 1),
        ],
        COMMAND,
    )
    core, twin = engines(table, max_order_id=10, max_live=10)
    assert core.step(commands).tobytes() == twin.step(commands).tobytes()
    assert core.best(0) == twin.best(0) == (None, 1)
    audit(core)


def test_auctions_at_the_edge_of_every_layer_of_the_bitmap():
    random = np.random.default_rng(9)
    edges = np.array([1, 2, 64, 65, 66, 512, 513, 4_095, 4_096, 4_097, 262_142, 262_143, 8_192, 131_072])
    for _ in range(30):
        commands = np.zeros(42, COMMAND)
        commands["kind"], commands["type"], commands["tif"] = 1, 1, 1
        commands["order_id"] = np.arange(42)
        commands["side"] = random.integers(1, 3, 42)
        commands["price"] = random.choice(edges, 42)
        commands["qty"] = random.integers(1, 9, 42)
        commands["kind"][[0, -1]] = 4
        commands["price"][[0, -1]] = 1, 3
        table = table_of((int(random.choice(edges)), 0, 0, 1))
        core, twin = engines(table, max_order_id=50, max_live=50)
        assert core.step(commands).tobytes() == twin.step(commands).tobytes()
        assert core.state_hash() == twin.state_hash()
        audit(core)
