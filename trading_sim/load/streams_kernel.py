"""The compiled loop that makes a command stream: one command at a time, with the book it meets carried along.

The random numbers are SplitMix64 (Steele, Lea, Flood 2014), written out here so that a stream does not depend on the version of
a library.
"""

from typing import NamedTuple

import numpy as np

from trading_sim.jit import entry, inlined
from trading_sim.matching import hot
from trading_sim.matching.ladder import price_of
from trading_sim.matching.queue import COMMAND_WORDS, EVENT_WORDS
from trading_sim.matching.records import EventKind

(MADE, LAST_ID, LIVE, LIVE_SUM, ORDERS, CANCELS, REPLACES, DEAD, TRADES, NUMBERS) = range(10)
PASSIVE_SHARE, CANCEL_SHARE, TAKING_SHARE, DISTANCE, REACH, TARGET, LOTS, ACCOUNTS = range(8)
NEW, CANCEL, REPLACE = 1, 2, 3
BUY, SELL, DAY, IOC, LIMIT = 1, 2, 1, 2, 1
TRADE = int(EventKind.TRADE)
LOT = 100
DEAD_ONE_IN = 100
MOVE_ONE_IN = 400
SMALLEST_REACH = 1.0
GOLDEN, MIX_A, MIX_B = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
ONE = np.uint64(1)


class Flow(NamedTuple):
    """What the generator remembers. `live` lists the ids that rest, `place` where an id stands in it plus one."""

    numbers: np.ndarray
    random: np.ndarray
    cumulative: np.ndarray
    order: np.ndarray
    fair: np.ndarray
    live: np.ndarray
    place: np.ndarray


@inlined
def draw(flow):
    """The next uniform uint64."""
    flow.random[0] += GOLDEN
    value = flow.random[0]
    value = (value ^ (value >> np.uint64(30))) * MIX_A
    value = (value ^ (value >> np.uint64(27))) * MIX_B
    return value ^ (value >> np.uint64(31))


@inlined
def uniform(flow):
    """A float in [0, 1)."""
    return np.float64(draw(flow) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@inlined
def below(flow, limit):
    """A whole number 0 … limit - 1."""
    return min(np.int64(uniform(flow) * limit), np.int64(limit) - 1)


@inlined
def geometric(flow, mean):
    """A whole number of at least 1 with this mean: trials up to the first success, counted one by one."""
    count = np.int64(1)
    stop = 1.0 / max(mean, 1.0)
    while uniform(flow) >= stop and count < 1_000:
        count += 1
    return count


@inlined
def pick_symbol(flow):
    """A symbol by its weight."""
    value = uniform(flow)
    first, last = 0, flow.cumulative.size - 1
    while first < last:
        middle = (first + last) >> 1
        if flow.cumulative[middle] > value:
            last = middle
        else:
            first = middle + 1
    return flow.order[first]


@inlined
def best_price(state, symbol, side):
    """Best price of a side, 0 for none."""
    book = state.books[2 * symbol + side - BUY]
    return price_of(book, np.int64(book.best)) if book.best >= 0 else np.int64(0)


@inlined
def lowest(state, symbol):
    """Lowest price of the symbol's band."""
    return -np.int64(state.books[2 * symbol].offset)


@inlined
def clipped(state, symbol, price):
    """The price inside the symbol's band."""
    low = lowest(state, symbol)
    return min(max(price, low), low + np.int64(state.books[2 * symbol].ticks) - 1)


@inlined
def passive_price(state, flow, shape, symbol, side):
    """A price behind the fair price that crosses nothing, 0 when there is none."""
    away = geometric(flow, shape[DISTANCE])
    price = flow.fair[symbol] - away if side == BUY else flow.fair[symbol] + away
    other = best_price(state, symbol, BUY + SELL - side)
    if other != 0:
        price = min(price, other - 1) if side == BUY else max(price, other + 1)
    return price if price == clipped(state, symbol, price) else np.int64(0)


@inlined
def wander(state, flow, symbol):
    """The fair price takes a step now and then, and turns back before the middle half of its band ends."""
    if below(flow, MOVE_ONE_IN) != 0:
        return
    step = 1 if draw(flow) & ONE else -1
    ticks = np.int64(state.books[2 * symbol].ticks)
    place = flow.fair[symbol] + step - lowest(state, symbol)
    if ticks < 4 * place < 3 * ticks:
        flow.fair[symbol] += step


@inlined
def account_of(order_id, accounts):
    """The account that sent an order, so that its cancel comes from the same one."""
    value = np.uint64(order_id) * MIX_A
    return np.int64((value >> np.uint64(33)) % np.uint64(accounts)) + 1


@inlined
def write(words, at, seq, order_id, price, qty, symbol, account, codes):
    """One command."""
    words[at] = seq
    words[at + 1] = order_id
    words[at + 2] = price
    words[at + 3] = qty | (symbol << 32)
    words[at + 4] = account | (codes << 32)


@inlined
def make_new(state, flow, shape, words, at, seq, taking):
    """A NEW: one that takes liquidity where there is some, else one that rests."""
    numbers = flow.numbers
    symbol, side = pick_symbol(flow), np.int64(draw(flow) & ONE) + BUY
    wander(state, flow, symbol)
    other = best_price(state, symbol, BUY + SELL - side)
    qty, tif, price = np.int64(0), DAY, np.int64(0)
    if taking and other != 0:
        fullness = numbers[LIVE] / shape[TARGET]
        qty = LOT * geometric(flow, max(shape[REACH] * min(fullness * fullness, 4.0), SMALLEST_REACH))
        away = below(flow, 4)
        price = clipped(state, symbol, other + away if side == BUY else other - away)
        tif = IOC if draw(flow) & ONE else DAY
    else:
        qty = LOT * (1 + below(flow, shape[LOTS]))
        price = passive_price(state, flow, shape, symbol, side)
        if price == 0:
            price = lowest(state, symbol)
            if side == SELL:
                price += np.int64(state.books[2 * symbol].ticks) - 1
    numbers[LAST_ID] += 1
    numbers[ORDERS] += 1
    account = account_of(numbers[LAST_ID], shape[ACCOUNTS])
    codes = NEW | (side << 8) | (LIMIT << 16) | (tif << 24)
    write(words, at, seq, numbers[LAST_ID], price, qty, symbol, account, codes)


@inlined
def make_change(state, flow, shape, words, at, seq, replace):
    """A CANCEL or REPLACE of an order that rests, or, once in a while, a CANCEL of one that is gone."""
    numbers = flow.numbers
    order_id = np.int64(flow.live[below(flow, numbers[LIVE])])
    order = state.orders[state.slot_of[order_id]]
    symbol, side = np.int64(order.book) >> 1, (np.int64(order.book) & 1) + BUY
    price, qty = np.int64(0), np.int64(0)
    if replace:
        numbers[REPLACES] += 1
        price = passive_price(state, flow, shape, symbol, side)
        qty = LOT * (1 + below(flow, shape[LOTS]))
        if price == 0:
            price = price_of(state.books[order.book], np.int64(order.tick))
    else:
        numbers[CANCELS] += 1
        if below(flow, DEAD_ONE_IN) == 0:
            dead = 1 + below(flow, numbers[LAST_ID])
            if state.slot_of[dead] == 0:
                numbers[DEAD] += 1
                order_id = dead
    codes = np.int64(REPLACE if replace else CANCEL)
    write(words, at, seq, order_id, price, qty, symbol, account_of(order_id, shape[ACCOUNTS]), codes)


@inlined
def note(state, flow, order_id):
    """Bring the list of resting ids up to what the book says about one of them."""
    numbers = flow.numbers
    place = np.int64(flow.place[order_id])
    if state.slot_of[order_id] != 0:
        if place == 0:
            flow.live[numbers[LIVE]] = order_id
            numbers[LIVE] += 1
            flow.place[order_id] = numbers[LIVE]
    elif place != 0:
        last = np.int64(flow.live[numbers[LIVE] - 1])
        flow.live[place - 1] = last
        flow.place[last] = place
        flow.place[order_id] = 0
        numbers[LIVE] -= 1


@inlined
def meet(state, flow, words, at, events):
    """Let the book carry out the command and note what became of the orders it touched."""
    count = hot.apply(state, state.control[0], None, words, at, events, np.int64(0))
    for event in range(count):
        first = event * EVENT_WORDS
        if (np.uint64(events[first + 5]) >> np.uint64(32)) & np.uint64(0xFF) == TRADE:
            flow.numbers[TRADES] += 1
            note(state, flow, events[first + 2])
    note(state, flow, words[at + 1])


@entry
def make(state, flow, shape, words, events):
    """Fill `words` (int64, five a command) with the next commands of the stream."""
    numbers = flow.numbers
    for command in range(words.size // COMMAND_WORDS):
        at = command * COMMAND_WORDS
        numbers[MADE] += 1
        chance = uniform(flow)
        if chance < shape[PASSIVE_SHARE] + shape[TAKING_SHARE] or numbers[LIVE] == 0:
            make_new(state, flow, shape, words, at, numbers[MADE], chance >= shape[PASSIVE_SHARE])
        else:
            replace = chance >= shape[PASSIVE_SHARE] + shape[TAKING_SHARE] + shape[CANCEL_SHARE]
            make_change(state, flow, shape, words, at, numbers[MADE], replace)
        meet(state, flow, words, at, events)
        numbers[LIVE_SUM] += numbers[LIVE]
