"""The arrays a core works on, and how large they are for a symbol table.

Every book (one side of one symbol; book 2·symbol is BUY, 2·symbol+1 SELL) is a ladder of ticks. A tick is an index, not
a price: `tick = offset + sign * price`, chosen so that a better price always has the higher tick, on either side. So
one code path serves both sides and the best tick is always the highest one in use.

Zero means "nothing" everywhere (slot 0 and page 0 are never used), so fresh memory from the operating system is already
an empty book.
"""

from typing import NamedTuple

import numpy as np

from trading_sim.matching.records import Phase
from trading_sim.matching.symbols import SymbolTable

ORDER = np.dtype(
    [
        ("next", "<i4"),  # slot behind this one in its queue; in the free list: the next free slot
        ("prev", "<i4"),
        ("tick", "<i4"),
        ("book", "<i4"),
        ("qty", "<u4"),
        ("order_id", "<u4"),
        ("account", "<u4"),
        ("row", "<u4"),  # the owner's place in the desk's accounts; not used without a desk
    ]
)
"""A resting order, half a cache line."""

LEVEL = np.dtype([("head", "<i4"), ("tail", "<i4")])
"""The queue of one tick. Quantity and count are not kept: most cancels then touch no level at all."""

BOOK = np.dtype(
    [
        ("offset", "<i8"),
        ("sign", "<i4"),
        ("collar", "<i4"),  # lowest tick at which the breaker lets an order execute, -1 without a breaker
        ("lot", "<u8"),
        ("open", "<i8"),  # open quantity of the whole side
        ("best", "<i4"),  # highest tick in use, -1 for none
        ("ticks", "<i4"),
        ("levels", "<i4"),  # first level of a dense book
        ("pages", "<i4"),  # first directory entry of a paged book, -1 for a dense one
        ("words", "<i4"),  # first word of each of the three layers of the bitmap
        ("groups", "<i4"),
        ("tops", "<i4"),
        ("phase", "<i4"),
    ]
)
"""One side of a symbol, exactly a cache line."""

SYMBOL = np.dtype(
    [
        ("reference", "<i8"),
        ("anchor", "<i8"),  # price that the breaker's collar lies around
        ("ppm", "<i8"),  # width of the collar, 0 without a breaker
        ("band", "u1"),
        ("follows", "u1"),
        ("continuous_only", "u1"),
        ("unused", "u1", 5),
    ]
)
"""What only rare paths ask for."""

CONTROL = np.dtype(
    [
        ("free", "<i8"),  # head of the free list of slots
        ("top", "<i8"),  # highest slot ever used
        ("live", "<i8"),
        ("max_live", "<i8"),
        ("max_order_id", "<i8"),
        ("symbols", "<i8"),
        ("free_page", "<i8"),
        ("next_page", "<i8"),
        ("pages_left", "<i8"),
        ("written", "<i8"),  # events of the last run
    ]
)

PAGE_SHIFT = 9
PAGE_TICKS = 1 << PAGE_SHIFT
LARGEST_DENSE_BOOK = 16_384
"""Ticks up to which a book gets all its levels at once (128 KiB); a wider one takes pages as prices come into use."""

FIRST_PAGES = 64
BITS, GROUP_BITS, TOP_BITS = 64, 64**2, 64**3


class State(NamedTuple):
    """All arrays of a core. Only `levels` is ever replaced (it grows by pages)."""

    control: np.ndarray
    symbols: np.ndarray
    books: np.ndarray
    levels: np.ndarray
    directory: np.ndarray
    bitmap: np.ndarray
    orders: np.ndarray
    slot_of: np.ndarray


def touched(count: int, dtype: np.dtype) -> np.ndarray:
    """`count` zero records whose memory is really there: the first orders of the day do not wait for the operating system."""
    array = np.zeros(count, dtype)
    array.view("u1").fill(0)
    return array


def build(table: SymbolTable, max_order_id: int, max_live: int) -> State:
    """Empty books for every symbol of the table. Raises ValueError when the capacity is outside what an array holds."""
    if not 1 <= max_order_id < 2**32:
        raise ValueError(f"max_order_id must lie between 1 and {2**32 - 1}, not {max_order_id}")
    if not 1 <= max_live < 2**31 - 1:
        raise ValueError(f"max_live must lie between 1 and {2**31 - 2}, not {max_live}")
    books, dense_levels, directory_entries, bitmap_words = _books(table)
    first_page = max(-(-dense_levels // PAGE_TICKS), 1)
    pages = FIRST_PAGES if directory_entries else 0
    symbols = np.zeros(len(table), SYMBOL)
    symbols["reference"] = symbols["anchor"] = table.reference
    symbols["ppm"] = table.breaker_ppm
    symbols["follows"] = table.breaker_follows
    symbols["continuous_only"] = table.continuous_only
    symbols["band"] = table.high != 0
    control = np.zeros(1, CONTROL)
    control["max_live"] = max_live
    control["max_order_id"] = max_order_id
    control["symbols"] = len(table)
    control["next_page"] = first_page
    control["pages_left"] = pages if directory_entries else 1
    return State(
        control=control,
        symbols=symbols,
        books=books,
        levels=touched((first_page + pages) * PAGE_TICKS, LEVEL),
        directory=np.zeros(max(directory_entries, 1), np.int32),
        bitmap=touched(bitmap_words, np.uint64),
        orders=touched(max_live + 1, ORDER),
        slot_of=touched(max_order_id + 1, np.int32),
    )


def with_more_pages(state: State) -> State:
    """The same books with twice the pages for wide books; contents are kept."""
    control = state.control[0]
    used = int(control["next_page"])
    added = max(used, FIRST_PAGES)
    levels = np.zeros(len(state.levels) + added * PAGE_TICKS, LEVEL)
    levels[: len(state.levels)] = state.levels
    control["pages_left"] += added
    return state._replace(levels=levels)


def _books(table: SymbolTable) -> tuple[np.ndarray, int, int, int]:
    books = np.zeros(2 * len(table), BOOK)
    levels = entries = words = 0
    for index in range(len(books)):
        symbol, sell = divmod(index, 2)
        low, high = table.price_range(symbol)
        ticks = max(high - low + 1, 0)
        book = books[index]
        book["offset"], book["sign"] = (high, -1) if sell else (-low, 1)
        book["lot"] = 1 if sell else table.lot[symbol]
        book["best"], book["ticks"], book["phase"] = -1, ticks, Phase.CONTINUOUS
        book["pages"] = book["collar"] = -1
        if ticks <= LARGEST_DENSE_BOOK:
            book["levels"] = levels
            levels += ticks
        else:
            book["pages"] = entries
            entries += -(-ticks // PAGE_TICKS)
        for layer, span in (("words", BITS), ("groups", GROUP_BITS), ("tops", TOP_BITS)):
            book[layer] = words
            words += -(-ticks // span)
    return books, levels, entries, max(words, 1)
