"""Rules: limits of the shard, of accounts and of symbols, which of them hold, and changing one while orders flow.

Of shard and symbol the symbol's own limit holds where it has one. What an account has of its own holds besides, and its
order rate instead of the shard's.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trading_sim.ledger.records import LARGEST_AMOUNT, LARGEST_PRICE, LARGEST_QUANTITY, MARGIN, OPTION, OWN_LIMITS
from trading_sim.protocol.operator import RuleField, RuleScope
from trading_sim.risk.desk import Desk
from trading_sim.risk.limits import LARGEST_ORDER, RiskLimits

ANY_PPM = 100_000_000
SHARD_FIELDS = (
    "max_notional",
    "max_quantity",
    "max_position",
    "collar_ppm",
    "rate_max",
    "initial_ppm",
    "maintenance_ppm",
    "interest_ppm",
)
SYMBOL_FIELDS = ("max_notional", "max_quantity", "max_position", "collar_ppm")
OWN_FIELDS = ("max_notional", "max_quantity", "rate_max")
MARGIN_FIELDS = (RuleField.CREDIT_LINE, RuleField.INITIAL_PPM, RuleField.MAINTENANCE_PPM, RuleField.COLLATERAL_PPM)
"""A change of one of these is followed by a mark."""


class Bounds(NamedTuple):
    """Where a rule may stand and how large it may be. `least` is of the shard's; 0 takes away an account's or a symbol's."""

    scopes: tuple[RuleScope, ...]
    least: int
    most: int


EVERYWHERE = (RuleScope.SHARD, RuleScope.ACCOUNT, RuleScope.SYMBOL)
FIELDS: dict[RuleField, Bounds] = {
    RuleField.MAX_QUANTITY: Bounds(EVERYWHERE, 1, LARGEST_ORDER),
    RuleField.MAX_NOTIONAL: Bounds(EVERYWHERE, 1, LARGEST_AMOUNT),
    RuleField.COLLAR_PPM: Bounds((RuleScope.SHARD, RuleScope.SYMBOL), 0, ANY_PPM),
    RuleField.RATE_MAX: Bounds((RuleScope.SHARD, RuleScope.ACCOUNT), 1, LARGEST_QUANTITY),
    RuleField.MAX_POSITION: Bounds((RuleScope.SHARD, RuleScope.SYMBOL), 1, LARGEST_QUANTITY),
    RuleField.CREDIT_LINE: Bounds((RuleScope.ACCOUNT,), 0, LARGEST_AMOUNT),
    RuleField.INITIAL_PPM: Bounds((RuleScope.SHARD, RuleScope.ACCOUNT), 1, ANY_PPM),
    RuleField.MAINTENANCE_PPM: Bounds((RuleScope.SHARD, RuleScope.ACCOUNT), 0, ANY_PPM),
    RuleField.INTEREST_PPM: Bounds((RuleScope.SHARD,), 0, 1_000_000),
    RuleField.COLLATERAL_PPM: Bounds((RuleScope.SYMBOL,), 0, 1_000_000),
    RuleField.MARGIN_PPM: Bounds((RuleScope.SYMBOL,), 1, ANY_PPM),
    RuleField.NEXT_NAV: Bounds((RuleScope.SYMBOL,), 1, LARGEST_PRICE),
}


def install_limits(desk: Desk, limits: RiskLimits) -> None:
    """Put the shard's first limits in force."""
    for name in SHARD_FIELDS:
        desk.control[name] = getattr(limits, name)
    refresh_symbols(desk)


def refresh_symbols(desk: Desk) -> None:
    """Work out which limits hold for each symbol: its own, else the shard's.

    Quantities are bounded further so that their value in fen stays an int64, whatever the price.
    """
    for name in SYMBOL_FIELDS:
        own = desk.terms[name]
        desk.symbols[name] = np.where(own != 0, own, desk.control[name][0])
    dearest = np.maximum(desk.symbols["high"], 262_143).astype(np.int64) * desk.symbols["multiplier"]
    for name in ("max_quantity", "max_position"):
        desk.symbols[name] = np.minimum(desk.symbols[name], 2**62 // dearest)


def is_possible(desk: Desk, scope: int, which: int, field: int, value: int) -> bool:
    """Whether a rule names a scope, a thing and a field that go together, with a value that makes sense."""
    if field not in FIELDS or scope not in FIELDS[RuleField(field)].scopes:
        return False
    bounds = FIELDS[RuleField(field)]
    if scope == RuleScope.SHARD:
        return which == 0 and bounds.least <= value <= bounds.most
    if scope == RuleScope.ACCOUNT:
        return row_of(desk, which) >= 0 and 0 <= value <= bounds.most
    if not 0 <= which < len(desk.symbols) or not 0 <= value <= bounds.most:
        return False
    if field == RuleField.MARGIN_PPM:
        return value >= 1 and bool(desk.symbols["flags"][which] & OPTION)
    if field == RuleField.NEXT_NAV:
        return value >= 1 and desk.terms["nav"][which] != 0
    return True


def set_rule(desk: Desk, scope: int, which: int, field: int, value: int) -> int:
    """Change a rule that `is_possible`. Returns the new version of the rules."""
    name = RuleField(field).name.lower()
    if scope == RuleScope.SHARD:
        desk.control[name] = value
    elif scope == RuleScope.SYMBOL:
        desk.terms[name][which] = value
    else:
        _set_own(desk, row_of(desk, which), name, value)
    if name in SYMBOL_FIELDS:
        refresh_symbols(desk)
    desk.control["rules_version"] += 1
    return int(desk.control["rules_version"][0])


def _set_own(desk: Desk, row: int, name: str, value: int) -> None:
    own, account = desk.own[row], desk.accounts[row]
    own[name] = value
    if name == "credit_line" and value:
        account["flags"] |= MARGIN  # stays when the line is taken away: there may be a debt
    has_limits = any(own[field] for field in OWN_FIELDS)
    account["flags"] = (int(account["flags"]) & ~OWN_LIMITS) | (OWN_LIMITS if has_limits else 0)


def row_of(desk: Desk, account: int) -> int:
    """Row of an account id, -1 for one that does not exist."""
    return int(desk.row_of[account]) if 0 <= account < len(desk.row_of) else -1


def in_force(desk: Desk, row: int) -> dict[str, int]:
    """The limits that hold for an account in every symbol without limits of its own."""
    control, own = desk.control[0], desk.own[row]
    limits = {name: int(control[name]) for name in SHARD_FIELDS}
    for name in ("max_notional", "max_quantity"):
        if own[name]:
            limits[name] = min(limits[name], int(own[name]))
    for name in ("rate_max", "initial_ppm", "maintenance_ppm"):
        if own[name]:
            limits[name] = int(own[name])
    return {**limits, "credit_line": int(own["credit_line"])}
