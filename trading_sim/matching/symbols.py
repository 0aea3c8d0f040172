"""The symbol table: reference price, price band, lot and breaker of every symbol; the index is the symbol."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from trading_sim.matching.records import EVERY_SYMBOL, MAX_BAND_TICKS, MAX_PRICE_WITHOUT_BAND

FIELDS = ("reference", "low", "high", "lot")
BREAKER_FIELDS = ("breaker_ppm", "breaker_follows", "continuous_only")
MILLION = 1_000_000
HIGHEST_BREAKER_PRICE = 2**40  # times a million it stays inside an int64
LARGEST = 2**62 - 1  # differences of two table values stay inside an int64


class SymbolTableError(ValueError):
    """The symbol table cannot be used; the message names the symbol and what is wrong with it."""


@dataclass(frozen=True, eq=False)
class SymbolTable:
    """Checked symbol table. Arrays are int64, one entry a symbol, and must not be written to.

    `low` = `high` = 0 means no price band: then prices 1 … 262,143 are valid. Optional keys of a row, 0 when left out:
    `breaker_ppm`, the collar of the volatility interruption in millionths of its reference, 0 for none; `breaker_follows`, 1 when
    that reference moves with every trade instead of with auctions only; `continuous_only`, 1 when the symbol passes over
    auctions that are called for every symbol.
    """

    reference: np.ndarray
    low: np.ndarray
    high: np.ndarray
    lot: np.ndarray
    breaker_ppm: np.ndarray
    breaker_follows: np.ndarray
    continuous_only: np.ndarray

    @classmethod
    def parse(cls, text: str | bytes) -> Self:
        """Read the JSON form, an array of objects. Raises SymbolTableError."""
        try:
            rows = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise SymbolTableError(f"symbol table is not JSON: {error}") from error
        if not isinstance(rows, list):
            raise SymbolTableError(f"symbol table must be a JSON array of objects, not {type(rows).__name__}")
        return cls.from_rows(rows)

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]]) -> Self:
        """Build from mappings with reference, low, high (ticks) and lot, and the optional keys; further keys are left alone.

        Raises SymbolTableError for an empty table and for a row that is incomplete or contradicts itself.
        """
        checked = [_checked(symbol, row) for symbol, row in enumerate(rows)]
        if not checked:
            raise SymbolTableError("symbol table is empty: at least one symbol is needed")
        if len(checked) >= EVERY_SYMBOL:
            raise SymbolTableError(f"symbol table has {len(checked)} symbols: at most {EVERY_SYMBOL - 1} are possible")
        columns = np.array(checked, dtype=np.int64).T.copy()
        columns.flags.writeable = False
        return cls(*columns)

    def __len__(self) -> int:
        return len(self.reference)

    def has_band(self, symbol: int) -> bool:
        """Whether the symbol has a price band of its own."""
        return bool(self.high[symbol] != 0)

    def price_range(self, symbol: int) -> tuple[int, int]:
        """Lowest and highest price an order of this symbol may rest at, both included, in ticks."""
        if self.has_band(symbol):
            return max(int(self.low[symbol]), 1), int(self.high[symbol])
        return 1, MAX_PRICE_WITHOUT_BAND

    @property
    def has_breakers(self) -> bool:
        """Whether any symbol has a breaker: only then breakers are part of state hash and snapshot."""
        return bool(self.breaker_ppm.any())

    def digest(self) -> bytes:
        """16 bytes that tell two tables apart (BLAKE2b over the columns)."""
        state = hashlib.blake2b(digest_size=16)
        plain = not any(getattr(self, name).any() for name in BREAKER_FIELDS)
        for name in FIELDS if plain else (*FIELDS, *BREAKER_FIELDS):
            state.update(getattr(self, name).astype("<i8").tobytes())
        return state.digest()


def _checked(symbol: int, row: Any) -> tuple[int, ...]:
    if not isinstance(row, Mapping):
        raise SymbolTableError(f"symbol {symbol} must be an object with {', '.join(FIELDS)}, not {type(row).__name__}")
    reference, low, high, lot = (_integer(symbol, row, name) for name in FIELDS)
    if lot < 1:
        raise SymbolTableError(f"symbol {symbol}: lot must be at least 1, not {lot}")
    if low > high:
        raise SymbolTableError(f"symbol {symbol}: low {low} is above high {high}")
    if high - low > MAX_BAND_TICKS:
        raise SymbolTableError(f"symbol {symbol}: band of {high - low} ticks is wider than {MAX_BAND_TICKS}")
    return reference, low, high, lot, *_checked_breaker(symbol, row, reference, high)


def _checked_breaker(symbol: int, row: Mapping[str, Any], reference: int, high: int) -> tuple[int, int, int]:
    ppm, follows, continuous_only = (_integer(symbol, row, name) if name in row else 0 for name in BREAKER_FIELDS)
    if ppm > MILLION:
        raise SymbolTableError(f"symbol {symbol}: breaker_ppm must be at most {MILLION}, not {ppm}")
    if ppm and not 1 <= reference <= HIGHEST_BREAKER_PRICE:
        raise SymbolTableError(
            f"symbol {symbol}: with a breaker the reference must lie between 1 and {HIGHEST_BREAKER_PRICE}, not {reference}"
        )
    if ppm and high > HIGHEST_BREAKER_PRICE:
        raise SymbolTableError(
            f"symbol {symbol}: with a breaker high must be at most {HIGHEST_BREAKER_PRICE}, not {high}"
        )
    for name, value in (("breaker_follows", follows), ("continuous_only", continuous_only)):
        if value > 1:
            raise SymbolTableError(f"symbol {symbol}: {name!r} must be 0 or 1, not {value}")
    return ppm, follows, continuous_only


def _integer(symbol: int, row: Mapping[str, Any], name: str) -> int:
    if name not in row:
        raise SymbolTableError(f"symbol {symbol}: {name!r} is missing")
    value = row[name]
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise SymbolTableError(f"symbol {symbol}: {name!r} must be a whole number, not {value!r}")
    if not 0 <= value <= LARGEST:
        raise SymbolTableError(f"symbol {symbol}: {name!r} must lie between 0 and {LARGEST}, not {value}")
    return int(value)
