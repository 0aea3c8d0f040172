"""The ladder of one book: three layers of bits say which ticks are in use, levels hold the queues.

All functions are compiled into their callers. `book` is a record of layout.BOOK, ticks are int64.
"""

import numpy as np

from trading_sim.jit import inlined
from trading_sim.matching.bits import leading_zeros, trailing_zeros
from trading_sim.matching.layout import PAGE_SHIFT, PAGE_TICKS

ONE = np.uint64(1)
PAGE_BITS = np.uint64(0xFF)  # a page is eight words of the lowest layer: one byte of the layer above


@inlined
def tick_of(book, price):
    """Tick of a price; outside 0 … ticks-1 (seen unsigned) when the book does not cover it, for any int64."""
    return np.int64(np.uint64(book.offset) + np.uint64(np.int64(book.sign)) * np.uint64(price))


@inlined
def price_of(book, tick):
    """Price of a tick."""
    return (tick - book.offset) * np.int64(book.sign)


@inlined
def level_of(state, book, tick):
    """Index of the level of a tick that is in use."""
    if book.pages < 0:
        return np.int64(book.levels) + tick
    page = np.int64(state.directory[book.pages + (tick >> PAGE_SHIFT)])
    return (page << PAGE_SHIFT) + (tick & (PAGE_TICKS - 1))


@inlined
def claim_level(state, control, book, tick):
    """Index of the level of any tick; takes a page when the tick's page has no order yet."""
    if book.pages < 0:
        return np.int64(book.levels) + tick
    entry = book.pages + (tick >> PAGE_SHIFT)
    page = np.int64(state.directory[entry])
    if page == 0:
        page = control.free_page
        if page != 0:
            control.free_page = state.levels[page << PAGE_SHIFT].head
            state.levels[page << PAGE_SHIFT].head = 0
        else:
            page = control.next_page
            control.next_page += 1
        control.pages_left -= 1
        state.directory[entry] = page
    return (page << PAGE_SHIFT) + (tick & (PAGE_TICKS - 1))


@inlined
def bit(position):
    """The bit of a position within its word."""
    return ONE << np.uint64(position & 63)


@inlined
def highest(word):
    """Position of the highest set bit of a non-zero word."""
    return 63 - leading_zeros(word)


@inlined
def mark(state, book, tick):
    """Note that a tick came into use."""
    bitmap = state.bitmap
    bitmap[book.words + (tick >> 6)] |= bit(tick)
    bitmap[book.groups + (tick >> 12)] |= bit(tick >> 6)
    bitmap[book.tops + (tick >> 18)] |= bit(tick >> 12)
    if tick > book.best:
        book.best = tick


@inlined
def highest_below_top(state, book, top, last):
    """Highest tick in use, looking at the top layer's word `last`, masked to `top`, and the words under it."""
    bitmap = state.bitmap
    while top == 0:
        last -= 1
        if last < 0:
            return -1
        top = bitmap[book.tops + last]
    group = last * 64 + highest(top)
    word = group * 64 + highest(bitmap[book.groups + group])
    return word * 64 + highest(bitmap[book.words + word])


@inlined
def next_below(state, book, tick):
    """Highest tick in use below `tick`, -1 for none."""
    bitmap = state.bitmap
    word = bitmap[book.words + (tick >> 6)] & (bit(tick) - ONE)
    if word != 0:
        return (tick & -64) + highest(word)
    group = bitmap[book.groups + (tick >> 12)] & (bit(tick >> 6) - ONE)
    if group != 0:
        index = ((tick >> 12) << 6) + highest(group)
        return index * 64 + highest(bitmap[book.words + index])
    last = tick >> 18
    return highest_below_top(state, book, bitmap[book.tops + last] & (bit(tick >> 12) - ONE), last)


@inlined
def next_above(state, book, tick):
    """Lowest tick in use above `tick`; there must be one (ask only below the best)."""
    bitmap = state.bitmap
    tick += 1
    word = bitmap[book.words + (tick >> 6)] >> np.uint64(tick & 63)
    if word != 0:
        return tick + trailing_zeros(word)
    index = (tick >> 6) + 1
    while bitmap[book.words + index] == 0:
        if index & 63 == 0 and bitmap[book.groups + (index >> 6)] == 0:
            index += 64
        else:
            index += 1
    return index * 64 + trailing_zeros(bitmap[book.words + index])


@inlined
def give_page_back(state, control, book, tick):
    """Return the page of a tick whose levels are all empty."""
    entry = book.pages + (tick >> PAGE_SHIFT)
    page = np.int64(state.directory[entry])
    state.directory[entry] = 0
    state.levels[page << PAGE_SHIFT].head = control.free_page
    control.free_page = page
    control.pages_left += 1


@inlined
def clear(state, control, book, tick):
    """Note that a tick went out of use and find the new best one when it was the best."""
    bitmap = state.bitmap
    word = bitmap[book.words + (tick >> 6)] & ~bit(tick)
    bitmap[book.words + (tick >> 6)] = word
    if word != 0:
        if tick == book.best:
            book.best = (tick & -64) + highest(word)
        return
    group = bitmap[book.groups + (tick >> 12)] & ~bit(tick >> 6)
    bitmap[book.groups + (tick >> 12)] = group
    if book.pages >= 0 and (group >> np.uint64((tick >> 6) & 56)) & PAGE_BITS == 0:
        give_page_back(state, control, book, tick)
    if group != 0:
        if tick == book.best:
            index = ((tick >> 12) << 6) + highest(group)
            book.best = index * 64 + highest(bitmap[book.words + index])
        return
    last = tick >> 18
    top = bitmap[book.tops + last] & ~bit(tick >> 12)
    bitmap[book.tops + last] = top
    if tick == book.best:
        book.best = highest_below_top(state, book, top, last)
