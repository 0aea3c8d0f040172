"""The compiled part: takes events in order into the tables. One pass, constant work per event, no allocation on the usual path.

Everything happens at the event's own time, so cutting a stream into other batches gives the same tables. One file on purpose: whether
a cached form is stale, Numba decides by the file of the entry point alone.
"""

from __future__ import annotations

import numpy as np
from numba import njit

ACCEPTED, TRADE, CANCELLED, REPLACED, PHASE = 1, 3, 4, 5, 6
USER = 14
LOCKED, CONTINUOUS = 2, 3
FLAG_AUCTION = 1
EVERY_SYMBOL = 0xFFFFFFFF
RUN_PRICES = 8
BUCKETS = 128
#: The histogram of sizes is halved when it has so many orders, so that it follows the market.
SIZES_FULL = 8192
SIZES_EVERY = 16

CELLS_USED, PAIRS_USED, CELLS_TOUCHED, PAIRS_TOUCHED, EVENTS, UNWATCHED, FORGOTTEN, CLOSINGS = range(8)

# Places of the parameters array, see `parameters`.
(
    HALF_TRADES,
    HALF_CYCLES,
    HALF_IMPACT,
    LIFE,
    FILLED,
    ONE_SIDED,
    TOGETHER,
    SIZE,
    LEVELS,
    OVER_WINDOW,
    KNOWN,
    HALF_PEAK,
) = range(12)


def parameters(thresholds) -> np.ndarray:
    """f8[12]: the numbers of `Thresholds` that the kernel uses; times in ns."""
    memory, pulls = thresholds.memory, thresholds.withdrawals
    return np.array(
        [
            memory.half_trades_s * 1e9, memory.half_cycles_s * 1e9, memory.half_impact_s * 1e9, pulls.life_s * 1e9,
            pulls.filled_part, pulls.one_sided, pulls.together_s * 1e9, pulls.size, pulls.levels,
            thresholds.oversized.window_s * 1e9, thresholds.known_from, pulls.half_peak_s * 1e9,
        ]
    )  # fmt: skip


@njit(cache=True)
def _slot(key, mask):
    mixed = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
    return np.int64((mixed >> np.uint64(29)) & np.uint64(mask))


@njit(cache=True)
def _find_cell(cells, key):
    """The cell's place, or that of the empty one where it would stand; the table is never full."""
    mask = cells.shape[0] - 1
    at = _slot(key, mask)
    while cells[at].key != 0 and cells[at].key != key:
        at = (at + 1) & mask
    return at


@njit(cache=True)
def _find_pair(pairs, key, symbol):
    mask = pairs.shape[0] - 1
    at = _slot(key ^ (np.uint64(symbol + 1) << np.uint64(17)), mask)
    while pairs[at].key != 0 and (pairs[at].key != key or pairs[at].symbol != symbol):
        at = (at + 1) & mask
    return at


@njit(cache=True)
def cell_key(account, symbol):
    """The key of an account and a symbol; never 0, because accounts start at 1."""
    return (np.uint64(account) << np.uint64(32)) | np.uint64(symbol)


@njit(cache=True)
def find_cells(cells, accounts, symbols):
    """i8[n] places of the cells of accounts in symbols (aligned), -1 where there is none."""
    found = np.full(accounts.shape[0], -1, np.int64)
    for i in range(accounts.shape[0]):
        at = _find_cell(cells, cell_key(accounts[i], symbols[i]))
        if cells[at].key != 0:
            found[i] = at
    return found


@njit(cache=True)
def _compact_cells(tables, now, keep_ns):
    """Keep cells with open orders or younger than `keep_ns`."""
    old, old_runs = tables.cells.copy(), tables.runs.copy()
    tables.cells["key"][:] = 0
    used, touched = 0, 0
    for i in range(old.shape[0]):
        if old[i].key == 0:
            continue
        alive = old[i].open[0] + old[i].open[1] > 0 or now - old[i].t <= keep_ns
        if not alive and old[i].touched == 0:
            continue
        at = _find_cell(tables.cells, old[i].key)
        tables.cells[at] = old[i]
        tables.runs[at] = old_runs[i]
        used += 1
        if old[i].touched:
            tables.touched_cells[touched] = at
            touched += 1
    tables.counters[CELLS_USED], tables.counters[CELLS_TOUCHED] = used, touched


@njit(cache=True)
def _compact_pairs(tables, now, keep_ns):
    old = tables.pairs.copy()
    tables.pairs["key"][:] = 0
    used, touched = 0, 0
    for i in range(old.shape[0]):
        if old[i].key == 0 or (now - old[i].t > keep_ns and old[i].touched == 0):
            continue
        at = _find_pair(tables.pairs, old[i].key, old[i].symbol)
        tables.pairs[at] = old[i]
        used += 1
        if old[i].touched:
            tables.touched_pairs[touched] = at
            touched += 1
    tables.counters[PAIRS_USED], tables.counters[PAIRS_TOUCHED] = used, touched


@njit(cache=True)
def _make_room(tables, now, half):
    """Forget the longest idle first; what then still does not fit is not watched, and counted."""
    for keep in (8.0, 2.0, 0.25):
        if tables.counters[CELLS_USED] * 4 >= tables.cells.shape[0] * 3:
            _compact_cells(tables, now, half * keep)
        if tables.counters[PAIRS_USED] * 4 >= tables.pairs.shape[0] * 3:
            _compact_pairs(tables, now, half * keep)


@njit(cache=True)
def _cell_at(tables, account, symbol, now, p):
    """Place of the cell with its sums brought to `now`; -1 when there is no room."""
    cells = tables.cells
    key = cell_key(account, symbol)
    at = _find_cell(cells, key)
    if cells[at].key == 0:
        if tables.counters[CELLS_USED] * 4 >= cells.shape[0] * 3:
            _make_room(tables, now, p[HALF_TRADES])
            if tables.counters[CELLS_USED] * 4 >= cells.shape[0] * 3:
                tables.counters[UNWATCHED] += 1
                return -1
            at = _find_cell(cells, key)
        tables.counters[CELLS_USED] += 1
        _clear_cell(tables, at)
        cells[at].key = key
        cells[at].t = now
    cell = cells[at]
    passed = np.float64(now - cell.t)
    if passed > 0:
        trades, cycles, impact = (
            2.0 ** (-passed / p[HALF_TRADES]),
            2.0 ** (-passed / p[HALF_CYCLES]),
            2.0 ** (-passed / p[HALF_IMPACT]),
        )
        cell.orders_d *= trades
        cell.cancels_d *= trades
        cell.traded_d *= trades
        cell.self_d *= trades
        cell.selfs_d *= trades
        cell.spoof_d *= cycles
        cell.layer_d *= cycles
        cell.pulled_d *= cycles
        for side in range(2):
            cell.aggressive_d[side] *= impact
            cell.impact_d[side] *= impact
            cell.takes_d[side] *= impact
        cell.t = now
    if cell.touched == 0:
        cell.touched = 1
        tables.touched_cells[tables.counters[CELLS_TOUCHED]] = at
        tables.counters[CELLS_TOUCHED] += 1
    return at


@njit(cache=True)
def _clear_cell(tables, at):
    cell = tables.cells[at]
    cell.first = 0
    cell.orders_d, cell.cancels_d, cell.traded_d, cell.self_d, cell.selfs_d = 0.0, 0.0, 0.0, 0.0, 0.0
    cell.spoof_d, cell.layer_d, cell.pulled_d, cell.over = 0.0, 0.0, 0.0, 0.0
    cell.over_t, cell.touched = 0, 0
    for side in range(2):
        cell.open[side], cell.filled[side] = 0, 0
        cell.aggressive_d[side], cell.impact_d[side], cell.takes_d[side] = 0.0, 0.0, 0.0
        cell.peak_d[side], cell.peak_t[side] = 0.0, 0
        run = tables.runs[at, side]
        run.size, run.around = 0.0, 0.0
        run.t, run.first, run.levels, run.counted = 0, 0, 0, 0


@njit(cache=True)
def _peak(cell, side, now, p):
    """The most that was open on a side of late."""
    return max(
        np.float64(cell.open[side]), cell.peak_d[side] * 2.0 ** (-np.float64(now - cell.peak_t[side]) / p[HALF_PEAK])
    )


@njit(cache=True)
def _change_open(cell, side, quantity, now, p):
    """Add `quantity` to what is open on a side, and remember how much there was."""
    cell.peak_d[side] = _peak(cell, side, now, p)
    cell.peak_t[side] = now
    cell.open[side] = max(0, cell.open[side] + quantity)


@njit(cache=True)
def _learn_size(tables, symbol, qty, p):
    row = tables.symbols[symbol]
    sizes = tables.sizes[symbol]
    bucket = min(np.int64(np.log2(max(np.float64(qty), 1.0)) * 4.0), BUCKETS - 1)
    sizes[bucket] += 1
    row.sizes += 1
    if row.sizes >= SIZES_FULL:
        total = 0
        for i in range(BUCKETS):
            sizes[i] = (sizes[i] + 1) // 2
            total += sizes[i]
        row.sizes = total
    if row.sizes < p[KNOWN] or row.sizes % SIZES_EVERY:
        return
    seen, large, huge = 0, 0.0, 0.0
    for i in range(BUCKETS):
        seen += sizes[i]
        if large == 0.0 and seen * 10 >= row.sizes * 9:
            large = 2.0 ** ((i + 0.5) / 4.0)
        if seen * 100 >= row.sizes * 99:
            huge = 2.0 ** ((i + 0.5) / 4.0)
            break
    row.large, row.huge = large, huge


@njit(cache=True)
def _withdraw(tables, at, order, removed, now, p):
    """An order was taken back unexecuted: a part of a cycle, if it was large and stood alone on its side."""
    cell, side, large = tables.cells[at], order.side, tables.symbols[order.symbol].large
    cell.cancels_d += 1.0
    if large <= 0.0 or now - order.t > p[LIFE] or order.filled > p[FILLED] * order.qty:
        return
    mine, other = np.float64(cell.open[side] + removed), _peak(cell, 1 - side, now, p)
    if mine < p[ONE_SIDED] * (mine + other):
        return
    run = tables.runs[at, side]
    if now - run.t > p[TOGETHER]:
        run.size, run.around, run.levels, run.counted, run.first = 0.0, 0.0, 0, 0, order.t
    run.t = now
    run.first = min(run.first, order.t)
    run.size += removed / large
    if cell.filled[1 - side] > order.opposite:
        run.around += removed / large
    known = False
    for i in range(min(run.levels, RUN_PRICES)):
        known = known or run.prices[i] == order.price
    if not known:
        if run.levels < RUN_PRICES:
            run.prices[run.levels] = order.price
        run.levels += 1
    _count_cycle(cell, run, p)


@njit(cache=True)
def _count_cycle(cell, run, p):
    """counted: 0 nothing yet, 1 withdrawn without a trade, 2 a cycle of spoofing, 3 of layering."""
    if run.size < p[SIZE]:
        return
    if run.counted == 0:
        run.counted = 1
        cell.pulled_d += 1.0
    if run.counted == 1 and run.around >= p[SIZE]:
        run.counted = 2
        cell.pulled_d = max(0.0, cell.pulled_d - 1.0)
        cell.spoof_d += 1.0
    if run.counted == 2 and run.levels >= p[LEVELS]:
        run.counted = 3
        cell.spoof_d = max(0.0, cell.spoof_d - 1.0)
        cell.layer_d += 1.0
    if cell.first == 0:
        cell.first = run.first


@njit(cache=True)
def _accept(tables, event, party, now, p):
    orders, symbol, side = tables.orders, np.int64(event.symbol), np.int64(event.side) - 1
    at = _cell_at(tables, party.account, symbol, now, p)
    order = orders[np.int64(event.order_id) & (orders.shape[0] - 1)]
    if order.id != 0 and order.leaves > 0:
        tables.counters[FORGOTTEN] += 1
    order.id, order.account, order.symbol, order.side = np.int64(event.order_id), np.int64(party.account), symbol, side
    order.price, order.qty, order.leaves, order.filled, order.t = event.price, event.qty, event.qty, 0, now
    row = tables.symbols[symbol]
    if at >= 0:
        cell = tables.cells[at]
        order.opposite = cell.filled[1 - side]
        cell.orders_d += 1.0
        _change_open(cell, side, np.int64(event.qty), now, p)
        if row.huge > 0.0:
            ratio = event.qty / row.huge
            if ratio > cell.over or now - cell.over_t > p[OVER_WINDOW]:
                cell.over, cell.over_t = ratio, now
    _learn_size(tables, symbol, event.qty, p)


@njit(cache=True)
def _close(tables, order, quantity, at, now, p):
    """`quantity` of the order is not open any more."""
    order.leaves -= quantity
    if at >= 0:
        _change_open(tables.cells[at], order.side, -quantity, now, p)


@njit(cache=True)
def _fill(tables, order_id, account, symbol, side, quantity, now, p):
    """One side of a trade; returns the place of the cell."""
    at = _cell_at(tables, account, symbol, now, p)
    order = tables.orders[np.int64(order_id) & (tables.orders.shape[0] - 1)]
    if order.id == np.int64(order_id):
        order.filled += quantity
        _close(tables, order, quantity, at, now, p)
        if order.leaves <= 0:
            order.id = 0
    if at >= 0:
        tables.cells[at].filled[side] += quantity
        tables.cells[at].traded_d += quantity
    return at


@njit(cache=True)
def _trade(tables, event, party, now, p):
    symbol, side, quantity = np.int64(event.symbol), np.int64(event.side) - 1, np.int64(event.qty)
    taker = _fill(tables, event.order_id, party.account, symbol, side, quantity, now, p)
    maker = _fill(tables, event.maker_id, party.other, symbol, 1 - side, quantity, now, p)
    taker = _cell_at(tables, party.account, symbol, now, p)  # making room for the maker may have moved it
    if party.account == party.other:
        if taker >= 0:
            cell = tables.cells[taker]
            cell.traded_d -= quantity  # both sides are the account's: the quantity counts once
            cell.self_d += quantity
            cell.selfs_d += 1.0
            if cell.first == 0:
                cell.first = now
    elif maker >= 0:
        _note_pair(tables, party.account, party.other, symbol, side, quantity, now, p)
    row = tables.symbols[symbol]
    if not event.flags & FLAG_AUCTION:
        _note_taking(tables, taker, row, side, event.price, quantity, now, p)
    row.last = event.price


@njit(cache=True)
def _note_pair(tables, account, other, symbol, side, quantity, now, p):
    low, high = min(account, other), max(account, other)
    key = cell_key(low, high)
    at = _find_pair(tables.pairs, key, symbol)
    if tables.pairs[at].key == 0:
        if tables.counters[PAIRS_USED] * 4 >= tables.pairs.shape[0] * 3:
            _make_room(tables, now, p[HALF_TRADES])
            if tables.counters[PAIRS_USED] * 4 >= tables.pairs.shape[0] * 3:
                tables.counters[UNWATCHED] += 1
                return
            at = _find_pair(tables.pairs, key, symbol)
        tables.counters[PAIRS_USED] += 1
        pair = tables.pairs[at]
        pair.key, pair.symbol, pair.t, pair.first = key, symbol, now, now
        pair.up_d, pair.down_d, pair.trades_d, pair.touched = 0.0, 0.0, 0.0, 0
    pair = tables.pairs[at]
    fade = 2.0 ** (-np.float64(now - pair.t) / p[HALF_TRADES])
    if fade < 0.25:  # so long ago that it is another matter
        pair.first = now
    pair.up_d, pair.down_d, pair.trades_d, pair.t = (
        pair.up_d * fade,
        pair.down_d * fade,
        pair.trades_d * fade + 1.0,
        now,
    )
    if (account == low) == (side == 0):
        pair.up_d += quantity
    else:
        pair.down_d += quantity
    if pair.touched == 0:
        pair.touched = 1
        tables.touched_pairs[tables.counters[PAIRS_TOUCHED]] = at
        tables.counters[PAIRS_TOUCHED] += 1


@njit(cache=True)
def _note_taking(tables, at, row, side, price, quantity, now, p):
    """Who moves the price: a taker that trades beyond the last taker of its side has moved it by the difference.

    Comparing with takers of the same side leaves out the jumps between bid and ask.
    """
    fade = 2.0 ** (-np.float64(now - row.t) / p[HALF_IMPACT])
    row.t = now
    for i in range(2):
        row.aggressive_d[i] *= fade
        row.impact_d[i] *= fade
    before = row.taken[side]
    row.taken[side] = price
    row.aggressive_d[side] += quantity
    moved = 0.0
    if before > 0:
        moved = (price - before) / before if side == 0 else (before - price) / before
    if moved > 0.0:
        row.impact_d[side] += moved
    if at >= 0:
        cell = tables.cells[at]
        cell.aggressive_d[side] += quantity
        if moved > 0.0:
            cell.impact_d[side] += moved
            cell.takes_d[side] += 1.0


@njit(cache=True)
def _leave(tables, event, party, now, p, withdrawn):
    """CANCELLED, or the old form of a REPLACED."""
    order = tables.orders[np.int64(event.order_id) & (tables.orders.shape[0] - 1)]
    if order.id != np.int64(event.order_id):
        return
    at = _cell_at(tables, order.account, order.symbol, now, p)
    removed = order.leaves
    _close(tables, order, removed, at, now, p)
    if withdrawn and at >= 0 and tables.symbols[order.symbol].phase == CONTINUOUS:
        _withdraw(tables, at, order, removed, now, p)
    order.id = 0


@njit(cache=True)
def _replace(tables, event, party, now, p):
    order = tables.orders[np.int64(event.order_id) & (tables.orders.shape[0] - 1)]
    if order.id != np.int64(event.order_id):
        return
    moved = order.price != event.price or event.qty * 4 < order.leaves
    placed, filled, quantity = order.t, order.filled, order.qty
    _leave(tables, event, party, now, p, moved)
    at = _cell_at(tables, order.account, order.symbol, now, p)
    order.id, order.price, order.leaves = np.int64(event.order_id), event.price, event.qty
    if moved:
        order.t, order.filled, order.qty = now, 0, event.qty
        if at >= 0:
            order.opposite = tables.cells[at].filled[1 - order.side]
    else:
        order.t, order.filled, order.qty = placed, filled, quantity
    if at >= 0:
        _change_open(tables.cells[at], order.side, np.int64(event.qty), now, p)


@njit(cache=True)
def _phase(tables, event, now):
    """A closing auction is one that continuous trading went into."""
    count = tables.symbols.shape[0]
    first, last = np.int64(event.symbol), np.int64(event.symbol) + 1
    if event.symbol == EVERY_SYMBOL:
        first, last = 0, count
    for symbol in range(first, min(last, count)):
        row = tables.symbols[symbol]
        if event.price == LOCKED and row.phase == CONTINUOUS:
            row.closing = now
            tables.counters[CLOSINGS] += 1
        elif event.price != LOCKED:
            row.closing = 0
        if event.price <= 4:
            row.phase = event.price


@njit(cache=True)
def absorb(tables, events, parties, times, p):
    """Take EVENT records with their PARTY records and i8 times (ns) into the tables. `p`: see `parameters`."""
    count = tables.symbols.shape[0]
    for i in range(events.shape[0]):
        event, party, now = events[i], parties[i], times[i]
        tables.counters[EVENTS] += 1
        kind = event.kind
        if kind == PHASE:
            _phase(tables, event, now)
        elif event.symbol >= count:
            continue
        elif kind == ACCEPTED:
            _accept(tables, event, party, now, p)
        elif kind == TRADE:
            _trade(tables, event, party, now, p)
        elif kind == CANCELLED:
            _leave(tables, event, party, now, p, event.reason == USER)
        elif kind == REPLACED:
            _replace(tables, event, party, now, p)
