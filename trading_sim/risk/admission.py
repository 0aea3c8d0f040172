"""What the desk lets through to the matching core. Compiled into the hot loop.

Every function returns a RiskReason, 0 for none. Nothing is frozen here: what comes to rest is frozen when it does, so a
command that the core refuses leaves nothing to undo.
"""

import numpy as np

from trading_sim.jit import called, inlined
from trading_sim.ledger.postings import BUY, SELL, cash_needed, position_of
from trading_sim.ledger.records import CLOSING_ONLY, FUND, MARGIN, OPTION, OWN_LIMITS
from trading_sim.risk.reasons import AccountStatus, RiskReason

# Plain integers: Numba freezes them into the machine code.
PASS = 0
LIMIT, MARKET = 1, 2
CONTINUOUS, CLOSED = 3, 4
OPERATOR = 0
EVERY_SYMBOL = 0xFFFFFFFF
MAX_PRICE = 262_143
MILLION = 1_000_000
CANCEL_ONLY_STATUS, SUSPENDED_STATUS = int(AccountStatus.CANCEL_ONLY), int(AccountStatus.SUSPENDED)
UNKNOWN_ACCOUNT = int(RiskReason.UNKNOWN_ACCOUNT)
ACCOUNT_SUSPENDED = int(RiskReason.ACCOUNT_SUSPENDED)
CANCEL_ONLY = int(RiskReason.CANCEL_ONLY)
MALFORMED = int(RiskReason.MALFORMED)
NOT_OPERATOR = int(RiskReason.NOT_OPERATOR)
UNKNOWN_ORDER = int(RiskReason.UNKNOWN_ORDER)
NOT_OWNER = int(RiskReason.NOT_OWNER)
ORDER_QUANTITY = int(RiskReason.ORDER_QUANTITY)
ORDER_NOTIONAL = int(RiskReason.ORDER_NOTIONAL)
PRICE_COLLAR = int(RiskReason.PRICE_COLLAR)
ORDER_RATE = int(RiskReason.ORDER_RATE)
INSUFFICIENT_CASH = int(RiskReason.INSUFFICIENT_CASH)
INSUFFICIENT_POSITION = int(RiskReason.INSUFFICIENT_POSITION)
CAPACITY = int(RiskReason.CAPACITY)
NO_UPPER_BOUND = int(RiskReason.NO_UPPER_BOUND)
ORDER_ID = int(RiskReason.ORDER_ID)
POSITION_LIMIT = int(RiskReason.POSITION_LIMIT)
MARGIN_CALL = int(RiskReason.MARGIN_CALL)
NOT_AT_NAV = int(RiskReason.NOT_AT_NAV)
MINIMUM_AMOUNT = int(RiskReason.MINIMUM_AMOUNT)
INVESTOR_GRADE = int(RiskReason.INVESTOR_GRADE)
NOT_LENDABLE = int(RiskReason.NOT_LENDABLE)


@inlined
def row_of(desk, account):
    """Row of an account id, -1 for one that does not exist."""
    return np.int64(desk.row_of[account]) if account < desk.row_of.size else -1


@inlined
def check_status(desk, row):
    """What every command of a customer needs: an account that is not suspended."""
    if row < 0:
        return UNKNOWN_ACCOUNT
    return ACCOUNT_SUSPENDED if desk.accounts[row].status == SUSPENDED_STATUS else PASS


@called
def own_limits(desk, row, notional, qty):
    """Limits of the account's own, beside those of shard and symbol."""
    own = desk.own[row]
    if own.max_quantity != 0 and qty > own.max_quantity:
        return ORDER_QUANTITY
    if own.max_notional != 0 and notional > own.max_notional:
        return ORDER_NOTIONAL
    return PASS


@inlined
def check_may_trade(desk, row):
    """NEW and REPLACE: not in cancel-only, and counted against the order rate of this window."""
    account, control = desk.accounts[row], desk.control[0]
    if account.status == CANCEL_ONLY_STATUS:
        return CANCEL_ONLY
    if account.window != control.window:
        account.window = control.window
        account.count = 0
    count = np.int64(account.count) + 1
    account.count = count
    most = control.rate_max
    if account.flags & OWN_LIMITS and desk.own[row].rate_max != 0:
        most = desk.own[row].rate_max
    return ORDER_RATE if count > most else PASS


@inlined
def check_terms(desk, row, rules, price, priced, qty, side, continuous):
    """Price and size of an order. `price`: 0 for MARKET; `priced`: the price its cost is bounded by."""
    if priced < 1 or priced > max(np.int64(rules.high), MAX_PRICE) or qty < 1:
        return MALFORMED
    if qty > rules.max_quantity:
        return ORDER_QUANTITY
    notional = priced * qty * np.int64(rules.multiplier)
    if notional > rules.max_notional:
        return ORDER_NOTIONAL
    if desk.accounts[row].flags & OWN_LIMITS:
        reason = own_limits(desk, row, notional, qty)
        if reason != PASS:
            return reason
    if continuous and price > 0:
        beyond = price - np.int64(rules.last)
        if side == SELL:
            beyond = -beyond
        if beyond * MILLION > np.int64(rules.last) * np.int64(rules.collar_ppm):
            return PRICE_COLLAR
    return PASS


@called
def check_product(desk, row, symbol, side, price, qty):
    """An order of an option or a fund, or of an account below maintenance."""
    account, rules, terms = desk.accounts[row], desk.symbols[symbol], desk.terms[symbol]
    position = position_of(desk, row, symbol)
    owned = np.int64(position.sellable)
    if account.flags & CLOSING_ONLY:
        closing = max(owned, 0) if side == SELL else max(-owned, 0) - np.int64(position.buying)
        if qty > closing:
            return MARGIN_CALL
    if rules.flags & FUND:
        if price != terms.nav:
            return NOT_AT_NAV
        if side == BUY and price * qty * np.int64(rules.multiplier) < terms.min_notional:
            return MINIMUM_AMOUNT
    if side == BUY and np.int64(account.grade) < terms.grade:
        return INVESTOR_GRADE
    return PASS


@called
def check_option_funds(desk, row, symbol, side, extra, qty):
    """Cash for an option or a lent share: a SELL beyond what is owned freezes margin; a BUY that closes may use the margin it will release."""
    account, terms = desk.accounts[row], desk.terms[symbol]
    position = position_of(desk, row, symbol)
    owned, most = np.int64(position.sellable), np.int64(desk.symbols[symbol].max_position)
    if (np.int64(position.buying) if side == BUY else max(np.int64(position.held), -owned)) + qty > most:
        return POSITION_LIMIT
    funds = account.cash + account.credit
    if side == SELL:
        if account.flags & MARGIN == 0 and qty > owned:
            return INSUFFICIENT_POSITION
        written = min(owned, 0) - min(owned - qty, 0)
        if written > 0 and terms.lendable != 0 and terms.lent + written > terms.lendable:
            return NOT_LENDABLE
        extra = written * terms.unit_margin
    else:
        funds += terms.unit_margin * max(min(qty, -owned - np.int64(position.buying)), 0)
    return INSUFFICIENT_CASH if extra > 0 and extra > funds else PASS


@inlined
def check_funds(desk, row, symbol, rules, side, extra, qty):
    """Whether the account has what the order takes: `extra` cash for a BUY, `qty` more to sell or to own."""
    position = position_of(desk, row, symbol)
    if side == BUY:
        exposure = np.int64(position.sellable) + np.int64(position.held) + np.int64(position.today)
        if exposure + np.int64(position.buying) + qty > rules.max_position:
            return POSITION_LIMIT
    if rules.flags & OPTION:
        return check_option_funds(desk, row, symbol, side, extra, qty)
    if side == BUY:
        account = desk.accounts[row]
        return INSUFFICIENT_CASH if extra > 0 and extra > account.cash + account.credit else PASS
    return INSUFFICIENT_POSITION if qty > 0 and qty > position.sellable else PASS


@inlined
def take_order_id(desk, order_id):
    """Order ids rise; a refused order has used its id too."""
    control = desk.control[0]
    if order_id <= control.last_order or order_id < 1:
        return ORDER_ID
    if order_id > control.max_order_id:
        return CAPACITY
    control.last_order = order_id
    return PASS


@inlined
def admit_new(desk, books, row, order_id, price, qty, symbol, side, order_type):
    """A NEW. What passes has symbol, side and type that exist, and the account can pay for it."""
    reason = check_status(desk, row)
    if row >= 0:
        desk.accounts[row].orders += 1
    if reason == PASS:
        reason = check_may_trade(desk, row)
    if reason == PASS:
        reason = take_order_id(desk, order_id)
    if reason != PASS:
        return reason
    if symbol >= desk.symbols.size or (side != BUY and side != SELL):
        return MALFORMED
    position_of(desk, row, symbol).orders += 1
    rules = desk.symbols[symbol]
    priced = price
    if order_type == MARKET:
        price, priced = 0, np.int64(rules.high)
        if priced == 0:
            if side == BUY:
                return NO_UPPER_BOUND
            priced = np.int64(rules.last)
    elif order_type != LIMIT:
        return MALFORMED
    reason = check_terms(desk, row, rules, price, priced, qty, side, books[2 * symbol].phase == CONTINUOUS)
    if reason != PASS:
        return reason
    if rules.flags >= OPTION or desk.accounts[row].flags & CLOSING_ONLY:
        reason = check_product(desk, row, symbol, side, price, qty)
        if reason != PASS:
            return reason
    return check_funds(desk, row, symbol, rules, side, cash_needed(rules, priced, qty), qty)


@inlined
def admit_owner(desk, row, slot, order):
    """CANCEL and REPLACE: only of one's own order, named with its symbol. `slot`: where it rests, 0 for nowhere."""
    reason = check_status(desk, row)
    if reason != PASS:
        return reason
    if slot == 0:
        return UNKNOWN_ORDER
    return PASS if np.int64(order.row) == row else NOT_OWNER


@called
def admit_replace(desk, books, row, order, old_price, price, qty):
    """A REPLACE of an order of its owner: what it needs more than it holds must be there."""
    reason = check_may_trade(desk, row)
    if reason != PASS:
        return reason
    index = np.int64(order.book)
    symbol, side = index >> 1, (index & 1) + BUY
    rules = desk.symbols[symbol]
    reason = check_terms(desk, row, rules, price, price, qty, side, books[index].phase == CONTINUOUS)
    if reason != PASS:
        return reason
    more = qty - np.int64(order.qty)
    if rules.flags >= OPTION or desk.accounts[row].flags & CLOSING_ONLY:
        reason = check_product(desk, row, symbol, side, price, max(more, 0))
        if reason != PASS:
            return reason
    extra = cash_needed(rules, price, qty) - cash_needed(rules, old_price, np.int64(order.qty))
    return check_funds(desk, row, symbol, rules, side, extra, more)


@inlined
def admit_phase(desk, account, price, symbol):
    """A PHASE of the matching core: from the operator, for a symbol that exists or for all."""
    if account != OPERATOR:
        return NOT_OPERATOR
    if price < 1 or price > CLOSED or (symbol >= desk.symbols.size and symbol != EVERY_SYMBOL):
        return MALFORMED
    return PASS


@inlined
def admit_nothing(desk, row):
    """A kind that does not exist."""
    reason = check_status(desk, row)
    return MALFORMED if reason == PASS else reason
