"""Entry points that read or fill whole books: resting orders in priority order, depth, reloading a snapshot."""

import numpy as np

from trading_sim.jit import entry
from trading_sim.matching.auction import level_qty
from trading_sim.matching.ladder import level_of, next_below, price_of, tick_of
from trading_sim.matching.queue import rest


@entry
def collect(state, rows):
    """Write every resting order to `rows` (snapshot.RESTING), in the order the snapshot asks for. Returns how many."""
    count = 0
    for index in range(state.books.size):
        book = state.books[index]
        tick = np.int64(book.best)
        while tick >= 0:
            price = price_of(book, tick)
            slot = np.int64(state.levels[level_of(state, book, tick)].head)
            while slot != 0:
                order, row = state.orders[slot], rows[count]
                row.order_id = order.order_id
                row.price = price
                row.qty = order.qty
                row.account = order.account
                row.symbol = index >> 1
                row.side = (index & 1) + 1
                count += 1
                slot = np.int64(order.next)
            tick = next_below(state, book, tick)
    return count


@entry
def reload(state, rows, first):
    """Rest the orders of `rows` from `first` on. Returns the first one for which no page was left."""
    control = state.control[0]
    while first < rows.size and control.pages_left > 0:
        row = rows[first]
        index = 2 * np.int64(row.symbol) + np.int64(row.side) - 1
        tick = tick_of(state.books[index], row.price)
        rest(state, control, None, index, tick, np.int64(row.order_id), np.int64(row.qty), np.int64(row.account), 0)
        first += 1
    return first


@entry
def read_depth(state, index, rows):
    """Write (price, open quantity, orders) of the best levels of a book to `rows`. Returns how many levels there are."""
    book = state.books[index]
    tick = np.int64(book.best)
    count = 0
    while tick >= 0 and count < rows.shape[0]:
        orders = 0
        slot = np.int64(state.levels[level_of(state, book, tick)].head)
        while slot != 0:
            orders += 1
            slot = np.int64(state.orders[slot].next)
        rows[count, 0] = price_of(book, tick)
        rows[count, 1] = level_qty(state, book, tick)
        rows[count, 2] = orders
        count += 1
        tick = next_below(state, book, tick)
    return count
