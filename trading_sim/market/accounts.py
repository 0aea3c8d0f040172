"""Accounts of a shard: market makers, institutions, private customers and members, with their first cash and positions.

Members trade over the gateway by themselves; the load process, which plays all other customers and accounts for their orders, leaves them alone.

A customer has the same id on every shard and a sub-account (cash and positions) on each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from trading_sim.market.symbols import SEED, symbols_for_shard

ACCOUNTS = 400
MEMBERS = range(ACCOUNTS + 1, ACCOUNTS + 9)
AccountRow = dict[str, Any]

HIGHEST_GRADE = 3
CREDIT_LINE = 1_000_000_00


@dataclass(frozen=True)
class Group:
    """Customers `first` … `last`: cash in fen on each shard, how much of how many of its symbols, in lots."""

    name: str
    first: int
    last: int
    cash: int
    share_of_symbols: float
    lots: int


GROUPS = (
    Group("maker", 1, 8, 50_000_000_00, 1.0, 8_000),
    Group("institution", 9, 60, 20_000_000_00, 0.5, 2_000),
    Group("private", 61, ACCOUNTS, 2_000_000_00, 0.25, 300),
    Group("member", MEMBERS[0], MEMBERS[-1], 20_000_000_00, 0.5, 2_000),
)


def group_of(account: int) -> Group:
    """The group of a customer's or member's account id."""
    for group in GROUPS:
        if group.first <= account <= group.last:
            return group
    raise ValueError(f"account {account} does not exist: accounts are 1 … {MEMBERS[-1]}")


def terms_of(account: int) -> dict[str, Any]:
    """What a customer may do beside trading shares for its own cash.

    Every tenth private customer borrows; every fourth institution writes options; two of 25 private customers belong together; the grade says how
    risky a product a customer may buy.
    """
    group = group_of(account).name
    terms: dict[str, Any] = {"grade": 1 + account % 3 if group == "private" else HIGHEST_GRADE}
    if group == "private" and account % 10 == 0:
        terms["credit_line"] = CREDIT_LINE
    if group == "institution" and account % 4 == 0:
        terms["writes_options"] = True
    if group == "private" and account % 25 in (0, 1):
        terms["group"] = 1 + account // 25
    return terms


def accounts_for_shard(shard: int) -> list[AccountRow]:
    """Rows {"account", "cash", "positions", "status"}, members with "member": true, and what `terms_of` gives; which symbols a customer holds comes from a generator seeded by the shard."""
    symbols = symbols_for_shard(shard)
    generator = np.random.default_rng((SEED, shard, 1))
    rows = []
    for account in range(1, MEMBERS[-1] + 1):
        group = group_of(account)
        held = np.flatnonzero(generator.random(len(symbols)) < group.share_of_symbols)
        rows.append(
            {
                "account": account,
                "cash": group.cash,
                "positions": {str(symbol): group.lots * symbols[symbol]["lot"] for symbol in held.tolist()},
                "status": 0,
                **terms_of(account),
                **({"member": True} if account in MEMBERS else {}),
            }
        )
    return rows


def customers_of(rows: Iterable[Mapping[str, Any]]) -> int:
    """The highest account id among rows that are not members': the customers are 1 … that."""
    return max(row["account"] for row in rows if not row.get("member"))
