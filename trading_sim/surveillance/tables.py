"""The memory of the detectors of one shard: flat tables of fixed size.

orders   one row per order id, in a ring: a newer order takes the place of one that is `orders` ids older (counted when that was open)
cells    what one account did in one symbol: an open-addressing hash table
pairs    what two accounts traded with one another in one symbol: the same
symbols  one row per symbol, with a histogram of order sizes

Sums that end in `_d` fade: they halve every half-life (see thresholds.Memory), and are valid at the row's time `t`. Times are
nanoseconds of the entries (Unix), quantities shares or contracts, prices ticks. Index 0 of a sided column is the buy side.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trading_sim.surveillance.thresholds import Memory

SIZE_BUCKETS = 128
RUN_PRICES = 8

ORDER = np.dtype(
    [
        ("id", "i8"),
        ("account", "i8"),
        ("symbol", "i8"),
        ("side", "i8"),
        ("price", "i8"),
        ("qty", "i8"),
        ("leaves", "i8"),
        ("filled", "i8"),
        ("t", "i8"),
        ("opposite", "i8"),  # what the account had traded on the other side when the order came
    ]
)
CELL = np.dtype(
    [
        ("key", "u8"),
        ("t", "i8"),
        ("first", "i8"),  # time of the first evidence of what is going on; 0: none
        ("open", "i8", (2,)),
        ("peak_d", "f8", (2,)),  # largest open quantity of the last seconds
        ("peak_t", "i8", (2,)),
        ("filled", "i8", (2,)),
        ("orders_d", "f8"),
        ("cancels_d", "f8"),
        ("traded_d", "f8"),
        ("self_d", "f8"),
        ("selfs_d", "f8"),
        ("spoof_d", "f8"),
        ("layer_d", "f8"),
        ("pulled_d", "f8"),
        ("aggressive_d", "f8", (2,)),
        ("impact_d", "f8", (2,)),
        ("takes_d", "f8", (2,)),  # prices moved
        ("over", "f8"),  # largest order of the last while, as a multiple of the symbol's large orders
        ("over_t", "i8"),
        ("touched", "i8"),
    ]
)
#: Withdrawals of one account, symbol and side that belong together.
RUN = np.dtype(
    [
        ("size", "f8"),
        ("t", "i8"),
        ("first", "i8"),
        ("around", "f8"),
        ("levels", "i8"),
        ("counted", "i8"),
        ("prices", "i8", (RUN_PRICES,)),
    ]
)
PAIR = np.dtype(
    [
        ("key", "u8"),  # the lower account << 32 | the higher one
        ("symbol", "i8"),
        ("t", "i8"),
        ("first", "i8"),
        ("up_d", "f8"),  # quantity that the lower account bought from the higher one
        ("down_d", "f8"),
        ("trades_d", "f8"),
        ("touched", "i8"),
    ]
)
SYMBOL = np.dtype(
    [
        ("t", "i8"),
        ("last", "i8"),
        ("taken", "i8", (2,)),  # last price at which a taker of this side traded
        ("phase", "i8"),
        ("closing", "i8"),  # since when the symbol is in its closing auction; 0: it is not
        ("sizes", "i8"),  # orders in the histogram
        ("large", "f8"),  # 90th percentile of order sizes; 0: not known yet
        ("huge", "f8"),  # 99th
        ("aggressive_d", "f8", (2,)),
        ("impact_d", "f8", (2,)),
    ]
)

# Places of `counters`.
CELLS_USED, PAIRS_USED, CELLS_TOUCHED, PAIRS_TOUCHED, EVENTS, UNWATCHED, FORGOTTEN, CLOSINGS = range(8)


class Tables(NamedTuple):
    """All arrays that the kernel works on; see the module's text."""

    orders: np.ndarray
    cells: np.ndarray
    runs: np.ndarray
    pairs: np.ndarray
    symbols: np.ndarray
    sizes: np.ndarray
    touched_cells: np.ndarray
    touched_pairs: np.ndarray
    counters: np.ndarray


def new_tables(symbols: int, memory: Memory) -> Tables:
    """Empty tables for `symbols` symbols. Raises ValueError for sizes that are no powers of two."""
    for name in ("orders", "cells", "pairs"):
        size = getattr(memory, name)
        if size < 64 or size & (size - 1):
            raise ValueError(f"surveillance memory: {name} is {size}, it must be a power of two from 64 on")
    return Tables(
        orders=np.zeros(memory.orders, ORDER),
        cells=np.zeros(memory.cells, CELL),
        runs=np.zeros((memory.cells, 2), RUN),
        pairs=np.zeros(memory.pairs, PAIR),
        symbols=np.zeros(symbols, SYMBOL),
        sizes=np.zeros((symbols, SIZE_BUCKETS), "i8"),
        touched_cells=np.zeros(memory.cells, "i8"),
        touched_pairs=np.zeros(memory.pairs, "i8"),
        counters=np.zeros(8, "i8"),
    )


def expect_sizes(tables: Tables, usual: np.ndarray, weight: int) -> None:
    """Begin with `weight` imagined orders per symbol, geometric around its usual size (0: nothing is known of the symbol)."""
    for symbol, size in enumerate(usual.tolist()):
        if size <= 0:
            continue
        parts = (np.arange(weight) + 0.5) / weight
        drawn = np.maximum(-np.log(1 - parts) * size, 1.0)
        buckets = np.minimum((np.log2(drawn) * 4).astype(int), SIZE_BUCKETS - 1)
        np.add.at(tables.sizes[symbol], buckets, 1)
        row = tables.symbols[symbol]
        row["sizes"] = weight
        row["large"], row["huge"] = np.quantile(drawn, 0.9), np.quantile(drawn, 0.99)
