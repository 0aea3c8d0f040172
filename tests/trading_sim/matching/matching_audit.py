"""Checks of the invariants a core's own arrays must keep, and of what its events say about the orders."""

import numpy as np

from trading_sim.matching import layout
from trading_sim.matching.core import Core
from trading_sim.matching.records import Kind, Phase


def audit(core: Core) -> None:
    """Every level, link, bit, index entry, page and total of the core agrees with every other."""
    state, control = core._state, core._state.control[0]
    seen: list[int] = []
    pages: list[int] = []
    for index, book in enumerate(state.books):
        slots = _audit_book(state, index, book)
        seen += slots
        pages += _audit_pages(state, book)
    assert len(seen) == len(set(seen)) == control["live"]
    assert np.count_nonzero(state.slot_of) == len(seen)
    free = _chain(int(control["free"]), lambda slot: int(state.orders[slot]["next"]))
    assert sorted(seen + free) == list(range(1, int(control["top"]) + 1))
    free_pages = _chain(int(control["free_page"]), lambda page: int(state.levels[page << layout.PAGE_SHIFT]["head"]))
    assert len(pages + free_pages) == len(set(pages + free_pages))
    if (state.books["pages"] >= 0).any():
        unused = len(state.levels) // layout.PAGE_TICKS - int(control["next_page"])
        assert control["pages_left"] == len(free_pages) + unused
    for symbol in range(len(core.table)):
        bid, ask = core.best(symbol)
        assert core.phase(symbol) != Phase.CONTINUOUS or bid is None or ask is None or bid < ask


def _audit_book(state: layout.State, index: int, book: np.void) -> list[int]:
    used = _ticks_in_use(state, book)
    assert book["best"] == max(used, default=-1)
    slots: list[int] = []
    total = 0
    for tick in used:
        level = state.levels[_level(state, book, tick)]
        queue = _chain(int(level["head"]), lambda slot: int(state.orders[slot]["next"]))
        assert queue
        assert level["tail"] == queue[-1]
        for before, slot in zip([0, *queue], queue, strict=False):
            order = state.orders[slot]
            assert (order["prev"], order["tick"], order["book"]) == (before, tick, index)
            assert order["qty"] > 0
            assert state.slot_of[order["order_id"]] == slot
            total += int(order["qty"])
        slots += queue
    assert book["open"] == total
    return slots


def _ticks_in_use(state: layout.State, book: np.void) -> list[int]:
    """Set bits of the lowest layer, after checking that the layers above say the same."""
    layers = []
    for name, span in (("words", layout.BITS), ("groups", layout.GROUP_BITS), ("tops", layout.TOP_BITS)):
        count = -(-int(book["ticks"]) // span)
        words = state.bitmap[book[name] : book[name] + count]
        layers.append(np.unpackbits(words.view(np.uint8), bitorder="little"))
    for lower, upper in zip(layers, layers[1:], strict=False):
        assert np.array_equal(np.flatnonzero(upper), np.unique(np.flatnonzero(lower) >> 6))
    return np.flatnonzero(layers[0]).tolist()


def _level(state: layout.State, book: np.void, tick: int) -> int:
    if book["pages"] < 0:
        return int(book["levels"]) + tick
    page = int(state.directory[book["pages"] + (tick >> layout.PAGE_SHIFT)])
    assert page
    return (page << layout.PAGE_SHIFT) + tick % layout.PAGE_TICKS


def _audit_pages(state: layout.State, book: np.void) -> list[int]:
    if book["pages"] < 0:
        return []
    count = -(-int(book["ticks"]) // layout.PAGE_TICKS)
    entries = state.directory[book["pages"] : book["pages"] + count]
    used = {tick >> layout.PAGE_SHIFT for tick in _ticks_in_use(state, book)}
    assert set(np.flatnonzero(entries).tolist()) == used
    return entries[entries > 0].tolist()


def _chain(first: int, following) -> list[int]:
    chain: list[int] = []
    while first:
        chain.append(first)
        first = following(first)
        assert len(chain) < 1_000_000
    return chain


def check_quantities(commands: np.ndarray, events: np.ndarray, live: dict[int, int]) -> None:
    """Every accepted share was filled, cancelled or replaced away, or is open in `live` (order id → open quantity)."""
    kind_of = dict(zip(commands["seq"].tolist(), commands["kind"].tolist(), strict=True))
    open_qty: dict[int, int] = {}
    for seq, order_id, maker_id, _, qty, leaves, _, kind, _, _, _ in events.tolist():
        if kind in (1, 5):
            assert kind != 1 or order_id not in open_qty
            open_qty[order_id] = qty
        elif kind == 3:
            assert qty > 0
            open_qty[order_id] -= qty
            open_qty[maker_id] -= qty
            assert open_qty[order_id] == leaves
            assert open_qty[maker_id] >= 0
            if kind_of[seq] != Kind.PHASE and leaves > 0:
                assert open_qty[maker_id] == 0
        elif kind == 4:
            assert open_qty[order_id] == qty
            open_qty[order_id] = 0
        for each in (order_id, maker_id):
            if open_qty.get(each) == 0:
                del open_qty[each]
    assert open_qty == live
