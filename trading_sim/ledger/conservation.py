"""Proof that nothing was made or lost: sums of cash and of every symbol's positions against those of the start.

Cash is free cash, which is negative as far as an account borrows, plus what is frozen, plus collected fees and interest. A position
is what may be sold, what open orders hold and what was bought today; of options the written ones count negative, so their
sum stays what it was.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trading_sim.ledger.records import MARGIN, OPTION

POSITION_PARTS = ("sellable", "held", "today")


@dataclass(frozen=True)
class Sums:
    """All cash in fen and the positions of each symbol."""

    cash: int
    positions: np.ndarray


@dataclass(frozen=True)
class Conservation:
    """Sums in fen and in shares; `ok` when they equal the sums at the start and nothing is negative that must not be.

    fees: commission, stamp duty and interest collected; debt: what accounts owe the broker, contained in cash_total.
    """

    cash_total: int
    cash_expected: int
    fees: int
    debt: int
    position_totals: tuple[int, ...]
    position_expected: tuple[int, ...]
    negative: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.problems()

    def problems(self) -> list[str]:
        """One sentence for every sum that is wrong; empty when all is conserved."""
        found = [f"negative {name}" for name in self.negative]
        if self.cash_total != self.cash_expected:
            found.append(
                f"cash is {self.cash_total} fen and must be {self.cash_expected} ({self.cash_total - self.cash_expected:+d})"
            )
        pairs = zip(self.position_totals, self.position_expected, strict=True)
        found += [
            f"positions of symbol {symbol} are {total} and must be {expected} ({total - expected:+d})"
            for symbol, (total, expected) in enumerate(pairs)
            if total != expected
        ]
        return found


def by_symbol(desk) -> np.ndarray:
    """Position records as [symbol, account row]: a view."""
    return desk.positions.reshape(len(desk.symbols), len(desk.accounts))


def sums(desk) -> Sums:
    """The sums of now; taken at the start, they are what is expected ever after."""
    control = desk.control[0]
    cash = int(desk.accounts["cash"].sum() + desk.accounts["frozen"].sum())
    positions = by_symbol(desk)
    totals = sum(positions[name].sum(axis=1, dtype=np.int64) for name in POSITION_PARTS)
    return Sums(cash + int(control["fees"]) + int(control["interest"]), totals)


def conservation(desk, expected: Sums) -> Conservation:
    """Compare the sums with those of the start."""
    now, accounts, control = sums(desk), desk.accounts, desk.control[0]
    wealth = accounts["cash"] + accounts["frozen"]
    return Conservation(
        cash_total=now.cash,
        cash_expected=expected.cash,
        fees=int(control["fees"]) + int(control["interest"]),
        debt=-int(np.minimum(wealth, 0).sum()),
        position_totals=tuple(now.positions.tolist()),
        position_expected=tuple(expected.positions.tolist()),
        negative=_negative(desk),
    )


def _negative(desk) -> tuple[str, ...]:
    accounts, positions = desk.accounts, by_symbol(desk)
    shares = (desk.symbols["flags"] & OPTION) == 0
    found = {
        "cash": ((accounts["cash"] < 0) & ((accounts["flags"] & MARGIN) == 0)).any(),
        "frozen": (accounts["frozen"] < 0).any(),
        "sellable": (positions["sellable"][shares] < 0).any(),
        **{name: (positions[name] < 0).any() for name in ("held", "today", "buying")},
    }
    return tuple(name for name, wrong in found.items() if wrong)
