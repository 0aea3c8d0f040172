"""The loop over commands: decode, check, match, report. Single-threaded, no clock, no allocation.

Commands and events are seen as int64 words, five a command and six an event; the arrays of layout.State hold the rest.
The order of the checks is the contract's and must not change.

`desk` is None for the bare core: Numba then leaves out everything that is asked of it. With a desk (risk/desk.py) its checks come
first; what it refuses the core never sees, and is REJECTED with reason RISK_BASE + RiskReason.
"""

import numpy as np

from trading_sim.jit import called, entry, inlined
from trading_sim.matching import prefetch
from trading_sim.matching.auction import level_qty, uncross
from trading_sim.matching.bits import cycles
from trading_sim.matching.breaker import after_matching, halt, reach_of, set_width
from trading_sim.matching.ladder import next_below, price_of, tick_of
from trading_sim.matching.queue import COMMAND_WORDS, LOW_HALF, NONE, emit, free_slot, match, rest, tail_of, unlink
from trading_sim.matching.records import EVERY_SYMBOL, EventKind, Kind, OrderType, Phase, Reason, Side, Tif
from trading_sim.risk import admission, fills
from trading_sim.risk.reasons import RISK_BASE

# Plain integers: Numba freezes them into the machine code, members of an enum would be looked up.
VOID = 0
"""Kind of a command that was lost before it reached the shard: with a desk it leaves no event."""
NEW, CANCEL, REPLACE, PHASE = (int(kind) for kind in Kind)
BUY, SELL = (int(side) for side in Side)
LIMIT, MARKET = (int(order_type) for order_type in OrderType)
DAY, IOC, FOK, POST_ONLY = (int(tif) for tif in Tif)
AUCTION, AUCTION_LOCKED, CONTINUOUS, CLOSED = (int(phase) for phase in Phase)
EVERY = EVERY_SYMBOL
UNKNOWN_ORDER = int(Reason.UNKNOWN_ORDER)
DUPLICATE_ORDER = int(Reason.DUPLICATE_ORDER)
BAD_QTY = int(Reason.BAD_QTY)
BAD_PRICE = int(Reason.BAD_PRICE)
BAD_SYMBOL = int(Reason.BAD_SYMBOL)
BAD_FIELD = int(Reason.BAD_FIELD)
PRICE_LIMIT = int(Reason.PRICE_LIMIT)
BAD_LOT = int(Reason.BAD_LOT)
BAD_PHASE = int(Reason.BAD_PHASE)
WOULD_CROSS = int(Reason.WOULD_CROSS)
CAPACITY = int(Reason.CAPACITY)
ACCEPTED = np.int64(EventKind.ACCEPTED)
REJECTED = np.int64(EventKind.REJECTED)
REPLACED = np.int64(EventKind.REPLACED)
PHASE_CHANGED = np.int64(EventKind.PHASE)
CANCELLED_BY_USER, NO_LIQUIDITY, IOC_REMAINDER, FOK_UNFILLED, HALTED = (
    np.int64(EventKind.CANCELLED | (reason << 8))
    for reason in (Reason.USER, Reason.NO_LIQUIDITY, Reason.IOC_REMAINDER, Reason.FOK_UNFILLED, Reason.HALTED)
)

SPARE_EVENTS = 4
"""Events a command can cause beyond one a resting order and one a symbol."""


@inlined
def outside(book, tick):
    """Whether a tick lies outside the book's prices."""
    return np.uint64(tick) >= np.uint64(book.ticks)


@inlined
def price_refusal(state, symbol, price):
    """Why a price outside the book is refused."""
    return BAD_PRICE if price <= 0 or state.symbols[symbol].band == 0 else PRICE_LIMIT


@inlined
def resting_slot(state, control, order_id, symbol):
    """Slot of an order that rests in the book of `symbol`, 0 for none."""
    if np.uint64(order_id) > np.uint64(control.max_order_id):
        return 0
    slot = np.int64(state.slot_of[order_id])
    if slot != 0 and (np.int64(state.orders[slot].book) >> 1) != symbol:
        return 0
    return slot


@inlined
def fields_unknown(order_id, side, order_type, tif):
    """Whether a NEW makes no sense before the symbol is looked at. Zero wraps round to a large unsigned number."""
    one = np.uint64(1)
    sides, types, tifs = np.uint64(side) - one, np.uint64(order_type) - one, np.uint64(tif) - one
    return (sides | types) > one or tifs > np.uint64(3) or order_id == 0 or (order_type == MARKET and tif == POST_ONLY)


@inlined
def new_refusal(state, control, order_id, price, qty, symbol, side, order_type, tif):
    """Reason why a NEW is rejected, 0 for none."""
    if fields_unknown(order_id, side, order_type, tif):
        return BAD_FIELD
    if symbol >= control.symbols:
        return BAD_SYMBOL
    book = state.books[2 * symbol + side - BUY]
    if book.phase != CONTINUOUS and (book.phase == CLOSED or order_type != LIMIT or tif != DAY):
        return BAD_PHASE
    if qty == 0:
        return BAD_QTY
    if np.uint64(qty) % book.lot != 0:
        return BAD_LOT
    if order_type == LIMIT and outside(book, tick_of(book, price)):
        return price_refusal(state, symbol, price)
    if np.uint64(order_id) > np.uint64(control.max_order_id) or control.live >= control.max_live:
        return CAPACITY
    if state.slot_of[order_id] != 0:
        return DUPLICATE_ORDER
    if tif == POST_ONLY:
        other = state.books[2 * symbol + SELL - side]
        if other.best >= tick_of(other, price):
            return WOULD_CROSS
    return 0


@called
def fillable(state, book, worst, qty):
    """Whether `qty` is open at ticks from the best down to `worst`."""
    if qty > book.open:
        return False
    tick = np.int64(book.best)
    while tick >= worst:
        qty -= level_qty(state, book, tick)
        if qty <= 0:
            return True
        tick = next_below(state, book, tick)
    return False


@called
def check_fok(state, desk, events, count, seq, other, worst, reach, qty, symbol):
    """Why a FOK order is cancelled, 0 when it fills whole, and the number of events. Only the collar in the way: a halt."""
    if fillable(state, other, reach, qty):
        return NONE, count
    if reach > worst and fillable(state, other, worst, qty):
        return HALTED, halt(state, desk, events, count, seq, symbol)
    return FOK_UNFILLED, count


@inlined
def new_order(
    state, control, desk, events, count, seq, order_id, price, qty, symbol, account, row, side, order_type, tif
):
    """An accepted NEW: trade what crosses, then rest or cancel the remainder."""
    tail = tail_of(ACCEPTED, side)
    count = emit(desk, events, count, seq, order_id, NONE, price, qty, qty, symbol, tail, account, NONE)
    index = 2 * symbol + side - BUY
    book = state.books[index]
    if book.phase == CONTINUOUS:
        other = state.books[2 * symbol + SELL - side]
        worst = np.int64(0) if order_type == MARKET else tick_of(other, price)
        if other.best >= worst or tif != DAY or order_type != LIMIT:
            reach = worst if other.collar < 0 else reach_of(state, index ^ 1, worst)
            if tif == FOK:
                why, count = check_fok(state, desk, events, count, seq, other, worst, reach, qty, symbol)
                if why != 0:
                    tail = tail_of(why, side)
                    return emit(desk, events, count, seq, order_id, NONE, price, qty, NONE, symbol, tail, account, NONE)
            before = count
            qty, count = match(
                state, control, desk, events, count, other, reach, qty, seq, order_id, symbol, side, account, row
            )
            if other.collar >= 0:
                breached = qty > 0 and other.best >= worst
                count = after_matching(state, desk, events, before, count, seq, symbol, breached)
            if qty == 0:
                return count
            if order_type == MARKET or tif == IOC:
                what = NO_LIQUIDITY if order_type == MARKET else IOC_REMAINDER
                tail = tail_of(what if book.phase == CONTINUOUS else HALTED, side)
                return emit(desk, events, count, seq, order_id, NONE, price, qty, NONE, symbol, tail, account, NONE)
    rest(state, control, desk, index, tick_of(book, price), order_id, qty, account, row)
    return count


@called
def replace(state, control, desk, events, count, seq, slot, price, qty, symbol):
    """A REPLACE of the resting order in `slot`. Returns the reason of a refusal and the number of events."""
    order = state.orders[slot]
    index = np.int64(order.book)
    book = state.books[index]
    side = (index & 1) + BUY
    if book.phase == AUCTION_LOCKED or book.phase == CLOSED:
        return BAD_PHASE, count
    if qty == 0:
        return BAD_QTY, count
    tick = tick_of(book, price)
    if outside(book, tick):
        return price_refusal(state, symbol, price), count
    order_id, account, row = np.int64(order.order_id), np.int64(order.account), np.int64(order.row)
    tail = tail_of(REPLACED, side)
    count = emit(desk, events, count, seq, order_id, NONE, price, qty, qty, symbol, tail, account, NONE)
    if desk is not None:
        old_price = price_of(book, np.int64(order.tick))
        fills.taken_back(desk, row, symbol, side, old_price, np.int64(order.qty))
    if tick == order.tick and qty <= order.qty:
        book.open -= np.int64(order.qty) - qty
        order.qty = qty
        if desk is not None:
            fills.rested(desk, row, symbol, side, price, qty)
        return 0, count
    unlink(state, control, book, order)
    free_slot(state, control, slot, order_id)
    if book.phase == CONTINUOUS:
        other = state.books[index ^ 1]
        worst, before = tick_of(other, price), count
        reach = worst if other.collar < 0 else reach_of(state, index ^ 1, worst)
        qty, count = match(
            state, control, desk, events, count, other, reach, qty, seq, order_id, symbol, side, account, row
        )
        if other.collar >= 0:
            breached = qty > 0 and other.best >= worst
            count = after_matching(state, desk, events, before, count, seq, symbol, breached)
    if qty > 0:
        rest(state, control, desk, index, tick, order_id, qty, account, row)
    return 0, count


@called
def change_phase(state, control, desk, events, count, seq, phase, width, symbol):
    """A PHASE command. `width`: of the collar from now on, 0 to leave it. Returns the reason of a refusal and the number of
    events.
    """
    if phase < AUCTION or phase > CLOSED:
        return BAD_FIELD, count
    first, last = symbol, symbol + 1
    if symbol == EVERY:
        first, last = 0, control.symbols
    elif symbol >= control.symbols:
        return BAD_SYMBOL, count
    for each in range(first, last):
        rare, which = state.symbols[each], np.int64(each)
        if symbol == EVERY and phase <= AUCTION_LOCKED and rare.continuous_only:
            continue
        buy, sell = state.books[2 * each], state.books[2 * each + 1]
        if buy.phase <= AUCTION_LOCKED and phase >= CONTINUOUS:
            count = uncross(state, control, desk, events, count, seq, which)
        buy.phase = phase
        sell.phase = phase
        told = NONE
        if width != 0 and rare.ppm != 0:
            set_width(state, which, width)
            told = np.int64(rare.ppm)
        count = emit(desk, events, count, seq, NONE, NONE, phase, told, NONE, which, PHASE_CHANGED, NONE, NONE)
    return 0, count


@inlined
def cancel(state, control, desk, events, count, seq, slot, order_id, symbol):
    """A CANCEL of the order in `slot`. Returns the reason of a refusal and the number of events."""
    if slot == 0:
        return UNKNOWN_ORDER, count
    order = state.orders[slot]
    index = np.int64(order.book)
    book = state.books[index]
    if book.phase == AUCTION_LOCKED or book.phase == CLOSED:
        return BAD_PHASE, count
    price, qty = price_of(book, np.int64(order.tick)), np.int64(order.qty)
    side, account = (index & 1) + BUY, np.int64(order.account)
    unlink(state, control, book, order)
    free_slot(state, control, slot, order_id)
    if desk is not None:
        fills.cancelled(desk, np.int64(order.row), symbol, side, price, qty)
    tail = tail_of(CANCELLED_BY_USER, side)
    return 0, emit(desk, events, count, seq, order_id, NONE, price, qty, NONE, symbol, tail, account, NONE)


@inlined
def refused_by_desk(
    state, control, desk, row, slot, order_id, price, qty, symbol, account, kind, side, order_type, tif
):
    """RiskReason for which the desk refuses the command, 0 for none."""
    if kind == NEW:
        return admission.admit_new(desk, state.books, row, order_id, price, qty, symbol, side, order_type)
    if kind == PHASE:
        return admission.admit_phase(desk, account, price, symbol)
    if kind != CANCEL and kind != REPLACE:
        return admission.admit_nothing(desk, row)
    order = state.orders[slot]
    reason = admission.admit_owner(desk, row, slot, order)
    if reason == 0 and kind == REPLACE:
        old_price = price_of(state.books[order.book], np.int64(order.tick))
        reason = admission.admit_replace(desk, state.books, row, order, old_price, price, qty)
    return reason


@inlined
def apply(state, control, desk, commands, at, events, count):
    """Apply the command whose first word is `at`. Returns the number of events."""
    seq, order_id, price = commands[at], commands[at + 1], commands[at + 2]
    amounts, rest_of_it = np.uint64(commands[at + 3]), np.uint64(commands[at + 4])
    qty, symbol = np.int64(amounts & LOW_HALF), np.int64(amounts >> np.uint64(32))
    account, codes = np.int64(rest_of_it & LOW_HALF), np.int64(rest_of_it >> np.uint64(32))
    kind, side, order_type, tif = codes & 0xFF, (codes >> 8) & 0xFF, (codes >> 16) & 0xFF, codes >> 24
    slot, row, reason = NONE, NONE, BAD_FIELD
    if kind != NEW:
        slot = resting_slot(state, control, order_id, symbol)
    if desk is not None:
        if kind == VOID:
            return count
        row = admission.row_of(desk, account)
        refusal = refused_by_desk(
            state, control, desk, row, slot, order_id, price, qty, symbol, account, kind, side, order_type, tif
        )
        if refusal != 0:
            desk.control[0].refused += 1
            tail = tail_of(REJECTED | ((refusal + RISK_BASE) << 8), side)
            return emit(desk, events, count, seq, order_id, NONE, price, qty, NONE, symbol, tail, account, NONE)
    if kind == NEW:
        reason = new_refusal(state, control, order_id, price, qty, symbol, side, order_type, tif)
        if reason == 0:
            return new_order(
                state, control, desk, events, count,
                seq, order_id, price, qty, symbol, account, row, side, order_type, tif,
            )  # fmt: skip
    elif kind == CANCEL:
        reason = UNKNOWN_ORDER
        if slot != 0:
            reason, count = cancel(state, control, desk, events, count, seq, slot, order_id, symbol)
    elif kind == REPLACE:
        reason = UNKNOWN_ORDER
        if slot != 0:
            reason, count = replace(state, control, desk, events, count, seq, slot, price, qty, symbol)
    elif kind == PHASE:
        reason, count = change_phase(state, control, desk, events, count, seq, price, qty, symbol)
    if reason != 0:
        tail = tail_of(REJECTED | (reason << 8), side)
        count = emit(desk, events, count, seq, order_id, NONE, price, qty, NONE, symbol, tail, account, NONE)
    return count


@inlined
def must_pause(control, count, room):
    """Whether the next command could need more events than the buffer holds, or a page when none is left."""
    return count + control.live > room or control.pages_left <= 0


@entry
def run(state, commands, first, last, events, room, desk):
    """Apply commands first … last-1. Returns the first one that was not applied: the caller makes room and goes on.

    `room`: capacity of `events` less symbols and SPARE_EVENTS. The number of events goes to control.written. `desk`: None
    or a desk whose `parties` has as many rows as `events`.
    """
    control = state.control[0]
    count, large, end = NONE, prefetch.worthwhile(control, desk), last * COMMAND_WORDS
    while first < last and not must_pause(control, count, room):
        if large:
            prefetch.ahead(state, control, desk, commands, first * COMMAND_WORDS, end)
        count = apply(state, control, desk, commands, first * COMMAND_WORDS, events, count)
        first += 1
    control.written = count
    return first


@entry
def run_timed(state, commands, first, last, events, room, desk, durations):
    """Like `run`; also writes the cycles of command i to durations[i]."""
    control = state.control[0]
    count, large, end = NONE, prefetch.worthwhile(control, desk), last * COMMAND_WORDS
    while first < last and not must_pause(control, count, room):
        start = cycles()
        if large:
            prefetch.ahead(state, control, desk, commands, first * COMMAND_WORDS, end)
        count = apply(state, control, desk, commands, first * COMMAND_WORDS, events, count)
        durations[first] = cycles() - start
        first += 1
    control.written = count
    return first


@entry
def read_cycles():
    """The processor's cycle counter."""
    return cycles()
