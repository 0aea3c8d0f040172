"""Reconciliation: balances rebuilt from what a shard published, compared with those that it keeps.

Nothing of the desk's own arithmetic is used: trades become double-entry legs, open orders follow from events, and what must be frozen
follows from open orders. So one wrong unit in any account, position, fee or debt is found and named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trading_sim.ledger.conservation import by_symbol
from trading_sim.ledger.double_entry import (
    CASH,
    FEES,
    INTEREST,
    MILLION,
    buyers_and_sellers,
    interest_legs,
    trade_legs,
    unbalanced,
)
from trading_sim.ledger.open_orders import OpenOrders
from trading_sim.ledger.opening import account_index
from trading_sim.matching.records import EventKind, Reason, Side
from trading_sim.protocol.operator import SETTLE, OperatorEvent, OperatorKind, RuleField

ACCOUNT_FIELDS = ("cash", "frozen", "turnover", "trades", "cancels", "own")
POSITION_FIELDS = ("sellable", "held", "today", "buying")
SYMBOL_FIELDS = ("last", "volume", "turnover", "trades")


@dataclass(frozen=True)
class Difference:
    """One number that the shard has otherwise than its events say. `account` and `symbol` are None where they make no sense."""

    field: str
    account: int | None
    symbol: int | None
    expected: int
    found: int

    def __str__(self) -> str:
        of = [f"account {self.account}"] if self.account is not None else []
        of += [f"symbol {self.symbol}"] if self.symbol is not None else []
        where = ", ".join(of) or "the shard"
        change = self.found - self.expected
        return f"{self.field} of {where} is {self.found}, its events give {self.expected} ({change:+d})"


class Books:
    """Balances of one shard, rebuilt from its first configuration and everything it published since, in order.

    accounts, symbols: rows of the shard's configuration; interest_ppm: of a debt, a day, until a rule changes it.
    """

    def __init__(self, accounts: Sequence[Mapping], symbols: Sequence[Mapping], interest_ppm: int = 0) -> None:
        self.ids = np.array([row["account"] for row in accounts], np.int64)
        self._row_of = account_index(self.ids)
        self._interest_ppm = interest_ppm
        count, names = len(accounts), len(symbols)
        self._wealth = np.array([row["cash"] for row in accounts], np.int64)
        self._settled, self._today = np.zeros((names, count), np.int64), np.zeros((names, count), np.int64)
        for row, account in enumerate(accounts):
            for symbol, quantity in account.get("positions", {}).items():
                self._settled[int(symbol), row] = quantity
        self._group = np.array([row.get("group", 0) for row in accounts], np.int64)
        self._fees = _columns(symbols, commission_ppm=0, stamp_ppm=0, multiplier=1)
        self._same_day = np.array([bool(row.get("same_day", False)) for row in symbols])
        self._margin_ppm, self._nav = _columns(symbols, margin_ppm=0, nav=0).T.copy()
        self._next_nav = np.zeros(names, np.int64)
        self._symbols = {name: np.zeros(names, np.int64) for name in SYMBOL_FIELDS}
        self._symbols["last"] = np.array([row["reference"] for row in symbols], np.int64)
        self._counters = {name: np.zeros(count, np.int64) for name in ("turnover", "trades", "cancels", "own")}
        self._broker = {FEES: 0, INTEREST: 0}
        self._orders = OpenOrders()
        self._set_margins()

    def add(self, commands: np.ndarray, events: np.ndarray, parties: np.ndarray) -> None:
        """Take in a batch: COMMAND records as stamped, EVENT and PARTY records as published.

        Raises ValueError when the events are not whole: an order that nobody began, or legs that do not sum to zero.
        """
        ends = np.flatnonzero((events["kind"] == EventKind.PHASE) & (events["price"] == SETTLE)).tolist()
        rules = commands[commands["kind"] == OperatorKind.RULE]
        in_force = events["seq"][events["kind"] == OperatorEvent.RULE]
        rules = rules[np.isin(rules["seq"], in_force)]
        start = 0
        for end in ends:
            self._trade(events[start:end], parties[start:end])
            self._set_rules(rules[rules["seq"] < events["seq"][end]])
            self._settle(int(events["seq"][end]))
            start = end + 1
        self._trade(events[start:], parties[start:])
        self._set_rules(rules)

    def differences(self, desk) -> list[Difference]:
        """What the desk of the shard has otherwise; empty when every unit agrees."""
        found: list[Difference] = []
        for name, expected in self._accounts().items():
            found += self._compared(name, expected[None, :], desk.accounts[name][None, :], by_symbol=False)
        positions = by_symbol(desk)
        for name, expected in self._positions().items():
            found += self._compared(name, expected, positions[name], by_symbol=True)
        for name, expected in self._symbols.items():
            values = desk.symbols[name].astype(np.int64)
            for symbol in np.flatnonzero(values != expected).tolist():
                found.append(Difference(name, None, symbol, int(expected[symbol]), int(values[symbol])))
        for name, account in (("fees", FEES), ("interest", INTEREST)):
            kept = int(desk.control[name][0])
            if kept != self._broker[account]:
                found.append(Difference(name, None, None, self._broker[account], kept))
        return found

    def _compared(self, name: str, expected: np.ndarray, found: np.ndarray, *, by_symbol: bool) -> list[Difference]:
        found = found.astype(np.int64)
        return [
            Difference(
                name,
                int(self.ids[row]),
                symbol if by_symbol else None,
                int(expected[symbol, row]),
                int(found[symbol, row]),
            )
            for symbol, row in np.argwhere(expected != found).tolist()
        ]

    # -- what happened -------------------------------------------------------------------------------------------------

    def _trade(self, events: np.ndarray, parties: np.ndarray) -> None:
        self._orders.add(events, parties)
        legs = trade_legs(events, parties, self._fees)
        self._book(legs)
        trades = events["kind"] == EventKind.TRADE
        self._count_trades(events[trades], parties[trades])
        cancels = (events["kind"] == EventKind.CANCELLED) & (events["reason"] == Reason.USER)
        np.add.at(self._counters["cancels"], self._row_of[parties["account"][cancels]], 1)

    def _book(self, legs: np.ndarray) -> None:
        wrong = unbalanced(legs)
        if wrong:
            raise ValueError(f"legs of {wrong} do not sum to zero: a side of a trade is missing")
        customers = legs["account"] > 0
        cash = customers & (legs["asset"] == CASH)
        np.add.at(self._wealth, self._row_of[legs["account"][cash]], legs["amount"][cash])
        for account in self._broker:
            self._broker[account] += int(legs["amount"][legs["account"] == account].sum())
        moved = legs[customers & (legs["asset"] != CASH)]
        symbol, row, amount = moved["asset"], self._row_of[moved["account"]], moved["amount"]
        waits = (amount > 0) & ~self._same_day[symbol]
        np.add.at(self._today, (symbol[waits], row[waits]), amount[waits])
        np.add.at(self._settled, (symbol[~waits], row[~waits]), amount[~waits])

    def _count_trades(self, trades: np.ndarray, parties: np.ndarray) -> None:
        buyer, seller = (self._row_of[side] for side in buyers_and_sellers(trades, parties))
        symbol, qty = trades["symbol"].astype(np.int64), trades["qty"].astype(np.int64)
        notional = trades["price"] * qty * self._fees[symbol, 2]
        own = (buyer == seller) | ((self._group[buyer] != 0) & (self._group[buyer] == self._group[seller]))
        for row in (buyer, seller):
            np.add.at(self._counters["turnover"], row, notional)
            np.add.at(self._counters["trades"], row, 1)
            np.add.at(self._counters["own"], row, own.astype(np.int64))
        self._symbols["last"][symbol] = trades["price"]  # of several, the last one stays
        for name, amount in (("volume", qty), ("turnover", notional), ("trades", 1)):
            np.add.at(self._symbols[name], symbol, amount)

    def _set_rules(self, rules: np.ndarray) -> None:
        for rule in rules:
            field, which, value = int(rule["qty"]), int(rule["symbol"]), int(rule["price"])
            if field == RuleField.INTEREST_PPM:
                self._interest_ppm = value
            elif field == RuleField.MARGIN_PPM:
                self._margin_ppm[which] = value
            elif field == RuleField.NEXT_NAV:
                self._next_nav[which] = value

    def _settle(self, seq: int) -> None:
        self._settled += self._today
        self._today[:] = 0
        debtors = np.flatnonzero(self._wealth < 0)
        owed = [-wealth * self._interest_ppm // MILLION for wealth in self._wealth[debtors].tolist()]
        self._book(interest_legs(seq, self.ids[debtors], np.array(owed, np.int64)))
        for counter in self._counters.values():
            counter[:] = 0
        for name in ("volume", "turnover", "trades"):
            self._symbols[name][:] = 0
        self._nav = np.where(self._next_nav != 0, self._next_nav, self._nav)
        self._next_nav[:] = 0
        self._symbols["last"] = np.where(self._nav != 0, self._nav, self._symbols["last"])
        self._set_margins()

    def _set_margins(self) -> None:
        """What one written contract freezes until the next settlement."""
        self._unit_margin = self._margin_ppm * self._symbols["last"] * self._fees[:, 2] // MILLION

    # -- what follows --------------------------------------------------------------------------------------------------

    def _open(self, side: Side) -> np.ndarray:
        orders = self._orders.rows[self._orders.rows["side"] == side]
        total = np.zeros_like(self._settled)
        np.add.at(total, (orders["symbol"], self._row_of[orders["account"]]), orders["qty"])
        return total

    def _positions(self) -> dict[str, np.ndarray]:
        held = self._open(Side.SELL)
        return {
            "sellable": self._settled - held,
            "held": held,
            "today": self._today,
            "buying": self._open(Side.BUY),
        }

    def _accounts(self) -> dict[str, np.ndarray]:
        orders = self._orders.rows[self._orders.rows["side"] == Side.BUY]
        commission_ppm, _, multiplier = self._fees[orders["symbol"]].T
        notional = orders["price"] * orders["qty"] * multiplier
        frozen = np.zeros_like(self._wealth)
        np.add.at(frozen, self._row_of[orders["account"]], notional + notional * commission_ppm // MILLION)
        options = np.flatnonzero(self._margin_ppm)
        written = np.maximum(self._open(Side.SELL)[options] - self._settled[options], 0)
        frozen += self._unit_margin[options] @ written
        return {"cash": self._wealth - frozen, "frozen": frozen, **self._counters}


def _columns(rows: Sequence[Mapping], **defaults: int) -> np.ndarray:
    return np.array([[row.get(name, value) for name, value in defaults.items()] for row in rows], np.int64)
