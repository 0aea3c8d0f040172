"""Orders in slots: resting at the tail of a level, leaving it, and the events that report it.

All functions are compiled into their callers. `events` is the event buffer as int64 words, six an event. `desk` is None
for the bare core: Numba then leaves out everything that is asked of it.
"""

import numpy as np

from trading_sim.jit import inlined
from trading_sim.matching.ladder import claim_level, clear, level_of, mark, price_of
from trading_sim.matching.records import EventKind, Side
from trading_sim.risk import fills

EVENT_WORDS = 6
COMMAND_WORDS = 5
LOW_HALF = np.uint64(0xFFFFFFFF)
# NumPy integers rather than Python's: Numba would compile a version of `emit` for each literal it is given.
NONE = np.int64(0)
TRADE = np.int64(EventKind.TRADE)
BUY, SELL = int(Side.BUY), int(Side.SELL)


@inlined
def emit(desk, events, count, seq, order_id, maker_id, price, qty, leaves, symbol, tail, account, other):
    """Write one event behind `count` others; `tail` is kind, reason, side and flags as one number. Returns count + 1.

    `account` owns order_id, `other` owns maker_id; they go to the desk's parties.
    """
    at = count * EVENT_WORDS
    events[at] = seq
    events[at + 1] = order_id
    events[at + 2] = maker_id
    events[at + 3] = price
    events[at + 4] = np.int64(np.uint64(qty) | (np.uint64(leaves) << np.uint64(32)))
    events[at + 5] = np.int64(np.uint64(symbol) | (np.uint64(tail) << np.uint64(32)))
    if desk is not None:
        desk.parties[count] = account | (other << 32)
    return count + 1


@inlined
def tail_of(what, side):
    """The last four bytes of an event as one number; `what` is the kind, and the reason shifted by eight bits."""
    return what | (side << 16)


@inlined
def free_slot(state, control, slot, order_id):
    """Forget an order; the slot is the next to be used again, while it is still in the processor's cache."""
    state.slot_of[order_id] = 0
    state.orders[slot].next = control.free
    control.free = slot
    control.live -= 1


@inlined
def rest(state, control, desk, index, tick, order_id, qty, account, row):
    """Put an order at the tail of its tick. The caller has made sure that a slot and a page are left."""
    orders = state.orders
    slot = control.free
    if slot != 0:
        control.free = orders[slot].next
    else:
        slot = control.top + 1
        control.top = slot
    control.live += 1
    book = state.books[index]
    level = state.levels[claim_level(state, control, book, tick)]
    last = np.int64(level.tail)
    order = orders[slot]
    order.next = 0
    order.prev = last
    order.tick = tick
    order.book = index
    order.qty = qty
    order.order_id = order_id
    order.account = account
    if last != 0:
        orders[last].next = slot
    else:
        level.head = slot
        mark(state, book, tick)
    level.tail = slot
    book.open += qty
    state.slot_of[order_id] = slot
    if desk is not None:
        order.row = row
        fills.rested(desk, row, index >> 1, (index & 1) + BUY, price_of(book, tick), qty)


@inlined
def unlink(state, control, book, order):
    """Take an order out of its queue, wherever it stands; its slot is kept."""
    after, before = np.int64(order.next), np.int64(order.prev)
    book.open -= order.qty
    if after != 0:
        state.orders[after].prev = before
        if before != 0:
            state.orders[before].next = after
        else:
            state.levels[level_of(state, book, np.int64(order.tick))].head = after
        return
    level = state.levels[level_of(state, book, np.int64(order.tick))]
    level.tail = before
    if before != 0:
        state.orders[before].next = 0
        return
    level.head = 0
    clear(state, control, book, np.int64(order.tick))


@inlined
def match(state, control, desk, events, count, book, worst, qty, seq, order_id, symbol, side, account, row):
    """Trade up to `qty` against the orders of `book` at ticks from its best down to `worst`.

    Returns the quantity left and the number of events.
    """
    orders = state.orders
    tail = tail_of(TRADE, side)
    before, first = qty, count
    cost, fee, fees, own, price = NONE, NONE, NONE, NONE, NONE
    while qty > 0 and book.best >= worst:
        tick = np.int64(book.best)
        level = state.levels[level_of(state, book, tick)]
        price = price_of(book, tick)
        slot = np.int64(level.head)
        while qty > 0 and slot != 0:
            maker = orders[slot]
            open_qty = np.int64(maker.qty)
            maker_id = np.int64(maker.order_id)
            traded = min(qty, open_qty)
            qty -= traded
            other = np.int64(maker.account)
            count = emit(desk, events, count, seq, order_id, maker_id, price, traded, qty, symbol, tail, account, other)
            if desk is not None:
                notional, commission, stamp, alike = fills.fill_resting(
                    desk, np.int64(maker.row), row, symbol, BUY + SELL - side, price, open_qty, traded, price
                )
                cost += notional
                fee += commission
                if side == SELL:
                    fee += stamp
                fees += 2 * commission + stamp
                own += alike
            if traded < open_qty:
                maker.qty = open_qty - traded
            else:
                following = np.int64(maker.next)
                free_slot(state, control, slot, maker_id)
                slot = following
        level.head = slot
        if slot != 0:
            orders[slot].prev = 0
        else:
            level.tail = 0
            clear(state, control, book, tick)
    book.open -= before - qty
    if desk is not None and count != first:
        fills.fill_incoming(desk, row, symbol, side, before - qty, cost, fee, count - first, own)
        fills.note_market(desk, symbol, price, before - qty, cost, fees, count - first)
    return qty, count
