"""The arrays of the desk: accounts, positions, rules. The hot loop checks and posts on them, command by command."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trading_sim.ledger.records import ACCOUNT, CONTROL, OWN, POSITION, SYMBOL, TERMS

CACHE_LINE = 64


class Desk(NamedTuple):
    """Everything beside the books. Shapes: A accounts, S symbols; a row is the place of an account in the configuration."""

    control: np.ndarray  # CONTROL[1]
    accounts: np.ndarray  # ACCOUNT[A]
    positions: np.ndarray  # POSITION[S * A], all accounts of a symbol together
    symbols: np.ndarray  # SYMBOL[S]
    terms: np.ndarray  # TERMS[S]
    own: np.ndarray  # OWN[A]
    row_of: np.ndarray  # i4[largest account id + 1], -1 for an id that does not exist
    parties: np.ndarray  # i8, aligned with the event buffer: PARTY records as words


def empty(accounts: int, symbols: int, row_of: np.ndarray) -> Desk:
    """A desk of zeros; records never straddle a cache line."""
    control = aligned(1, CONTROL)
    control["accounts"] = accounts
    return Desk(
        control=control,
        accounts=aligned(accounts, ACCOUNT),
        positions=aligned(accounts * symbols, POSITION),
        symbols=aligned(symbols, SYMBOL),
        terms=aligned(symbols, TERMS),
        own=aligned(accounts, OWN),
        row_of=row_of,
        parties=np.empty(0, np.int64),
    )


def aligned(count: int, dtype: np.dtype) -> np.ndarray:
    """`count` zeroed records that start at a cache line."""
    memory = np.zeros(count * dtype.itemsize + CACHE_LINE, "u1")
    start = -memory.ctypes.data % CACHE_LINE
    return memory[start : start + count * dtype.itemsize].view(dtype)


STATE = ("control", "accounts", "positions", "symbols", "terms", "own")
"""The arrays that change: what is hashed and written to snapshots, in this order."""


def parts(desk: Desk) -> dict[str, np.ndarray]:
    """Name → array of STATE."""
    return {name: getattr(desk, name) for name in STATE}
