"""Hand-made sequences against both engines."""

import numpy as np
import pytest

from tests.trading_sim.matching.matching_case import Case
from tests.trading_sim.matching.matching_cases import CASES
from tests.trading_sim.matching.matching_streams import table_of
from tests.trading_sim.matching.matching_text import describe_events, parse_commands
from trading_sim.matching.core import Core
from trading_sim.matching.records import COMMAND, EVENT, Kind, Side
from trading_sim.matching.twin import TwinCore

TABLE = table_of((100, 90, 110, 1), (50, 0, 0, 100), (55, 50, 60, 1))
ENGINES = pytest.mark.parametrize("engine", [TwinCore, Core])


@ENGINES
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_sequence_causes_these_events_and_leaves_this_book(engine, case: Case):
    core = engine(TABLE, max_order_id=100, max_live=10)
    events = core.step(parse_commands(case.commands))
    assert describe_events(events) == case.events
    assert (tuple(core.depth(0, Side.BUY, 9)), tuple(core.depth(0, Side.SELL, 9))) == case.book
    assert core.best(0) == tuple(side[0][0] if side else None for side in case.book)


def test_there_are_enough_sequences():
    assert len(CASES) >= 34
    assert len({case.name for case in CASES}) == len(CASES)


@ENGINES
@pytest.mark.parametrize("kind", [0, 5, 255])
def test_unknown_kind_is_reported_as_sent(engine, kind):
    command = np.array([(9, 8, -7, 6, 5, 4, kind, 3, 2, 1)], COMMAND)
    events = engine(TABLE, 100, 10).step(command)
    assert events.tolist() == [(9, 8, 0, -7, 6, 0, 5, 2, 6, 3, 0)]


@ENGINES
@pytest.mark.parametrize(
    ("field", "value"), [("side", 0), ("side", 3), ("type", 0), ("type", 3), ("tif", 0), ("tif", 5)]
)
def test_unknown_field_of_new_is_bad_field_but_cancel_does_not_look_at_it(engine, field, value):
    core = engine(TABLE, 100, 10)
    core.step(parse_commands(("BUY 1 5@100",)))
    commands = parse_commands(("BUY 2 5@100", "CANCEL 1"))
    commands[field] = value
    events = core.step(commands)
    assert events["reason"].tolist() == [6, 14]
    assert events["kind"].tolist() == [2, 4]


@ENGINES
def test_phase_is_reported_and_continuous_at_start(engine):
    core = engine(TABLE, 100, 10)
    assert [core.phase(symbol) for symbol in range(3)] == [3, 3, 3]
    core.step(parse_commands(("PHASE CLOSED on 1",)))
    assert [core.phase(symbol) for symbol in range(3)] == [3, 4, 3]


@ENGINES
def test_no_commands_cause_no_events(engine):
    events = engine(TABLE, 100, 10).step(np.empty(0, COMMAND))
    assert events.dtype == EVENT
    assert len(events) == 0


@ENGINES
def test_other_dtypes_are_refused(engine):
    with pytest.raises(TypeError, match="COMMAND"):
        engine(TABLE, 100, 10).step(np.zeros(1, EVENT))


def test_a_sweep_of_many_makers_is_not_recursive():
    commands = np.zeros(50_001, COMMAND)
    commands["seq"] = commands["order_id"] = np.arange(1, 50_002)
    commands["kind"], commands["side"], commands["type"], commands["tif"] = Kind.NEW, Side.SELL, 1, 1
    commands["price"], commands["qty"] = 100, 1
    commands["side"][-1], commands["qty"][-1] = Side.BUY, 60_000
    core = Core(TABLE, max_order_id=60_000, max_live=60_000)
    events = core.step(commands)
    trades = events[events["kind"] == 3]
    assert np.array_equal(trades["maker_id"], np.arange(1, 50_001))
    assert trades["leaves"][-1] == 10_000
