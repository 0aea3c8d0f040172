"""What the load process knows of one shard's customers: who may sell what, who is short of cash, which orders are open.

It learns from replies only, as real customers do; the shard's checks have the last word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

NEW, CANCEL, REPLACE = 1, 2, 3
ACCEPTED, REJECTED, TRADE, CANCELLED, REPLACED = 1, 2, 3, 4, 5
BUY, SELL = 1, 2
NO_CASH, NO_POSITION = 12, 13  # risk reasons


class Customers:
    """Accounts x symbols of one shard. Account ids are 1 … A; arrays are indexed by id, row 0 is unused.

    sellable, today: i8[A + 1, S] what a customer may sell now, and after the next settlement;
    open: order id → [account, symbol, side, price, open quantity].
    """

    def __init__(self, accounts: Sequence[Mapping[str, Any]], symbols: Sequence[Mapping[str, Any]]) -> None:
        size = max(row["account"] for row in accounts) + 1
        self._same_day = np.array([bool(row.get("same_day")) for row in symbols])
        self.sellable = np.zeros((size, len(symbols)), dtype=np.int64)
        self.today = np.zeros_like(self.sellable)
        self.has_cash = np.ones(size, dtype=bool)
        self.open: dict[int, list[int]] = {}
        self.trades = 0
        self.turnover = 0
        for row in accounts:
            for symbol, quantity in row["positions"].items():
                self.sellable[row["account"], int(symbol)] = quantity

    def take_over(self, account: Mapping[str, Any]) -> None:
        """Believe what the shard says of an account (`query_account`): after a start of this process."""
        number = account["account"]
        self.sellable[number], self.today[number] = 0, 0
        for row in account["positions"]:
            self.sellable[number, row["symbol"]] = row["sellable"]
            self.today[number, row["symbol"]] = row["today"]
        for order in account["open_orders"]:
            side = BUY if order["side"] == "BUY" else SELL
            self.open[order["order_id"]] = [number, order["symbol"], side, order["price"], order["leaves"]]

    def start_day(self) -> None:
        """Orders of the day before are gone; what was bought or not sold may be sold; a lack of cash is forgotten."""
        for account, symbol, side, _, leaves in self.open.values():
            if side == SELL:
                self.sellable[account, symbol] += leaves
        self.open.clear()
        self.sellable += self.today
        self.today[:] = 0
        self.has_cash[:] = True

    def note_orders(
        self, commands: np.ndarray, order_ids: np.ndarray, outcomes: np.ndarray, reasons: np.ndarray
    ) -> None:
        """Aligned with a reply: NEW orders that were taken (outcome 0) become open, refusals say what is lacking."""
        for position in range(len(commands)):
            command = commands[position]
            outcome = int(outcomes[position])
            account, symbol, side = int(command["account"]), int(command["symbol"]), int(command["side"])
            if outcome == 0 and command["kind"] == NEW:
                quantity = int(command["qty"])
                self.open[int(order_ids[position])] = [account, symbol, side, int(command["price"]), quantity]
                if side == SELL:
                    self.sellable[account, symbol] -= quantity
            elif outcome == 1 and reasons[position] == NO_CASH:
                self.has_cash[account] = False
            elif outcome == 1 and reasons[position] == NO_POSITION:
                self.sellable[account, symbol] = 0
            elif outcome in (1, 2) and command["kind"] != NEW:
                self.open.pop(int(command["order_id"]), None)

    def note_events(self, events: np.ndarray) -> None:
        """Fills, cancels and replaces of any of our orders; call after `note_orders` of the same reply."""
        for event in events[events["kind"] >= TRADE]:
            kind = int(event["kind"])
            order_id = int(event["order_id"])
            if kind == TRADE:
                quantity = int(event["qty"])
                self.trades += 1
                self.turnover += quantity * int(event["price"])
                self._fill(order_id, quantity)
                self._fill(int(event["maker_id"]), quantity)
            elif kind == CANCELLED and order_id in self.open:
                account, symbol, side, _, _ = self.open.pop(order_id)
                if side == SELL:
                    self.sellable[account, symbol] += int(event["qty"])
            elif kind == REPLACED and order_id in self.open:
                account, symbol, side, _, before = self.open[order_id]
                if side == SELL:
                    self.sellable[account, symbol] += before - int(event["leaves"])
                self.open[order_id][3:] = [int(event["price"]), int(event["leaves"])]

    def _fill(self, order_id: int, quantity: int) -> None:
        order = self.open.get(order_id)
        if order is None:
            return
        account, symbol, side = order[:3]
        if side == SELL:
            self.has_cash[account] = True
        elif self._same_day[symbol]:
            self.sellable[account, symbol] += quantity
        else:
            self.today[account, symbol] += quantity
        order[4] -= quantity
        if order[4] <= 0:
            del self.open[order_id]

    def pick_open(self, generator: np.random.Generator, count: int, accounts: np.ndarray) -> list[int]:
        """Up to `count` different open orders of customers with accounts[id] true, younger ones more likely."""
        ids = list(self.open)
        picked: list[int] = []
        for part in generator.beta(2.0, 1.0, size=4 * count) if ids else ():
            order_id = ids[min(int(part * len(ids)), len(ids) - 1)]
            if accounts[self.open[order_id][0]] and order_id not in picked:
                picked.append(order_id)
                if len(picked) == count:
                    break
        return picked
