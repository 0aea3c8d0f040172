"""Answers to questions about an account or a symbol, read from the machine's state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trading_sim.ledger.conservation import by_symbol
from trading_sim.ledger.records import CLOSING_ONLY, MARGIN
from trading_sim.matching.records import Side
from trading_sim.risk import rules

if TYPE_CHECKING:
    from trading_sim.shard.machine import ShardMachine

MAX_LISTED_ORDERS = 200
COUNTERS = ("cancels", "trades", "own", "turnover")


def account_answer(machine: ShardMachine, account: int) -> dict[str, Any]:
    """Balances, positions, open orders (at most MAX_LISTED_ORDERS), fills of the day and limits in force.

    `fills_cut`: the account had more fills today than are listed. Raises KeyError for an account that does not exist here.
    """
    desk = machine.desk
    row = rules.row_of(desk, account)
    if row < 0:
        raise KeyError(f"account {account} does not exist on shard {machine.config.shard}")
    record = desk.accounts[row]
    fills = machine.fills.of_account(account)
    orders = machine.core.resting_of(account)
    return {
        "account": account,
        "shard": machine.config.shard,
        "day": machine.day,
        "status": int(record["status"]),
        "cash": {"free": int(record["cash"]), "frozen": int(record["frozen"])},
        "margin": _margin(record),
        "positions": _positions(machine, row),
        "orders_total": int(record["orders"]),
        "open_orders_total": len(orders),
        "open_orders": _orders(machine, orders[:MAX_LISTED_ORDERS]),
        "fills": fills,
        "fills_total": int(record["trades"]),
        "fills_cut": len(fills) < int(record["trades"]),
        "today": {name: int(record[name]) for name in COUNTERS},
        "limits": rules.in_force(desk, row),
        "rules_version": int(desk.control["rules_version"][0]),
    }


def _margin(record: np.void) -> dict[str, Any]:
    wealth = int(record["cash"]) + int(record["frozen"])
    return {
        "allowed": bool(record["flags"] & MARGIN),
        "debt": max(-wealth, 0),
        "credit": int(record["credit"]),
        "closing_only": bool(record["flags"] & CLOSING_ONLY),
    }


def _positions(machine: ShardMachine, row: int) -> list[dict[str, int]]:
    column = by_symbol(machine.desk)[:, row]
    owned = np.flatnonzero((column["sellable"] != 0) | (column["held"] != 0) | (column["today"] != 0))
    names = ("sellable", "held", "today")
    values = {name: column[name][owned].tolist() for name in names}
    return [
        {"symbol": symbol, **{name: values[name][at] for name in names}} for at, symbol in enumerate(owned.tolist())
    ]


def _orders(machine: ShardMachine, orders: np.ndarray) -> list[dict[str, int | str]]:
    terms = machine.desk.symbols[orders["symbol"]]
    multiplier, ppm = terms["multiplier"].tolist(), terms["commission_ppm"].tolist()
    listed = []
    for at, order in enumerate(orders.tolist()):
        row = dict(zip(orders.dtype.names, order, strict=True))
        held = row["qty"]
        if row["side"] == Side.BUY:
            notional = row["price"] * row["qty"] * multiplier[at]
            held = notional + notional * ppm[at] // 1_000_000
        listed.append(
            {
                "order_id": row["order_id"] + machine.day_base,
                "symbol": row["symbol"],
                "side": Side(row["side"]).name,
                "price": row["price"],
                "leaves": row["qty"],
                "held": held,
            }
        )
    return listed


def symbol_answer(machine: ShardMachine, symbol: int) -> dict[str, Any]:
    """Market data of a symbol (prices in ticks, five levels) and the limits in force; `nav` is 0 for what is no fund.

    Raises KeyError for a symbol that does not exist.
    """
    if not 0 <= symbol < len(machine.rows):
        raise KeyError(f"symbol {symbol} does not exist on shard {machine.config.shard}")
    row = machine.rows[symbol]
    market = machine.desk.symbols[symbol]
    bid, ask = machine.core.best(symbol)
    return {
        "symbol": symbol,
        "code": row.get("code", str(symbol)),
        "board": row.get("board", ""),
        "day": machine.day,
        "phase": machine.core.phase(symbol),
        **{name: int(row[name]) for name in ("reference", "low", "high", "lot")},
        **{name: int(market[name]) for name in ("last", "volume", "turnover", "trades")},
        "multiplier": int(market["multiplier"]),
        "nav": int(machine.desk.terms["nav"][symbol]),
        "limits": {name: int(market[name]) for name in rules.SYMBOL_FIELDS},
        "bid": bid,
        "ask": ask,
        "bids": [list(map(int, level)) for level in machine.core.depth(symbol, Side.BUY, 5)],
        "asks": [list(map(int, level)) for level in machine.core.depth(symbol, Side.SELL, 5)],
    }
