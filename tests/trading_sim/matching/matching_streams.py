"""Seeded command streams for the matching tests: plausible trading mixed with garbage at a stated rate."""

import numpy as np

from trading_sim.matching.records import COMMAND, EVERY_SYMBOL
from trading_sim.matching.symbols import SymbolTable

EXTREME_IDS = np.array([0, 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1], np.uint64)
EXTREME_PRICES = np.array([-(2**63), -1, 0, 1, 262_143, 262_144, 262_145, 2**31, 2**32 + 95, 2**63 - 1], np.int64)
EXTREME_QTYS = np.array([0, 1, 2**31, 2**32 - 100, 2**32 - 1], np.uint32)
EXTREME_SYMBOLS = np.array([2**31, 2**32 - 2, EVERY_SYMBOL, 1_000_000], np.uint32)


def table_of(*rows: tuple[int, int, int, int]) -> SymbolTable:
    """Symbol table from (reference, low, high, lot) rows."""
    return SymbolTable.from_rows(dict(zip(("reference", "low", "high", "lot"), row, strict=True)) for row in rows)


MIXED_TABLE = table_of((100, 95, 105, 1), (0, 0, 0, 100), (130_000, 120_000, 140_000, 1), (7, 0, 12, 3))
MIXED_CENTRES = np.array([100, 131_072, 130_000, 6])


def random_stream(
    seed: int,
    count: int,
    *,
    centres: np.ndarray = MIXED_CENTRES,
    width: int = 4,
    garbage: float = 0.03,
    phase_rate: float = 0.01,
    max_qty: int = 6,
) -> np.ndarray:
    """`count` commands around the price `centres` (one a symbol), ids dense; a share `garbage` of fields is extreme."""
    random = np.random.default_rng(seed)
    commands = np.zeros(count, COMMAND)
    commands["seq"] = np.arange(1, count + 1)
    symbol = random.integers(0, len(centres), count)
    commands["symbol"] = symbol
    commands["kind"] = random.choice([1, 1, 1, 1, 2, 3], count)
    newest = np.cumsum(commands["kind"] == 1)
    back = random.geometric(0.05, count)
    commands["order_id"] = np.where(commands["kind"] == 1, newest, np.maximum(newest - back, 1))
    commands["price"] = centres[symbol] + random.integers(-width, width + 1, count)
    commands["qty"] = 3 * random.integers(1, max_qty + 1, count) * np.where(symbol == 1, 100, 1)
    commands["account"] = random.integers(0, 50, count)
    commands["side"] = random.integers(1, 3, count)
    commands["type"] = random.choice([1] * 9 + [2], count)
    commands["tif"] = random.choice([1] * 8 + [2, 3, 4], count)
    _follow_orders(random, commands)
    _add_phases(random, commands, phase_rate)
    _add_garbage(random, commands, garbage)
    return commands


def _follow_orders(random: np.random.Generator, commands: np.ndarray) -> None:
    """Most CANCEL and REPLACE commands name the symbol, and a price near the one, their order was entered with."""
    entered = np.flatnonzero(commands["kind"] == 1)
    later = np.flatnonzero((commands["kind"] != 1) & (random.random(len(commands)) < 0.95))
    if len(entered) == 0:
        return
    source = entered[np.minimum(commands["order_id"][later].astype(np.int64) - 1, len(entered) - 1)]
    commands["symbol"][later] = commands["symbol"][source]
    commands["price"][later] = commands["price"][source] + random.choice([0, 0, 0, -2, -1, 1, 2], len(later))


def _add_phases(random: np.random.Generator, commands: np.ndarray, rate: float) -> None:
    chosen = np.flatnonzero(random.random(len(commands)) < rate)
    commands["kind"][chosen] = 4
    commands["price"][chosen] = random.choice([1, 1, 1, 2, 3, 3, 3, 3, 3, 3, 4, 0, 5], len(chosen))
    everyone = chosen[random.random(len(chosen)) < 0.4]
    commands["symbol"][everyone] = EVERY_SYMBOL
    commands["order_id"][chosen] = 0


def _add_garbage(random: np.random.Generator, commands: np.ndarray, rate: float) -> None:
    extremes = {
        "order_id": EXTREME_IDS,
        "price": EXTREME_PRICES,
        "qty": EXTREME_QTYS,
        "symbol": EXTREME_SYMBOLS,
        "kind": np.array([0, 5, 255], np.uint8),
        "side": np.array([0, 3, 129, 255], np.uint8),
        "type": np.array([0, 3, 255], np.uint8),
        "tif": np.array([0, 5, 255], np.uint8),
    }
    for name, values in extremes.items():
        chosen = np.flatnonzero(random.random(len(commands)) < rate)
        commands[name][chosen] = random.choice(values, len(chosen))
