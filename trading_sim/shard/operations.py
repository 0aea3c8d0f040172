"""What the operator's commands do to a shard: account status, rules, marks, and the settlement that ends a day.

End of day. PHASE 4 (CLOSED) only closes, because symbols also close between the opening auction and 09:30, at lunch, and one by one
when halted. The day ends by PHASE with price 5 (SETTLE) and symbol EVERY_SYMBOL, accepted only when all symbols are CLOSED.
Every open order is CANCELLED with reason EXPIRED in ascending order id and its freeze released, shares bought today become
sellable, debts bear interest, bands follow the closing prices, written options are margined at them, margin accounts are marked, the day
number rises, and a fresh core starts with every symbol CLOSED. One PHASE event with price 5 and qty = number of the new day ends
the list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trading_sim.ledger.opening import open_prices
from trading_sim.ledger.settlement import (
    charge_interest,
    count_lent,
    margin_anew,
    publish_navs,
    settle_day,
    written_margin,
)
from trading_sim.matching.records import EventKind, Kind, Phase
from trading_sim.protocol.operator import EVERY_SYMBOL, OPERATOR, SETTLE, OperatorEvent, OperatorKind
from trading_sim.protocol.records import COMMAND, EVENT, PARTY
from trading_sim.risk import rules
from trading_sim.risk.margin import mark
from trading_sim.risk.reasons import AccountStatus, RiskReason
from trading_sim.shard.trading_day import closing_rows, expire_orders

if TYPE_CHECKING:
    from trading_sim.shard.machine import ShardMachine

Made = tuple[np.ndarray, np.ndarray]
"""EVENT and PARTY records, aligned."""


def is_operation(batch: np.ndarray) -> np.ndarray:
    """Which COMMAND records are the shard's own rather than the matching core's."""
    kind = batch["kind"]
    found = (kind >= OperatorKind.ACCOUNT) & (kind <= OperatorKind.MARK)
    phases = kind == Kind.PHASE
    return found | (phases & (batch["price"] == SETTLE)) if phases.any() else found


def execute(machine: ShardMachine, command: np.void) -> RiskReason | Made:
    """Carry out one operation: its events, or why it was refused."""
    if command["account"] != OPERATOR:
        return RiskReason.NOT_OPERATOR
    kind = int(command["kind"])
    if kind == OperatorKind.ACCOUNT:
        return _set_status(machine, command)
    if kind == OperatorKind.RULE:
        return _set_rule(machine, command)
    if command["symbol"] != EVERY_SYMBOL:
        return RiskReason.MALFORMED
    if kind == OperatorKind.MARK:
        return _event(command, OperatorEvent.MARK, qty=mark(machine.desk))
    return _settle(machine, command)


def _event(command: np.void, kind: int, **fields: int) -> Made:
    events = np.zeros(1, EVENT)
    events["seq"], events["symbol"], events["kind"] = command["seq"], command["symbol"], kind
    for name, value in fields.items():
        events[name] = value
    return events, np.zeros(1, PARTY)


def _set_status(machine: ShardMachine, command: np.void) -> RiskReason | Made:
    row, status = rules.row_of(machine.desk, int(command["symbol"])), int(command["price"])
    if row < 0:
        return RiskReason.UNKNOWN_ACCOUNT
    if status not in tuple(AccountStatus):
        return RiskReason.MALFORMED
    machine.desk.accounts["status"][row] = status
    return _event(command, OperatorEvent.ACCOUNT, price=status)


def _set_rule(machine: ShardMachine, command: np.void) -> RiskReason | Made:
    scope, which, field, value = (int(command[name]) for name in ("type", "symbol", "qty", "price"))
    if not rules.is_possible(machine.desk, scope, which, field, value):
        return RiskReason.MALFORMED
    version = rules.set_rule(machine.desk, scope, which, field, value)
    if field in rules.MARGIN_FIELDS:
        mark(machine.desk)
    return _event(command, OperatorEvent.RULE, price=value, qty=version)


def _settle(machine: ShardMachine, command: np.void) -> RiskReason | Made:
    if (machine.core.phases() != Phase.CLOSED).any():
        return RiskReason.NOT_CLOSED
    desk = machine.desk
    expired, parties = expire_orders(desk, machine.core.resting(), int(command["seq"]))
    expired["order_id"] += np.uint64(machine.day_base)
    margins = written_margin(desk)
    settle_day(desk)
    count_lent(desk)
    charge_interest(desk)
    publish_navs(desk)
    rows = closing_rows(machine.rows, desk.symbols["last"])
    for symbol, row in enumerate(rows):
        open_prices(desk, symbol, row)
    rules.refresh_symbols(desk)
    margin_anew(desk, margins)
    mark(desk)
    machine.open_day(rows)
    end, nobody = _event(command, EventKind.PHASE, price=SETTLE, qty=machine.day)
    return np.concatenate([expired, end]), np.concatenate([parties, nobody])


def close_all(seq: int) -> np.ndarray:
    """COMMAND[1] that closes every symbol."""
    command = np.zeros(1, COMMAND)
    command["seq"], command["kind"] = seq, Kind.PHASE
    command["symbol"], command["price"] = EVERY_SYMBOL, Phase.CLOSED
    return command
