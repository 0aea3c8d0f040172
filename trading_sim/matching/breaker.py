"""The volatility interruption: a collar of prices around an anchor, beyond which nothing executes in continuous trading.

An order that would execute beyond it trades up to it and halts its symbol into an auction inside the very command. The anchor is
the price of the last auction (the table's reference before the first one) or, where the breaker follows, of the last trade. An
auction itself executes at any price and so finds the anchor anew: a market that really moved reopens where it is.
"""

import numpy as np

from trading_sim.jit import called, entry
from trading_sim.matching.ladder import tick_of
from trading_sim.matching.queue import EVENT_WORDS, NONE, emit
from trading_sim.matching.records import EventKind, Phase, Reason

MILLION = 1_000_000
AUCTION = np.int64(Phase.AUCTION)
HALT = np.int64(EventKind.PHASE | (Reason.HALTED << 8))


@called
def reach_of(state, index, worst):
    """Lowest tick of a book with a breaker down to which an order with worst tick `worst` may execute.

    Above every tick when even the best one lies beyond the collar on its far side. Ticks fall while an order sweeps, so
    that side needs no second look.
    """
    book, rare = state.books[index], state.symbols[index >> 1]
    width = np.int64(rare.anchor) * np.int64(rare.ppm) // MILLION
    if book.best > tick_of(book, np.int64(rare.anchor) + width * np.int64(book.sign)):
        return np.int64(book.ticks)
    return max(worst, np.int64(book.collar))


@called
def set_anchor(state, symbol, price):
    """Lay the collar of a symbol that has a breaker around `price`."""
    rare = state.symbols[symbol]
    rare.anchor = price
    width = price * np.int64(rare.ppm) // MILLION
    buy, sell = state.books[2 * symbol], state.books[2 * symbol + 1]
    buy.collar = min(max(tick_of(buy, price - width), 0), np.int64(buy.ticks))
    sell.collar = min(max(tick_of(sell, price + width), 0), np.int64(sell.ticks))


@called
def set_width(state, symbol, ppm):
    """Give the collar of a symbol that has a breaker another width, at most its whole anchor."""
    rare = state.symbols[symbol]
    rare.ppm = min(ppm, MILLION)
    set_anchor(state, symbol, rare.anchor)


@called
def halt(state, desk, events, count, seq, symbol):
    """Interrupt continuous trading of a symbol by an auction. Returns the number of events."""
    state.books[2 * symbol].phase = AUCTION
    state.books[2 * symbol + 1].phase = AUCTION
    return emit(desk, events, count, seq, NONE, NONE, AUCTION, NONE, NONE, symbol, HALT, NONE, NONE)


@called
def after_matching(state, desk, events, first, count, seq, symbol, breached):
    """A command that could trade on a symbol with a breaker is done with that; its trades are the events from `first` on.

    `breached`: it would have gone on beyond the collar. Returns the number of events.
    """
    if count > first and state.symbols[symbol].follows:
        set_anchor(state, symbol, events[(count - 1) * EVENT_WORDS + 3])
    if breached:
        count = halt(state, desk, events, count, seq, symbol)
    return count


@entry
def lay_collars(state):
    """Lay the collar of every symbol that has a breaker around its anchor."""
    for symbol in range(state.symbols.size):
        if state.symbols[symbol].ppm != 0:
            set_anchor(state, np.int64(symbol), np.int64(state.symbols[symbol].anchor))
