"""The desk in plain Python: the executable specification of what the compiled loop checks and posts.

It remembers only what cannot be worked out: an account's wealth, what it owns, which orders are open. What orders freeze, what may be
sold and what cash is free follows from these each time it is asked for, so nothing can be released twice or forgotten. Events come from the
specification of the matching core, one command at a time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from trading_sim.ledger.conservation import by_symbol
from trading_sim.ledger.records import OPTION, SAME_DAY
from trading_sim.matching.records import EVENT, FLAG_AUCTION, EventKind, Reason, Side
from trading_sim.matching.symbols import SymbolTable
from trading_sim.matching.twin import Command, TwinCore
from trading_sim.protocol.records import PARTY
from trading_sim.risk.desk import Desk
from trading_sim.risk.reasons import RISK_BASE
from trading_sim.risk.twin_admission import TwinAdmission

MILLION = 1_000_000


@dataclass
class Open:
    """An open order; `row` is its owner's."""

    row: int
    symbol: int
    side: int
    price: int
    qty: int


class TwinLedger:
    """Wealth, holdings and open orders of all accounts, by row."""

    def __init__(self) -> None:
        self.rules: list[dict[str, int]] = []
        self.terms: list[dict[str, int]] = []
        self.accounts: list[dict[str, int]] = []
        self.own: list[dict[str, int]] = []
        self.control: dict[str, int] = {}
        self.settled: Counter[tuple[int, int]] = Counter()
        self.today: Counter[tuple[int, int]] = Counter()
        self.counts: dict[tuple[int, int], Counter[str]] = defaultdict(Counter)
        self.orders: dict[int, Open] = {}

    def wealth(self, row: int) -> int:
        """Free and frozen cash together."""
        return self.accounts[row]["cash"] + self.accounts[row]["frozen"]

    def needed(self, symbol: int, price: int, qty: int) -> int:
        """What a BUY can cost, commission included."""
        notional = price * qty * self.rules[symbol]["multiplier"]
        return notional + notional * self.rules[symbol]["commission_ppm"] // MILLION

    def open_qty(self, row: int, symbol: int, side: int) -> int:
        """Open quantity of an account's orders."""
        mine = (order for order in self.orders.values() if (order.row, order.symbol, order.side) == (row, symbol, side))
        return sum(order.qty for order in mine)

    def sellable(self, row: int, symbol: int) -> int:
        """What is owned, not bought today and not offered; of options, below zero for what is or may be written."""
        return self.settled[row, symbol] - self.open_qty(row, symbol, Side.SELL)

    def lent(self, symbol: int) -> int:
        """Sold, or offered, by those who do not own it."""
        return sum(max(-self.sellable(row, symbol), 0) for row in range(len(self.accounts)))

    def frozen(self, row: int) -> int:
        """What open BUY orders can cost, and the margin of written options."""
        buys = (order for order in self.orders.values() if order.row == row and order.side == Side.BUY)
        total = sum(self.needed(order.symbol, order.price, order.qty) for order in buys)
        for symbol, rules in enumerate(self.rules):
            if rules["flags"] & OPTION:
                total += max(-self.sellable(row, symbol), 0) * self.terms[symbol]["unit_margin"]
        return total

    def free(self, row: int) -> int:
        """Cash that nothing holds."""
        return self.accounts[row]["wealth"] - self.frozen(row)

    def trade(self, buyer: int, seller: int, symbol: int, price: int, qty: int) -> None:
        """Money one way, quantity the other, fees to the fee account, and the counters of both sides."""
        rules = self.rules[symbol]
        notional = price * qty * rules["multiplier"]
        commission, stamp = notional * rules["commission_ppm"] // MILLION, notional * rules["stamp_ppm"] // MILLION
        self.accounts[buyer]["wealth"] -= notional + commission
        self.accounts[seller]["wealth"] += notional - commission - stamp
        self.control["fees"] += 2 * commission + stamp
        (self.settled if rules["flags"] & SAME_DAY else self.today)[buyer, symbol] += qty
        self.settled[seller, symbol] -= qty
        group = self.accounts[buyer]["group"]
        own = buyer == seller or (group != 0 and group == self.accounts[seller]["group"])
        for row in (buyer, seller):
            self.accounts[row]["trades"] += 1
            self.accounts[row]["turnover"] += notional
            self.accounts[row]["own"] += own
            self.counts[row, symbol]["trades"] += 1
            self.counts[row, symbol]["own"] += own
        rules["last"], rules["volume"] = price, rules["volume"] + qty
        rules["turnover"] += notional
        rules["trades"] += 1


class TwinDesk(TwinCore):
    """Matching core and desk in plain Python; same interface as `trading_sim.matching.core.Core` with a desk.

    The arrays of the desk are read before and written after every call.
    """

    def __init__(self, table: SymbolTable, max_order_id: int, max_live: int, desk: Desk) -> None:
        super().__init__(table, max_order_id, max_live)
        self.desk = desk
        self.ledger = TwinLedger()
        self.admission = TwinAdmission(self.ledger)

    @classmethod
    def restore(cls, table: SymbolTable, data: bytes, desk: Desk) -> Self:
        """A core that goes on where the snapshot was taken, with a desk as it was then. Raises SnapshotError."""
        plain = TwinCore.restore(table, data)
        twin = cls(table, plain.max_order_id, plain.max_live, desk)
        twin._books, twin._live = plain._books, plain._live
        for order_id, price, qty, account, symbol, side in twin.resting().tolist():
            twin.ledger.orders[order_id] = Open(int(desk.row_of[account]), symbol, side, price, qty)
        return twin

    def step_with_parties(self, commands: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Apply COMMAND records; EVENT and PARTY records, aligned."""
        read_arrays(self.desk, self.ledger)
        events: list[np.ndarray] = []
        parties: list[tuple[int, int]] = []
        for at in range(len(commands)):
            self._one(commands[at : at + 1], events, parties)
        write_arrays(self.desk, self.ledger)
        made = np.concatenate(events) if events else np.empty(0, EVENT)
        return made, np.array(parties, dtype=PARTY)

    def _one(self, record: np.ndarray, events: list[np.ndarray], parties: list[tuple[int, int]]) -> None:
        command = Command._make(record.tolist()[0])
        if command.kind == 0:
            return
        reason = self.admission.refusal(command, self._row(command.account), self._resting(command), self._books)
        if reason:
            self.ledger.control["refused"] += 1
            refused = np.zeros(1, EVENT)
            for name in ("seq", "order_id", "price", "qty", "symbol", "side"):
                refused[name] = record[name]
            refused["kind"], refused["reason"] = EventKind.REJECTED, RISK_BASE + reason
            events.append(refused)
            parties.append((command.account, 0))
            return
        made = super().step(record)
        for event in made.tolist():
            parties.append(self._post(command, dict(zip(EVENT.names, event, strict=True))))
        events.append(made)

    def _row(self, account: int) -> int:
        return int(self.desk.row_of[account]) if account < len(self.desk.row_of) else -1

    def _account(self, row: int) -> int:
        return int(np.flatnonzero(self.desk.row_of == row)[0])

    def _post(self, command: Command, event: dict[str, int]) -> tuple[int, int]:
        """One event: balances, open orders, counters. Returns whose orders it is about."""
        orders, kind, order_id = self.ledger.orders, event["kind"], event["order_id"]
        if kind == EventKind.PHASE:
            return 0, 0
        if kind == EventKind.REJECTED:
            return command.account, 0
        if kind == EventKind.ACCEPTED:
            row = self._row(command.account)
            orders[order_id] = Open(row, command.symbol, command.side, command.price, command.qty)
        order = orders[order_id]
        if kind == EventKind.TRADE:
            maker = orders[event["maker_id"]]
            return self._trade(event, order, maker)
        if kind == EventKind.REPLACED:
            order.price, order.qty = event["price"], event["leaves"]
        if kind == EventKind.CANCELLED:
            del orders[order_id]
            if event["reason"] == Reason.USER:
                self.ledger.accounts[order.row]["cancels"] += 1
                self.ledger.counts[order.row, order.symbol]["cancels"] += 1
        return self._account(order.row), 0

    def _trade(self, event: dict[str, int], order: Open, maker: Open) -> tuple[int, int]:
        auction = event["flags"] & FLAG_AUCTION
        buy, sell = (order, maker) if auction or order.side == Side.BUY else (maker, order)
        self.ledger.trade(buy.row, sell.row, event["symbol"], event["price"], event["qty"])
        for order_id, one in ((event["order_id"], order), (event["maker_id"], maker)):
            one.qty -= event["qty"]
            if one.qty == 0:
                del self.ledger.orders[order_id]
        return self._account(order.row), self._account(maker.row)


def read_arrays(desk: Desk, ledger: TwinLedger) -> None:
    """Take the desk's arrays over; open orders are known already."""

    def rows(array: np.ndarray) -> list[dict[str, Any]]:
        return [dict(zip(array.dtype.names, row, strict=True)) for row in array.tolist()]

    ledger.rules, ledger.terms, ledger.own = rows(desk.symbols), rows(desk.terms), rows(desk.own)
    ledger.accounts, (ledger.control,) = rows(desk.accounts), rows(desk.control)
    for account in ledger.accounts:
        account["wealth"] = account["cash"] + account["frozen"]
    positions = by_symbol(desk)
    for held in (ledger.settled, ledger.today, ledger.counts):
        held.clear()
    for name in ("sellable", "held", "today", "orders", "cancels", "trades", "own"):
        for symbol, row in np.argwhere(positions[name]).tolist():
            value = int(positions[name][symbol, row])
            if name in ("sellable", "held"):
                ledger.settled[row, symbol] += value
            elif name == "today":
                ledger.today[row, symbol] += value
            else:
                ledger.counts[row, symbol][name] = value


def write_arrays(desk: Desk, ledger: TwinLedger) -> None:
    """Write everything back, with what follows from it worked out anew."""
    for row, account in enumerate(ledger.accounts):
        account["frozen"] = ledger.frozen(row)
        account["cash"] = account["wealth"] - account["frozen"]
        desk.accounts[row] = tuple(account[name] for name in desk.accounts.dtype.names)
    for symbol, rules in enumerate(ledger.rules):
        desk.symbols[symbol] = tuple(rules[name] for name in desk.symbols.dtype.names)
        desk.terms["lent"][symbol] = ledger.lent(symbol)
    desk.control[0] = tuple(ledger.control[name] for name in desk.control.dtype.names)
    positions = by_symbol(desk)
    positions[:] = 0
    offered = {(order.row, order.symbol) for order in ledger.orders.values()}
    for row, symbol in {*ledger.settled, *ledger.today, *ledger.counts, *offered}:
        record = positions[symbol, row]
        record["sellable"] = ledger.sellable(row, symbol)
        record["held"] = ledger.open_qty(row, symbol, Side.SELL)
        record["today"] = ledger.today[row, symbol]
        record["buying"] = ledger.open_qty(row, symbol, Side.BUY)
        for name in ("orders", "cancels", "trades", "own"):
            record[name] = ledger.counts[row, symbol][name]
