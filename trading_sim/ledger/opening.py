"""The first balances and fees, from the rows of a shard's configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from trading_sim.ledger.records import (
    FUND,
    GRADED,
    LARGEST_PRICE,
    LARGEST_QUANTITY,
    MARGIN,
    OPTION,
    OWN_LIMITS,
    SAME_DAY,
    LedgerError,
)

LARGEST_ID = (1 << 20) - 1
LARGEST_CASH = 2**60
MILLION = 1_000_000
OWN_KEYS = ("max_notional", "max_quantity", "rate_max", "credit_line", "initial_ppm", "maintenance_ppm")
TERM_KEYS = (
    "margin_ppm",
    "lendable",
    "nav",
    "min_notional",
    "grade",
    "max_notional",
    "max_quantity",
    "max_position",
    "collar_ppm",
)


def account_index(accounts: Sequence[int]) -> np.ndarray:
    """i4[max id + 1]: account id → row, -1 for ids that do not exist.

    Raises LedgerError for an id twice, or beyond 1,048,575 (the table is an array, not a dictionary).
    """
    ids = np.asarray(accounts, dtype=np.int64)
    if ids.size == 0:
        raise LedgerError("no accounts: give at least one")
    if ids.min() < 1 or ids.max() > LARGEST_ID:
        raise LedgerError(f"account ids must be 1 … {LARGEST_ID}, found {ids.min()} … {ids.max()}: renumber them")
    if np.unique(ids).size != ids.size:
        raise LedgerError("an account id occurs twice: every account needs an id of its own")
    index = np.full(int(ids.max()) + 1, -1, dtype="<i4")
    index[ids] = np.arange(ids.size, dtype="<i4")
    return index


def open_account(desk, row: int, account: Mapping) -> None:
    """Fill account `row` and its positions. Raises LedgerError for a row that cannot be."""
    name = f"account {account['account']}"
    if not 0 <= account["cash"] <= LARGEST_CASH:
        raise LedgerError(
            f"{name} starts with {account['cash']} fen: cash must not be negative, nor above {LARGEST_CASH}"
        )
    record, own = desk.accounts[row], desk.own[row]
    record["cash"] = account["cash"]
    record["status"] = account.get("status", 0)
    record["group"] = account.get("group", 0)
    record["grade"] = account.get("grade", 0)
    for key in OWN_KEYS:
        own[key] = _whole(name, account, key)
    if account.get("credit_line", 0) or account.get("writes_options", False):
        record["flags"] |= MARGIN
    if own["max_notional"] or own["max_quantity"] or own["rate_max"]:
        record["flags"] |= OWN_LIMITS
    symbols = len(desk.symbols)
    for key, quantity in account.get("positions", {}).items():
        symbol = int(key)
        if not 0 <= symbol < symbols or not 0 <= quantity <= LARGEST_QUANTITY:
            raise LedgerError(
                f"{name} starts with {quantity} of symbol {symbol}: symbols are 0 … {symbols - 1} and quantities "
                f"not negative, at most {LARGEST_QUANTITY}"
            )
        desk.positions[symbol * len(desk.accounts) + row]["sellable"] = quantity


def open_symbol(desk, symbol: int, row: Mapping, collateral_ppm: int) -> None:
    """Fill the terms of a symbol. Raises LedgerError for a row that cannot be. Limits in force follow from risk.rules."""
    name = f"symbol {symbol}"
    rules, terms = desk.symbols[symbol], desk.terms[symbol]
    for key in ("commission_ppm", "stamp_ppm"):
        rules[key] = _whole(name, row, key, most=MILLION)
    rules["multiplier"] = _whole(name, row, "multiplier", 1, LARGEST_QUANTITY)
    if rules["multiplier"] < 1:
        raise LedgerError(f"{name}: a contract must stand for at least one share")
    for key in TERM_KEYS:
        terms[key] = _whole(name, row, key)
    is_share = bool(terms["lendable"]) or not (terms["margin_ppm"] or terms["nav"])
    terms["collateral_ppm"] = _whole(name, row, "collateral_ppm", collateral_ppm if is_share else 0, MILLION)
    if terms["margin_ppm"] and not terms["lendable"] and not row.get("same_day", False):
        raise LedgerError(f"{name} is an option: what is bought today must be sellable today (same_day)")
    if terms["lendable"] and not terms["margin_ppm"]:
        raise LedgerError(f"{name} is lent to short sellers: say the margin they freeze (margin_ppm)")
    rules["flags"] = (
        (SAME_DAY if row.get("same_day", False) else 0)
        | (OPTION if terms["margin_ppm"] else 0)
        | (FUND if terms["nav"] else 0)
        | (GRADED if terms["grade"] else 0)
    )
    open_prices(desk, symbol, row)
    rules["last"] = row["reference"]


def open_prices(desk, symbol: int, row: Mapping) -> None:
    """The prices of a new day: upper band, and the margin of a written contract at the reference price."""
    if max(row["high"], row["reference"]) > LARGEST_PRICE:
        raise LedgerError(f"symbol {symbol}: prices above {LARGEST_PRICE} ticks do not fit the desk")
    rules, terms = desk.symbols[symbol], desk.terms[symbol]
    rules["high"] = row["high"]
    terms["unit_margin"] = int(terms["margin_ppm"]) * row["reference"] * int(rules["multiplier"]) // MILLION


def _whole(name: str, row: Mapping, key: str, default: int = 0, most: int = 2**62) -> int:
    value = row.get(key, default)
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not 0 <= value <= most:
        raise LedgerError(f"{name}: {key} must be a whole number from 0 to {most}, not {value!r}")
    return int(value)
