"""The checks of the desk in plain Python, in the order that decides which reason a command is refused with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading_sim.ledger.records import CLOSING_ONLY, FUND, MARGIN, OPTION, OWN_LIMITS
from trading_sim.matching.records import EVERY_SYMBOL, MAX_PRICE_WITHOUT_BAND, Kind, OrderType, Phase, Side
from trading_sim.risk.reasons import AccountStatus, RiskReason

if TYPE_CHECKING:
    from trading_sim.matching.twin import Book, Command, Order
    from trading_sim.risk.twin import TwinLedger

MILLION = 1_000_000
OPERATOR = 0


class TwinAdmission:
    """Decides on one command at a time; counts orders, the order rate and used ids as it goes."""

    def __init__(self, ledger: TwinLedger) -> None:
        self.ledger = ledger

    def refusal(self, command: Command, row: int, order: Order | None, books: list[Book]) -> RiskReason:
        """Why the command is refused, NONE when it may pass. `order`: what rests under its id in its symbol."""
        if command.kind == Kind.PHASE:
            return self._phase(command)
        if row < 0:
            return RiskReason.UNKNOWN_ACCOUNT
        account = self.ledger.accounts[row]
        if command.kind == Kind.NEW:
            account["orders"] += 1
        if account["status"] == AccountStatus.SUSPENDED:
            return RiskReason.ACCOUNT_SUSPENDED
        if command.kind == Kind.NEW:
            return self._new(command, row, books)
        if command.kind not in (Kind.CANCEL, Kind.REPLACE):
            return RiskReason.MALFORMED
        if order is None:
            return RiskReason.UNKNOWN_ORDER
        if order.account != command.account:
            return RiskReason.NOT_OWNER
        return RiskReason.NONE if command.kind == Kind.CANCEL else self._replace(command, row, order, books)

    def _phase(self, command: Command) -> RiskReason:
        if command.account != OPERATOR:
            return RiskReason.NOT_OPERATOR
        known = command.symbol == EVERY_SYMBOL or command.symbol < len(self.ledger.rules)
        return RiskReason.NONE if known and command.price in tuple(Phase) else RiskReason.MALFORMED

    def _may_trade(self, row: int) -> RiskReason:
        account, control = self.ledger.accounts[row], self.ledger.control
        if account["status"] == AccountStatus.CANCEL_ONLY:
            return RiskReason.CANCEL_ONLY
        if account["window"] != control["window"]:
            account["window"], account["count"] = control["window"], 0
        account["count"] += 1
        most = (account["flags"] & OWN_LIMITS and self.ledger.own[row]["rate_max"]) or control["rate_max"]
        return RiskReason.ORDER_RATE if account["count"] > most else RiskReason.NONE

    def _order_id(self, order_id: int) -> RiskReason:
        control = self.ledger.control
        if not control["last_order"] < order_id < 2**63:
            return RiskReason.ORDER_ID
        if order_id > control["max_order_id"]:
            return RiskReason.CAPACITY
        control["last_order"] = order_id
        return RiskReason.NONE

    def _new(self, command: Command, row: int, books: list[Book]) -> RiskReason:
        reason = self._may_trade(row) or self._order_id(command.order_id)
        if reason:
            return reason
        if command.symbol >= len(self.ledger.rules) or command.side not in tuple(Side):
            return RiskReason.MALFORMED
        self.ledger.counts[row, command.symbol]["orders"] += 1
        rules = self.ledger.rules[command.symbol]
        price, bound = command.price, command.price
        if command.type == OrderType.MARKET:
            price, bound = 0, rules["high"]
            if not bound and command.side == Side.BUY:
                return RiskReason.NO_UPPER_BOUND
            bound = bound or rules["last"]
        elif command.type != OrderType.LIMIT:
            return RiskReason.MALFORMED
        extra = self.ledger.needed(command.symbol, bound, command.qty) if bound > 0 else 0
        return (
            self._terms(row, command.symbol, command.side, price, bound, command.qty, books)
            or self._product(row, command.symbol, command.side, price, command.qty)
            or self._funds(row, command.symbol, command.side, extra, command.qty)
        )

    def _replace(self, command: Command, row: int, order: Order, books: list[Book]) -> RiskReason:
        symbol, side, price, qty = order.symbol, order.side, command.price, command.qty
        more = qty - order.qty
        reason = self._may_trade(row) or self._terms(row, symbol, side, price, price, qty, books)
        if reason:
            return reason
        extra = self.ledger.needed(symbol, price, qty) - self.ledger.needed(symbol, order.price, order.qty)
        return self._product(row, symbol, side, price, max(more, 0)) or self._funds(row, symbol, side, extra, more)

    def _terms(
        self, row: int, symbol: int, side: int, price: int, bound: int, qty: int, books: list[Book]
    ) -> RiskReason:
        rules, own = self.ledger.rules[symbol], self.ledger.own[row]
        if not 1 <= bound <= max(rules["high"], MAX_PRICE_WITHOUT_BAND) or qty < 1:
            return RiskReason.MALFORMED
        if qty > rules["max_quantity"]:
            return RiskReason.ORDER_QUANTITY
        notional = bound * qty * rules["multiplier"]
        if notional > rules["max_notional"]:
            return RiskReason.ORDER_NOTIONAL
        if own["max_quantity"] and qty > own["max_quantity"]:
            return RiskReason.ORDER_QUANTITY
        if own["max_notional"] and notional > own["max_notional"]:
            return RiskReason.ORDER_NOTIONAL
        distance = rules["last"] * rules["collar_ppm"] // MILLION
        beyond = price - rules["last"] if side == Side.BUY else rules["last"] - price
        if books[symbol].phase == Phase.CONTINUOUS and price > 0 and beyond > distance:
            return RiskReason.PRICE_COLLAR
        return RiskReason.NONE

    def _product(self, row: int, symbol: int, side: int, price: int, qty: int) -> RiskReason:
        ledger = self.ledger
        account, rules, terms = ledger.accounts[row], ledger.rules[symbol], ledger.terms[symbol]
        owned = ledger.sellable(row, symbol)
        if account["flags"] & CLOSING_ONLY:
            closing = max(owned, 0) if side == Side.SELL else max(-owned, 0) - ledger.open_qty(row, symbol, Side.BUY)
            if qty > closing:
                return RiskReason.MARGIN_CALL
        if rules["flags"] & FUND and price != terms["nav"]:
            return RiskReason.NOT_AT_NAV
        if rules["flags"] & FUND and side == Side.BUY and price * qty * rules["multiplier"] < terms["min_notional"]:
            return RiskReason.MINIMUM_AMOUNT
        return RiskReason.INVESTOR_GRADE if side == Side.BUY and account["grade"] < terms["grade"] else RiskReason.NONE

    def _funds(self, row: int, symbol: int, side: int, extra: int, qty: int) -> RiskReason:
        ledger = self.ledger
        rules, buying = ledger.rules[symbol], ledger.open_qty(row, symbol, Side.BUY)
        owned, most = ledger.sellable(row, symbol), rules["max_position"]
        total = ledger.settled[row, symbol] + ledger.today[row, symbol]
        if side == Side.BUY and total + buying + qty > most:
            return RiskReason.POSITION_LIMIT
        funds = ledger.free(row) + ledger.accounts[row]["credit"]
        if rules["flags"] & OPTION:
            unit = ledger.terms[symbol]["unit_margin"]
            held = ledger.open_qty(row, symbol, Side.SELL)
            if (buying if side == Side.BUY else max(held, -owned)) + qty > most:
                return RiskReason.POSITION_LIMIT
            if side == Side.SELL:
                if not ledger.accounts[row]["flags"] & MARGIN and qty > owned:
                    return RiskReason.INSUFFICIENT_POSITION
                written = max(qty - owned, 0) - max(-owned, 0)
                lendable = ledger.terms[symbol]["lendable"]
                if written > 0 and lendable and ledger.lent(symbol) + written > lendable:
                    return RiskReason.NOT_LENDABLE
                extra = written * unit
            else:
                funds += unit * max(min(qty, -owned - buying), 0)
            return RiskReason.INSUFFICIENT_CASH if extra > 0 and extra > funds else RiskReason.NONE
        if side == Side.BUY:
            return RiskReason.INSUFFICIENT_CASH if extra > 0 and extra > funds else RiskReason.NONE
        return RiskReason.INSUFFICIENT_POSITION if qty > 0 and qty > owned else RiskReason.NONE
