"""The desk of a shard at its start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trading_sim.ledger.opening import account_index, open_account, open_symbol
from trading_sim.risk.desk import Desk, empty
from trading_sim.risk.limits import RiskLimits
from trading_sim.risk.margin import mark
from trading_sim.risk.rules import install_limits


def open_desk(accounts: Sequence[Mapping], symbols: Sequence[Mapping], limits: RiskLimits, max_order_id: int) -> Desk:
    """A desk with the first balances. Raises LedgerError for an account or a symbol that cannot be.

    accounts: rows {"account": id, "cash": fen, "positions": {symbol index: quantity}}, optionally "status", "group" (own trades are
    counted), "grade", "credit_line" (fen the broker lends), "writes_options" (may sell short), "initial_ppm", "maintenance_ppm", and limits
    of its own: "max_quantity", "max_notional", "rate_max".
    symbols: rows of the symbol table, optionally "commission_ppm", "stamp_ppm" (sellers only), "same_day", "multiplier" (shares a contract),
    "margin_ppm" (seller's margin: an option when same_day, else with "lendable" shares that short sellers may borrow), "nav" (a fund),
    "min_notional" and "grade" of the product, "collateral_ppm", and limits of its own: "max_quantity", "max_notional", "max_position",
    "collar_ppm".
    """
    row_of = account_index([row["account"] for row in accounts])
    desk = empty(len(accounts), len(symbols), row_of)
    for index, symbol in enumerate(symbols):
        open_symbol(desk, index, symbol, limits.collateral_ppm)
    for index, account in enumerate(accounts):
        open_account(desk, index, account)
    desk.control["max_order_id"] = max_order_id
    install_limits(desk, limits)
    mark(desk)
    return desk
