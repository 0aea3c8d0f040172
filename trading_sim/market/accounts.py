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


def accounts_for_shard(shard: int) -> list[AccountRow]:
    """Rows {"account", "cash", "positions", "status"}, members with "member": true; which symbols a customer holds comes from a generator seeded by the shard."""
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
                **({"member": True} if account in MEMBERS else {}),
            }
        )
    return rows


def customers_of(rows: Iterable[Mapping[str, Any]]) -> int:
    """The highest account id among rows that are not members': the customers are 1 … that."""
    return max(row["account"] for row in rows if not row.get("member"))
