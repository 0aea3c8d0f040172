"""Commands of the operator to a shard beside the matching contract's PHASE: account status, rules, marks.

They go through the journal like orders, so replicas agree and a replay repeats them. All come from account 0; the
matching core itself knows none of them. Each causes one event:

- ACCOUNT (kind 5): symbol = account, price = new status. Event 7: price = status, symbol = account.
- RULE (kind 6): type = scope, symbol = account or symbol (0 for the shard), qty = field, price = value; in the scopes
  ACCOUNT and SYMBOL 0 takes the rule away. Event 8: price = value, qty = version of the rules after it, symbol as sent.
- MARK (kind 7): values margin accounts at the last prices. Event 9: qty = accounts that may only close afterwards.
- SETTLE is a PHASE with price 5 and every symbol.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from trading_sim.protocol.records import COMMAND

OPERATOR = 0
EVERY_SYMBOL = 0xFFFFFFFF
SETTLE = 5
PHASE_KIND = 4


class OperatorKind(IntEnum):
    """COMMAND.kind."""

    ACCOUNT = 5
    RULE = 6
    MARK = 7


class OperatorEvent(IntEnum):
    """EVENT.kind."""

    ACCOUNT = 7
    RULE = 8
    MARK = 9


class RuleScope(IntEnum):
    """What a rule holds for."""

    SHARD = 0
    ACCOUNT = 1
    SYMBOL = 2


class RuleField(IntEnum):
    """Numbers are kept in journals for ever; new ones are appended. Amounts in fen, ratios in millionths."""

    MAX_QUANTITY = 1  # of one order; every scope
    MAX_NOTIONAL = 2  # of one order; every scope
    COLLAR_PPM = 3  # how far beyond the last price; shard, symbol
    RATE_MAX = 4  # orders of an account in a window; shard, account
    MAX_POSITION = 5  # of one account in one symbol; shard, symbol
    CREDIT_LINE = 6  # what the broker lends at most; account
    INITIAL_PPM = 7  # equity to debt, to borrow more; shard, account
    MAINTENANCE_PPM = 8  # assets to debt, below which an account may only close; shard, account
    INTEREST_PPM = 9  # of a debt, a day; shard
    COLLATERAL_PPM = 10  # how much of its value a position counts; symbol
    MARGIN_PPM = 11  # seller's margin of an option, from the next settlement; symbol
    NEXT_NAV = 12  # the price of a fund, from the next settlement; symbol


def account_command(account: int, status: int) -> np.ndarray:
    """COMMAND[1] that gives an account the status 0 active, 1 cancel-only or 2 suspended."""
    return _command(OperatorKind.ACCOUNT, symbol=account, price=status)


def rule_command(scope: RuleScope, which: int, field: RuleField, value: int) -> np.ndarray:
    """COMMAND[1] that sets a rule; `which` is the account or symbol, 0 for the shard."""
    return _command(OperatorKind.RULE, type=scope, symbol=which, qty=field, price=value)


def mark_command() -> np.ndarray:
    """COMMAND[1] that values margin accounts now."""
    return _command(OperatorKind.MARK, symbol=EVERY_SYMBOL)


def phase_command(symbol: int, phase: int) -> np.ndarray:
    """COMMAND[1] that moves a symbol, or EVERY_SYMBOL, into a phase; SETTLE ends the day."""
    return _command(PHASE_KIND, symbol=symbol, price=phase)


def _command(kind: int, **fields: int) -> np.ndarray:
    command = np.zeros(1, COMMAND)
    command["kind"], command["account"] = kind, OPERATOR
    for name, value in fields.items():
        command[name] = value
    return command
