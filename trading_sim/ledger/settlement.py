"""What the end of a day does to the ledger: bought today becomes sellable, debts bear interest, options are margined anew."""

from __future__ import annotations

import numpy as np

from trading_sim.ledger.conservation import by_symbol
from trading_sim.ledger.records import OPTION, LedgerError


def settle_day(desk) -> None:
    """Close the day's counters and positions. Raises LedgerError while orders hold something: expire them first."""
    positions = by_symbol(desk)
    holding = np.flatnonzero((positions["held"] != 0).any(axis=0) | (positions["buying"] != 0).any(axis=0))
    if holding.size:
        raise LedgerError(
            f"{holding.size} accounts still have open orders (first: row {holding[0]}): expire them before settlement"
        )
    positions["sellable"] += positions["today"]
    for name in ("today", "orders", "cancels", "trades", "own"):
        positions[name] = 0
    for name in ("turnover", "cancels", "trades", "own"):
        desk.accounts[name] = 0
    for name in ("volume", "turnover", "trades"):
        desk.symbols[name] = 0
    control = desk.control[0]
    control["last_order"] = 0
    control["day"] += 1


def charge_interest(desk) -> None:
    """A day's interest on every debt (free and frozen cash together below zero), floor of interest_ppm of it."""
    control = desk.control[0]
    wealth = desk.accounts["cash"] + desk.accounts["frozen"]
    for row in np.flatnonzero(wealth < 0).tolist():
        interest = int(-wealth[row]) * int(control["interest_ppm"]) // 1_000_000
        desk.accounts["cash"][row] -= interest
        control["interest"] += interest


def publish_navs(desk) -> None:
    """The net asset values that the operator gave for tomorrow hold from now on; a fund is worth its value."""
    terms = desk.terms
    changed = terms["next_nav"] != 0
    terms["nav"][changed] = terms["next_nav"][changed]
    terms["next_nav"] = 0
    funds = terms["nav"] != 0
    desk.symbols["last"][funds] = terms["nav"][funds]


def written_margin(desk) -> np.ndarray:
    """i8[A]: what the written options of every account must have frozen at today's margins."""
    options = np.flatnonzero(desk.symbols["flags"] & OPTION)
    written = -np.minimum(by_symbol(desk)["sellable"][options].astype(np.int64), 0)
    return desk.terms["unit_margin"][options] @ written


def count_lent(desk) -> None:
    """What is sold and not owned, now that purchases of the day count."""
    desk.terms["lent"] = -np.minimum(by_symbol(desk)["sellable"].astype(np.int64), 0).sum(axis=1)


def margin_anew(desk, before: np.ndarray) -> None:
    """Move what written options freeze from the sums `before` to those of the new margins; free cash may go below zero."""
    change = written_margin(desk) - before
    desk.accounts["frozen"] += change
    desk.accounts["cash"] -= change
