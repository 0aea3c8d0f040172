"""The volatility interruption: hand-made sequences on both engines, equality on random streams, and what must always hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading_sim.matching.matching_audit import audit
from tests.trading_sim.matching.matching_cases_breaker import CASES, ROWS
from tests.trading_sim.matching.matching_streams import MIXED_CENTRES, MIXED_TABLE, random_stream, table_of
from tests.trading_sim.matching.matching_text import describe_events, parse_commands
from trading_sim.matching.core import Core
from trading_sim.matching.records import EVERY_SYMBOL, EventKind, Kind, Phase, Reason, Side
from trading_sim.matching.snapshot import SnapshotError
from trading_sim.matching.symbols import SymbolTable, SymbolTableError
from trading_sim.matching.twin import TwinCore

ENGINES = pytest.mark.parametrize("engine", [TwinCore, Core])
TABLE = SymbolTable.from_rows(ROWS)
RANDOM_ROWS = [
    {"reference": 100, "low": 90, "high": 110, "lot": 1, "breaker_ppm": 20_000},
    {
        "reference": 131_072,
        "low": 0,
        "high": 0,
        "lot": 100,
        "breaker_ppm": 10,
        "breaker_follows": 1,
        "continuous_only": 1,
    },
    {"reference": 130_000, "low": 120_000, "high": 140_000, "lot": 1, "breaker_ppm": 15, "breaker_follows": 1},
    {"reference": 7, "low": 0, "high": 12, "lot": 3},
]
RANDOM_TABLE = SymbolTable.from_rows(RANDOM_ROWS)


def stream_with_widths(seed: int, count: int, **options) -> np.ndarray:
    """A random stream in which halted symbols reopen often and some PHASE commands set a width."""
    random = np.random.default_rng((seed, 1))
    commands = random_stream(seed, count, **{"phase_rate": 0.08, "garbage": 0.005, **options})
    phases = np.flatnonzero(commands["kind"] == Kind.PHASE)
    commands["price"][phases] = random.choice([1, 2, 3, 3, 3, 3, 3, 4], len(phases))
    widths = [0, 0, 0, 10, 20, 20_000, 2**32 - 1]
    commands["qty"][phases] = random.choice(widths, len(phases))
    return commands


@ENGINES
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_sequence_causes_these_events_and_leaves_this_book(engine, case):
    core = engine(TABLE, max_order_id=100, max_live=20)
    events = core.step(parse_commands(case.commands))
    assert describe_events(events) == case.events
    assert (tuple(core.depth(0, Side.BUY, 9)), tuple(core.depth(0, Side.SELL, 9))) == case.book


@pytest.mark.parametrize("width", [2, 4, 9])
@pytest.mark.parametrize("seed", range(4))
def test_core_and_twin_give_the_same_bytes_and_state(seed, width):
    commands = stream_with_widths(seed, 3_000, width=width)
    core, twin = (engine(RANDOM_TABLE, max_order_id=3_000, max_live=3_000) for engine in (Core, TwinCore))
    for part in np.array_split(commands, 6):
        assert core.step(part).tobytes() == twin.step(part).tobytes()
        assert core.snapshot() == twin.snapshot()
        audit(core)


def test_streams_reach_every_end_of_a_halted_order():
    events = np.concatenate([Core(RANDOM_TABLE).step(stream_with_widths(seed, 3_000)) for seed in range(6)])
    halts = events[(events["kind"] == EventKind.PHASE) & (events["reason"] == Reason.HALTED)]
    assert set(halts["symbol"].tolist()) == {0, 1, 2}
    assert ((events["kind"] == EventKind.CANCELLED) & (events["reason"] == Reason.HALTED)).any()
    assert ((events["kind"] == EventKind.PHASE) & (events["qty"] == 1_000_000)).any()


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**20), cuts=st.lists(st.integers(0, 200), max_size=4))
def test_batches_and_snapshots_change_nothing(seed, cuts):
    commands = stream_with_widths(seed, 200, width=3)
    whole = TwinCore(RANDOM_TABLE).step(commands).tobytes()
    core, pieces = Core(RANDOM_TABLE, 300, 300), []
    for part in np.split(commands, sorted(cuts)):
        pieces.append(core.step(part).tobytes())
        core = Core.restore(RANDOM_TABLE, core.snapshot())
        audit(core)
    assert b"".join(pieces) == whole


@pytest.mark.parametrize("seed", range(6))
def test_nothing_executes_between_breach_and_halt_or_beyond_the_collar(seed):
    """The halting command is the one that would have gone on: no event of a later command lies between."""
    commands = stream_with_widths(seed, 4_000, garbage=0.0)
    commands["qty"][commands["kind"] == Kind.PHASE] = 0
    events = Core(RANDOM_TABLE).step(commands)
    kind_of = dict(zip(commands["seq"].tolist(), commands["kind"].tolist(), strict=True))
    anchors = RANDOM_TABLE.reference.tolist()
    phases = [int(Phase.CONTINUOUS)] * len(RANDOM_ROWS)
    halts, previous = 0, 0
    for seq, _, _, price, _, _, symbol, kind, reason, _, flags in events.tolist():
        ppm, follows = RANDOM_ROWS[symbol].get("breaker_ppm", 0), RANDOM_ROWS[symbol].get("breaker_follows", 0)
        if kind == EventKind.TRADE and kind_of[seq] != Kind.PHASE:
            assert phases[symbol] == Phase.CONTINUOUS
            if ppm and not follows:
                assert abs(price - anchors[symbol]) <= anchors[symbol] * ppm // 1_000_000
        if kind == EventKind.TRADE and flags:
            anchors[symbol] = price
        if kind == EventKind.PHASE:
            phases[symbol] = price
            if reason == Reason.HALTED:
                halts += 1
                assert previous == seq, "the halt belongs to the command whose events come before it"
                assert kind_of[seq] in (Kind.NEW, Kind.REPLACE)
        previous = seq
    assert halts > 0


@pytest.mark.parametrize("seed", range(3))
def test_a_table_without_breakers_answers_as_ever(seed):
    commands = random_stream(seed, 2_000)
    zeros = {"breaker_ppm": 0, "breaker_follows": 0, "continuous_only": 0}
    rows = [
        {"reference": int(r), "low": int(low), "high": int(high), "lot": int(lot), **zeros}
        for r, low, high, lot in zip(
            MIXED_TABLE.reference, MIXED_TABLE.low, MIXED_TABLE.high, MIXED_TABLE.lot, strict=True
        )
    ]
    plain, zeroed = Core(MIXED_TABLE), Core(SymbolTable.from_rows(rows))
    assert plain.step(commands).tobytes() == zeroed.step(commands).tobytes()
    assert plain.snapshot() == zeroed.snapshot()


def test_a_wide_collar_never_halts():
    rows = [{**row, "breaker_ppm": 1_000_000} for row in RANDOM_ROWS]
    commands = random_stream(8, 3_000, garbage=0.0, centres=MIXED_CENTRES)
    commands["qty"][commands["kind"] == Kind.PHASE] = 0
    rows[3]["high"], rows[1].pop("continuous_only")
    wide = [Core(SymbolTable.from_rows(rows)), Core(SymbolTable.from_rows([{**r, "breaker_ppm": 0} for r in rows]))]
    commands["price"][commands["symbol"] == 3] = 7
    assert wide[0].step(commands).tobytes() == wide[1].step(commands).tobytes()


def test_continuous_only_passes_over_auctions_for_everybody_but_not_its_own():
    core = Core(RANDOM_TABLE)
    core.step(parse_commands(("PHASE AUCTION",)))
    assert [core.phase(symbol) for symbol in range(4)] == [1, 3, 1, 1]
    core.step(parse_commands(("PHASE CLOSED", "PHASE AUCTION on 1", "PHASE AUCTION_LOCKED")))
    assert [core.phase(symbol) for symbol in range(4)] == [2, 1, 2, 2]
    assert EVERY_SYMBOL == 0xFFFFFFFF


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"breaker_ppm": 1_000_001}, "breaker_ppm must be at most"),
        ({"breaker_ppm": -1}, "'breaker_ppm' must lie between"),
        ({"breaker_ppm": 1, "reference": 0}, "with a breaker the reference must lie between"),
        ({"breaker_ppm": 1, "reference": 2**41, "high": 0, "low": 0}, "with a breaker the reference must lie between"),
        ({"breaker_ppm": 1, "low": 2**41, "high": 2**41 + 9}, "with a breaker high must be at most"),
        ({"breaker_follows": 2}, "'breaker_follows' must be 0 or 1"),
        ({"continuous_only": True}, "'continuous_only' must be a whole number"),
    ],
)
def test_a_breaker_that_makes_no_sense_is_refused(change, message):
    with pytest.raises(SymbolTableError, match=message):
        SymbolTable.from_rows([{**ROWS[0], **change}])


def test_a_snapshot_says_whether_breakers_are_in_it():
    plain = table_of((100, 90, 110, 1))
    with_breaker = SymbolTable.from_rows([{**RANDOM_ROWS[0]}])
    for one, other in ((plain, with_breaker), (with_breaker, plain)):
        with pytest.raises(SnapshotError, match="another symbol table"):
            Core.restore(other, Core(one).snapshot())
