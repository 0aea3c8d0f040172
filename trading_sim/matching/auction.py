"""The call auction: finding the one price at which a crossed book executes, and executing it."""

import numpy as np

from trading_sim.jit import called, inlined
from trading_sim.matching.breaker import set_anchor
from trading_sim.matching.ladder import level_of, next_above, next_below, price_of, tick_of
from trading_sim.matching.queue import emit, free_slot, unlink
from trading_sim.matching.records import FLAG_AUCTION, EventKind, Side
from trading_sim.risk import fills

AUCTION_TRADE = np.int64(EventKind.TRADE | (Side.BUY << 16) | (FLAG_AUCTION << 24))
NO_PRICE = 2**63 - 1


@inlined
def level_qty(state, book, tick):
    """Open quantity of a tick in use."""
    total = 0
    slot = np.int64(state.levels[level_of(state, book, tick)].head)
    while slot != 0:
        total += np.int64(state.orders[slot].qty)
        slot = np.int64(state.orders[slot].next)
    return total


@inlined
def lowest_crossing(state, buy, best_ask):
    """Lowest tick of the BUY book whose price reaches the best ask, and the open quantity from there up."""
    tick = np.int64(buy.best)
    lowest, total = tick, 0
    while tick >= 0 and price_of(buy, tick) >= best_ask:
        lowest = tick
        total += level_qty(state, buy, tick)
        tick = next_below(state, buy, tick)
    return lowest, total


@called
def uncross_price(state, buy, sell, reference):
    """Price with the largest volume, then smallest imbalance, then closest to `reference`, then higher; 0 for none.

    Walks the prices of both books upwards from the best ask to the best bid: below and above nothing can trade.
    """
    if buy.best < 0 or sell.best < 0:
        return 0
    best_bid, ask_tick = price_of(buy, np.int64(buy.best)), np.int64(sell.best)
    bid_tick, bid = lowest_crossing(state, buy, price_of(sell, ask_tick))
    ask = 0
    chosen, most, least, nearest = 0, 0, 0, 0
    while True:
        bid_price = price_of(buy, bid_tick) if bid_tick <= buy.best else NO_PRICE
        ask_price = price_of(sell, ask_tick) if ask_tick >= 0 else NO_PRICE
        price = min(bid_price, ask_price)
        if price > best_bid:
            return chosen
        if ask_price == price:
            ask += level_qty(state, sell, ask_tick)
            ask_tick = next_below(state, sell, ask_tick)
        volume, imbalance, distance = min(bid, ask), abs(bid - ask), abs(price - reference)
        better = volume > most
        if volume == most and volume > 0:
            better = imbalance < least or (imbalance == least and distance <= nearest)
        if better:
            chosen, most, least, nearest = price, volume, imbalance, distance
        if bid_price == price:
            bid -= level_qty(state, buy, bid_tick)
            bid_tick = next_above(state, buy, bid_tick) if bid_tick < buy.best else bid_tick + 1


@inlined
def take(state, control, book, slot, qty):
    """Execute part or all of the order in `slot`, the first of its queue. Returns its open quantity afterwards."""
    order = state.orders[slot]
    left = np.int64(order.qty) - qty
    if left > 0:
        order.qty = left
        book.open -= qty
    else:
        unlink(state, control, book, order)
        free_slot(state, control, slot, np.int64(order.order_id))
    return left


@called
def uncross(state, control, desk, events, count, seq, symbol):
    """Execute the auction of one symbol. Returns the number of events; at most one trade a resting order is written."""
    buy, sell = state.books[2 * symbol], state.books[2 * symbol + 1]
    price = uncross_price(state, buy, sell, state.symbols[symbol].reference)
    if price == 0:
        return count
    if state.symbols[symbol].ppm != 0:
        set_anchor(state, symbol, price)
    worst_bid, worst_ask = tick_of(buy, price), tick_of(sell, price)
    while buy.best >= worst_bid and sell.best >= worst_ask and buy.best >= 0 and sell.best >= 0:
        buy_slot = np.int64(state.levels[level_of(state, buy, np.int64(buy.best))].head)
        sell_slot = np.int64(state.levels[level_of(state, sell, np.int64(sell.best))].head)
        buy_order, sell_order = state.orders[buy_slot], state.orders[sell_slot]
        buy_id, sell_id = np.int64(buy_order.order_id), np.int64(sell_order.order_id)
        qty = min(np.int64(buy_order.qty), np.int64(sell_order.qty))
        account, other = np.int64(buy_order.account), np.int64(sell_order.account)
        if desk is not None:
            buy_limit = price_of(buy, np.int64(buy_order.tick))
            sell_limit = price_of(sell, np.int64(sell_order.tick))
            fills.fill_auction(desk, symbol, buy_order, buy_limit, sell_order, sell_limit, qty, price)
        left = take(state, control, buy, buy_slot, qty)
        take(state, control, sell, sell_slot, qty)
        count = emit(desk, events, count, seq, buy_id, sell_id, price, qty, left, symbol, AUCTION_TRADE, account, other)
    return count
