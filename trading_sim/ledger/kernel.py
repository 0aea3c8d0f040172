"""The compiled part of the ledger: what one event does to balances.

Rounding: a fee is floor(notional * ppm / 1,000,000) for every trade, and a freeze holds the notional plus
floor of the fee on all of it. Because floor(a) + floor(b) <= floor(a + b), what a freeze releases for a part always pays for
that part, whatever the order of the fills: free cash cannot become negative.
"""

from __future__ import annotations

import numpy as np
from numba import njit

BUY = 1
SELL = 2

ACCEPTED = 1
REJECTED = 2
TRADE = 3
CANCELLED = 4
REPLACED = 5

#: posted, or the index + 1 of the event that cannot be (an unknown order, more than was open)
POSTED = 0


@njit(cache=True, inline="always")
def cash_needed(price, quantity, commission_ppm):
    """Cash in fen that a BUY of `quantity` at no more than `price` can cost, commission included."""
    notional = price * quantity
    return notional + notional * commission_ppm // 1_000_000


@njit(cache=True, inline="always")
def hold(orders, number, amount, cash, frozen, sellable, held):
    """Make order `number` hold exactly `amount` of its owner's cash (BUY) or position (SELL)."""
    order = orders[number]
    row = order.owner - 1
    change = amount - order.held
    if order.side == BUY:
        cash[row] -= change
        frozen[row] += change
    else:
        sellable[row, order.symbol] -= change
        held[row, order.symbol] += change
    orders[number].held = amount


@njit(cache=True, inline="always")
def settle_hold(orders, number, fees, cash, frozen, sellable, held):
    """Hold what the open quantity still needs, and close the order when nothing is open."""
    order = orders[number]
    if order.side == BUY:
        needed = cash_needed(order.price, order.leaves, fees[order.symbol].commission_ppm)
    else:
        needed = order.leaves
    hold(orders, number, needed, cash, frozen, sellable, held)
    if order.leaves == 0:
        orders[number].live = 0


@njit(cache=True)
def fill(orders, number, price, quantity, fees, cash, frozen, sellable, held, today, totals):
    """One side of a trade: release the part of the freeze, then pay or be paid, fee to the fee account."""
    order = orders[number]
    row = order.owner - 1
    symbol = order.symbol
    rates = fees[symbol]
    notional = price * quantity
    orders[number].leaves = order.leaves - quantity
    settle_hold(orders, number, fees, cash, frozen, sellable, held)
    fee = notional * rates.commission_ppm // 1_000_000
    if order.side == BUY:
        cash[row] -= notional + fee
        if rates.same_day:
            sellable[row, symbol] += quantity
        else:
            today[row, symbol] += quantity
    else:
        fee += notional * rates.stamp_ppm // 1_000_000
        cash[row] += notional - fee
        sellable[row, symbol] -= quantity
    totals[0] += fee


@njit(cache=True)
def post(events, fees, cash, frozen, sellable, held, today, market, orders, totals):
    """Post every event in order. Returns POSTED, or the number (1-based) of the first event that cannot be right.

    REJECTED of a NEW gives the freeze back; of a CANCEL or REPLACE it returns the order to what its open quantity needs, which
    undoes the larger freeze that a refused REPLACE had taken.
    """
    for i in range(events.shape[0]):
        event = events[i]
        kind = event.kind
        if kind != REJECTED and kind != TRADE and kind != CANCELLED and kind != REPLACED:
            continue
        number = np.int64(event.order_id)
        if number < 1 or number > totals[2]:
            return i + 1
        if orders[number].live == 0:
            if kind == REJECTED:
                continue  # a CANCEL or REPLACE that came after the order was done
            return i + 1
        quantity = np.int64(event.qty)
        if kind == TRADE:
            maker = np.int64(event.maker_id)
            if maker < 1 or maker > totals[2] or orders[maker].live == 0 or orders[maker].side == orders[number].side:
                return i + 1
            if orders[maker].leaves < quantity or orders[number].leaves < quantity:
                return i + 1
            fill(orders, number, event.price, quantity, fees, cash, frozen, sellable, held, today, totals)
            fill(orders, maker, event.price, quantity, fees, cash, frozen, sellable, held, today, totals)
            traded = market[orders[number].symbol]
            traded.last = event.price
            traded.volume += quantity
            traded.turnover += event.price * quantity
            traded.trades += 1
            continue
        if kind == CANCELLED or (kind == REJECTED and orders[number].seq == np.int64(event.seq)):
            orders[number].leaves = 0
        elif kind == REPLACED:
            orders[number].price = event.price
            orders[number].leaves = np.int64(event.leaves)
        settle_hold(orders, number, fees, cash, frozen, sellable, held)
    return POSTED
