"""The compiled part of the pre-trade checks: one pass over a batch, every check sees what the earlier orders froze."""

from __future__ import annotations

import numpy as np
from numba import njit

from trading_sim.ledger.kernel import BUY, SELL, cash_needed, hold

VOID = 0
NEW = 1
CANCEL = 2
REPLACE = 3
PHASE = 4
LIMIT = 1
MARKET = 2
CONTINUOUS = 3
OPERATOR = 0
LAST_PHASE = 4

# RiskReason as plain integers, which the compiler turns into constants.
PASS = 0
UNKNOWN_ACCOUNT = 1
ACCOUNT_SUSPENDED = 2
CANCEL_ONLY = 3
MALFORMED = 4
NOT_OPERATOR = 5
UNKNOWN_ORDER = 6
NOT_OWNER = 7
ORDER_QUANTITY = 8
ORDER_NOTIONAL = 9
PRICE_COLLAR = 10
ORDER_RATE = 11
INSUFFICIENT_CASH = 12
INSUFFICIENT_POSITION = 13
CAPACITY = 14
NO_UPPER_BOUND = 15
ORDER_ID = 17
#: not a refusal: the command was lost in a hop before the shard and keeps only its place in the batch
SKIP = 255

# columns of the limits array
MAX_QUANTITY = 0
MAX_NOTIONAL = 1
COLLAR_PPM = 2
RATE_MAX = 3

#: the largest price of a symbol without a band (matching contract)
MAX_PRICE = 262_143


@njit(cache=True)
def check_terms(price, quantity, side, symbol, priced, limits, bands, last, phases):
    """Price and size of an order, whoever sends it. `priced` is the price its cost is bounded by."""
    if priced < 1 or priced > max(MAX_PRICE, bands[symbol, 1]) or quantity < 1:
        return MALFORMED
    if quantity > limits[MAX_QUANTITY]:
        return ORDER_QUANTITY
    if priced * quantity > limits[MAX_NOTIONAL]:
        return ORDER_NOTIONAL
    if phases[symbol] == CONTINUOUS and price > 0:
        distance = last[symbol] * limits[COLLAR_PPM] // 1_000_000
        if side == BUY and price > last[symbol] + distance:
            return PRICE_COLLAR
        if side == SELL and price < last[symbol] - distance:
            return PRICE_COLLAR
    return PASS


@njit(cache=True)
def reserve(orders, number, needed, cash, frozen, sellable, held):
    """Raise what order `number` holds to `needed`, if its owner has it; a hold that is already larger stays."""
    order = orders[number]
    extra = needed - order.held
    if extra <= 0:
        return PASS
    if order.side == BUY:
        if cash[order.owner - 1] < extra:
            return INSUFFICIENT_CASH
    elif sellable[order.owner - 1, order.symbol] < extra:
        return INSUFFICIENT_POSITION
    hold(orders, number, needed, cash, frozen, sellable, held)
    return PASS


@njit(cache=True)
def check_new(command, number, row, limits, bands, last, phases, fees, orders, totals, cash, frozen, sellable, held):
    """A NEW of account row `row`; on PASS the order exists and holds what it may cost."""
    if number < 1 or number <= totals[2]:
        return ORDER_ID
    if number >= orders.shape[0]:
        return CAPACITY
    totals[2] = number  # a refused order has used its id too
    symbol = np.int64(command.symbol)
    side = command.side
    if symbol >= bands.shape[0] or (side != BUY and side != SELL):
        return MALFORMED
    price = np.int64(0)
    priced = command.price
    if command.type == LIMIT:
        price = command.price
    elif command.type == MARKET:
        priced = bands[symbol, 1]
        if priced == 0:
            if side == BUY:
                return NO_UPPER_BOUND
            priced = last[symbol]
    else:
        return MALFORMED
    quantity = np.int64(command.qty)
    reason = check_terms(price, quantity, side, symbol, priced, limits, bands, last, phases)
    if reason != PASS:
        return reason
    order = orders[number]
    order.seq = np.int64(command.seq)
    order.price = priced
    order.leaves = quantity
    order.held = 0
    order.owner = row + 1
    order.symbol = symbol
    order.side = side
    needed = quantity
    if side == BUY:
        needed = cash_needed(priced, quantity, fees[symbol].commission_ppm)
    reason = reserve(orders, number, needed, cash, frozen, sellable, held)
    if reason == PASS:
        order.live = 1
    return reason


@njit(cache=True)
def check_replace(command, number, limits, bands, last, phases, fees, orders, cash, frozen, sellable, held):
    """A REPLACE of a live order of its owner: freezes more when the exposure rises, never less before it is done."""
    order = orders[number]
    quantity = np.int64(command.qty)
    price = command.price
    reason = check_terms(price, quantity, order.side, order.symbol, price, limits, bands, last, phases)
    if reason != PASS:
        return reason
    needed = quantity
    if order.side == BUY:
        needed = cash_needed(price, quantity, fees[order.symbol].commission_ppm)
    return reserve(orders, number, needed, cash, frozen, sellable, held)


@njit(cache=True)
def check_phase(command, symbols):
    """A PHASE of the matching core: from the operator, for a symbol that exists or for all."""
    if command.account != OPERATOR:
        return NOT_OPERATOR
    if command.price < 1 or command.price > LAST_PHASE:
        return MALFORMED
    if command.symbol >= symbols and command.symbol != 0xFFFFFFFF:
        return MALFORMED
    return PASS


@njit(cache=True)
def check_ownership(command, number, row, orders, totals):
    """CANCEL and REPLACE: only of one's own order of today that is still open, named with its symbol."""
    if number < 1 or number > totals[2] or orders[number].live == 0:
        return UNKNOWN_ORDER
    if orders[number].owner != row + 1:
        return NOT_OWNER
    if np.int64(command.symbol) != orders[number].symbol:
        return UNKNOWN_ORDER
    return PASS


@njit(cache=True)
def check_may_trade(row, status, counts, limits):
    """NEW and REPLACE: not in cancel-only, and counted against the order rate of this window."""
    if status[row] == 1:
        return CANCEL_ONLY
    counts[row] += 1
    return ORDER_RATE if counts[row] > limits[RATE_MAX] else PASS


@njit(cache=True)
def check(
    commands, numbers, reasons, index, status, counts, limits, bands, phases, last,
    fees, orders, totals, orders_total, cash, frozen, sellable, held,
):  # fmt: skip
    """Fill reasons[n] (0 = pass) for commands[n]; `numbers` are their order ids of the day (<= 0: an earlier day).

    Stops before a REPLACE that is not the first command, because a REPLACE must see what the commands before
    it did to its order. Returns how many commands were checked.
    """
    for i in range(commands.shape[0]):
        command = commands[i]
        kind = command.kind
        number = numbers[i]
        if kind == REPLACE and i > 0:
            return i
        if kind == VOID:
            reasons[i] = SKIP
            continue
        if kind == PHASE:
            reasons[i] = check_phase(command, bands.shape[0])
            continue
        row = index[command.account] if command.account < index.shape[0] else -1
        if row < 0:
            reasons[i] = UNKNOWN_ACCOUNT
            continue
        reason = PASS
        if status[row] == 2:
            reason = ACCOUNT_SUSPENDED
        elif kind in (CANCEL, REPLACE):
            reason = check_ownership(command, number, row, orders, totals)
        elif kind != NEW:
            reason = MALFORMED
        if reason == PASS and kind != CANCEL:
            reason = check_may_trade(row, status, counts, limits)
        if kind == NEW:
            orders_total[row] += 1
            if reason == PASS:
                reason = check_new(
                    command, number, row, limits, bands, last, phases,
                    fees, orders, totals, cash, frozen, sellable, held,
                )  # fmt: skip
        elif kind == REPLACE and reason == PASS:
            reason = check_replace(
                command, number, limits, bands, last, phases, fees, orders, cash, frozen, sellable, held
            )
        reasons[i] = reason
    return commands.shape[0]
