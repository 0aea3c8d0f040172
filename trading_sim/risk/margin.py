"""The mark: what margin accounts are worth at the last prices, what they may borrow, and who may only close.

For each account that may borrow or write options, all at the last prices:
- equity = free and frozen cash (below zero: the debt) + collateral_ppm of what it owns - what it has written, in full;
- credit = the smaller of its line and equity / initial ratio, never below zero;
- it may only close when assets < maintenance ratio * debt, or when it has written options and free cash is below what it may borrow.

Between two marks the numbers stay, so an order costs no valuation.
"""

from __future__ import annotations

import numpy as np

from trading_sim.ledger.conservation import POSITION_PARTS, by_symbol
from trading_sim.ledger.records import CLOSING_ONLY, MARGIN
from trading_sim.risk.desk import Desk

MILLION = 1_000_000
LOW = np.int64(0xFFFFFFFF)


def mark(desk: Desk) -> int:
    """Value every margin account. Returns how many may only close now."""
    rows = np.flatnonzero(desk.accounts["flags"] & MARGIN)
    if not rows.size:
        return 0
    positions = by_symbol(desk)[:, rows]
    owned = sum(positions[name].astype(np.int64) for name in POSITION_PARTS)
    price = (desk.symbols["last"].astype(np.int64) * desk.symbols["multiplier"])[:, None]
    value = owned * price
    assets = _exact_sums(np.maximum(value, 0))
    counted = _exact_sums(_share(np.maximum(value, 0), desk.terms["collateral_ppm"][:, None]))
    written = _exact_sums(np.maximum(-value, 0))
    for at, row in enumerate(rows.tolist()):
        _mark_account(desk, row, assets[at], counted[at], written[at])
    return int((desk.accounts["flags"] & CLOSING_ONLY != 0).sum())


def _mark_account(desk: Desk, row: int, assets: int, counted: int, written: int) -> None:
    account, own, control = desk.accounts[row], desk.own[row], desk.control[0]
    cash, frozen = int(account["cash"]), int(account["frozen"])
    wealth = cash + frozen
    initial = int(own["initial_ppm"]) or int(control["initial_ppm"])
    maintenance = int(own["maintenance_ppm"]) or int(control["maintenance_ppm"])
    equity = wealth + counted - written
    credit = max(min(int(own["credit_line"]), equity * MILLION // initial), 0)
    debt = max(-wealth, 0)
    called = debt > 0 and (assets + max(wealth, 0)) * MILLION < maintenance * debt
    called = called or (written > 0 and cash + credit < 0)
    account["credit"] = credit
    account["flags"] = (int(account["flags"]) & ~CLOSING_ONLY) | (CLOSING_ONLY if called else 0)


def _share(value: np.ndarray, ppm: np.ndarray) -> np.ndarray:
    """Floor of millionths of non-negative values, without leaving int64."""
    whole, rest = np.divmod(value, MILLION)
    return whole * ppm + rest * ppm // MILLION


def _exact_sums(values: np.ndarray) -> list[int]:
    """Sums over symbols as whole numbers of any size: the halves are added apart."""
    high, low = (values >> 32).sum(axis=0).tolist(), (values & LOW).sum(axis=0).tolist()
    return [(upper << 32) + lower for upper, lower in zip(high, low, strict=True)]
