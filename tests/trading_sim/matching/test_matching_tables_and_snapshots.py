"""Symbol tables, snapshots and capacities that must be refused, with a message that says what is wrong."""

import json

import numpy as np
import pytest

from tests.trading_sim.matching.matching_streams import MIXED_TABLE, random_stream, table_of
from trading_sim.matching.core import Core
from trading_sim.matching.records import COMMAND, EVENT
from trading_sim.matching.snapshot import RESTING, SnapshotError
from trading_sim.matching.symbols import SymbolTable, SymbolTableError
from trading_sim.matching.twin import TwinCore

GOOD = {"reference": 100, "low": 90, "high": 110, "lot": 1}
ENGINES = pytest.mark.parametrize("engine", [Core, TwinCore])


def test_record_sizes():
    assert (COMMAND.itemsize, EVENT.itemsize, RESTING.itemsize) == (40, 48, 32)


def test_table_is_read_with_further_keys():
    table = SymbolTable.parse(json.dumps([GOOD | {"name": "A"}, GOOD | {"low": 0, "high": 0}]))
    assert len(table) == 2
    assert table.reference.tolist() == [100, 100]
    assert [table.has_band(symbol) for symbol in range(2)] == [True, False]
    assert [table.price_range(symbol) for symbol in range(2)] == [(90, 110), (1, 262_143)]
    assert table.high.dtype == np.int64


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("{}", "JSON array"),
        ("[]", "empty"),
        ("[1]", "symbol 0 must be an object"),
        (json.dumps([GOOD, {"reference": 1}]), "symbol 1: 'low' is missing"),
        (json.dumps([GOOD | {"low": "90"}]), "'low' must be a whole number"),
        (json.dumps([GOOD | {"lot": True}]), "'lot' must be a whole number"),
        (json.dumps([GOOD | {"reference": 1.5}]), "'reference' must be a whole number"),
        ('[{"reference": NaN, "low": 0, "high": 0, "lot": 1}]', "'reference' must be a whole number"),
        (json.dumps([GOOD | {"lot": 0}]), "lot must be at least 1"),
        (json.dumps([GOOD | {"low": 111}]), "low 111 is above high 110"),
        (json.dumps([GOOD | {"high": 90 + 262_145}]), "wider than 262144"),
        (json.dumps([GOOD | {"high": 2**70}]), "'high' must lie between"),
        (json.dumps([GOOD | {"low": -1}]), "'low' must lie between"),
    ],
)
def test_table_that_cannot_be_used_is_refused(text, message):
    with pytest.raises(SymbolTableError, match=message):
        SymbolTable.parse(text)


def test_widest_band_is_accepted():
    assert table_of((1, 5, 5 + 262_144, 1)).price_range(0) == (5, 262_149)


@pytest.mark.parametrize(("ids", "live"), [(0, 1), (2**32, 1), (1, 0), (1, 2**31)])
def test_core_refuses_capacity_it_cannot_hold(ids, live):
    with pytest.raises(ValueError, match=r"max_(order_id|live) must lie between"):
        Core(MIXED_TABLE, max_order_id=ids, max_live=live)


@ENGINES
def test_every_flipped_byte_of_a_snapshot_is_noticed(engine):
    core = engine(MIXED_TABLE, max_order_id=100, max_live=30)
    core.step(random_stream(1, 60))
    data = core.snapshot()
    for position in range(len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 0x10
        with pytest.raises(SnapshotError):
            engine.restore(MIXED_TABLE, bytes(damaged))


@ENGINES
@pytest.mark.parametrize("size", [0, 10, 70, -1])
def test_a_cut_snapshot_is_refused(engine, size):
    data = engine(MIXED_TABLE).snapshot()
    with pytest.raises(SnapshotError, match=r"too short|promises"):
        engine.restore(MIXED_TABLE, data[:size])


@ENGINES
def test_a_snapshot_of_another_table_is_refused(engine):
    data = engine(MIXED_TABLE).snapshot()
    other = table_of((100, 95, 105, 1), (0, 0, 0, 100), (130_000, 120_000, 140_000, 1), (7, 0, 12, 4))
    with pytest.raises(SnapshotError, match="another symbol table"):
        engine.restore(other, data)


def test_a_restored_core_keeps_its_capacity():
    core = Core(MIXED_TABLE, max_order_id=50, max_live=9)
    assert Core.restore(MIXED_TABLE, core.snapshot()).snapshot() == core.snapshot()


def test_depth_of_an_unknown_symbol_is_an_error():
    with pytest.raises(IndexError, match="symbol 4"):
        Core(MIXED_TABLE).depth(4, 1, 5)


def test_commands_may_be_read_only_unaligned_or_strided():
    commands = random_stream(3, 200)
    expected = TwinCore(MIXED_TABLE).step(commands).tobytes()
    shifted = np.frombuffer(b"x" + commands.tobytes(), COMMAND, offset=1)
    spread = np.repeat(commands, 2)[::2]
    for form in (np.frombuffer(commands.tobytes(), COMMAND), shifted, spread):
        assert Core(MIXED_TABLE).step(form).tobytes() == expected
