"""The compiled matching core beside its plain-Python specification on the same stream, in commands per CPU second."""

from __future__ import annotations

import time

import numpy as np
import pytest

from trading_sim.matching.core import Core
from trading_sim.matching.records import COMMAND
from trading_sim.matching.symbols import SymbolTable
from trading_sim.matching.twin import TwinCore

pytestmark = pytest.mark.bench
COMMANDS, TWIN_COMMANDS, SEED = 1_000_000, 20_000, 23


def stream(count: int) -> np.ndarray:
    """One symbol, seeded: half passive orders near the touch, two fifths cancels, the rest takes what is there."""
    rng = np.random.default_rng(SEED)
    commands = np.zeros(count, COMMAND)
    kind = rng.random(count)
    commands["seq"] = commands["order_id"] = np.arange(1, count + 1)
    commands["kind"] = np.where(kind < 0.4, 2, 1)
    commands["side"] = rng.integers(1, 3, count)
    away = rng.geometric(0.12, count)
    taking = kind > 0.92
    direction = np.where(commands["side"] == 1, -1, 1) * np.where(taking, -1, 1)
    commands["price"] = 5_000 + direction * np.where(taking, 2, away)
    commands["qty"] = rng.integers(1, 11, count) * 100
    commands["type"], commands["tif"] = 1, np.where(taking, 2, 1)
    cancels = commands["kind"] == 2
    commands["order_id"][cancels] = np.maximum(1, np.nonzero(cancels)[0] - rng.integers(1, 4_000, int(cancels.sum())))
    return commands


def rate(engine: type, commands: np.ndarray, batch: int) -> float:
    table = SymbolTable.from_rows([{"reference": 5_000, "low": 4_000, "high": 6_000, "lot": 100}])
    core = engine(table, max_order_id=COMMANDS + 1, max_live=200_000)
    core.step(commands[:batch])
    began = time.thread_time()
    for start in range(batch, len(commands), batch):
        core.step(commands[start : start + batch])
    return (len(commands) - batch) / (time.thread_time() - began)


def test_matching() -> None:
    commands = stream(COMMANDS)
    twin = rate(TwinCore, commands[:TWIN_COMMANDS], 512)
    print(f"\n{'engine':28}{'batch':>8}{'commands/s':>14}{'× specification':>17}")
    print(f"{'specification (Python)':28}{512:8}{twin:14,.0f}{1.0:17.1f}")
    for batch in (1, 64, 512, 4_096):
        found = rate(Core, commands[: COMMANDS if batch > 1 else 100_000], batch)
        print(f"{'compiled core':28}{batch:8}{found:14,.0f}{found / twin:17.1f}")
    assert found > twin
