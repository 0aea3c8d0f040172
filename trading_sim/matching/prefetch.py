"""Asking memory early for what the commands ahead will touch, so that a large market waits less.

A prefetch changes nothing but time: addresses follow from the commands and from the books as they stand now, and a wrong guess
only fetches a line in vain. It helps where books, orders and positions are larger than the processor's cache and costs a little
where they are not, so `worthwhile` decides by their size.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from trading_sim.jit import inlined
from trading_sim.matching.ladder import tick_of

COMMAND_WORDS = 5
LOW_HALF = np.uint64(0xFFFFFFFF)
NEW, CANCEL, REPLACE = 1, 2, 3
FAR, MIDDLE, NEAR = 12, 8, 4
"""Commands ahead at which records, what they point to, and what that points to are asked for."""

BYTES_AN_ORDER = 48
"""Memory that a resting order keeps busy: its record, its place in the index, its share of levels and bitmap."""

POSITION_BYTES = 32
LARGE = 3 << 20
"""Bytes in use from which on asking ahead gains more than it costs; measured with 1 MiB of second-level cache."""


@intrinsic
def fetch(typing_context, array, index):
    """Start loading `array[index]` for reading and writing. The index may be anything: a bad address is ignored."""

    def generate(context, builder, signature, arguments):
        view = context.make_array(signature.args[0])(context, builder, arguments[0])
        base = builder.ptrtoint(view.data, ir.IntType(64))
        place = builder.add(base, builder.mul(arguments[1], view.itemsize))
        pointer = builder.inttoptr(place, ir.IntType(8).as_pointer())
        name = "llvm.prefetch.p0"
        function = builder.module.globals.get(name)
        if function is None:
            number = ir.IntType(32)
            shape = ir.FunctionType(ir.VoidType(), [pointer.type, number, number, number])
            function = ir.Function(builder.module, shape, name)
        constant = [ir.Constant(ir.IntType(32), value) for value in (1, 3, 1)]
        builder.call(function, [pointer, *constant])
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


@inlined
def worthwhile(control, desk):
    """Whether what the commands work on is larger than the processor's own cache."""
    size = control.live * BYTES_AN_ORDER
    if desk is not None:
        size += desk.positions.size * POSITION_BYTES
    return size > LARGE


@inlined
def ahead(state, control, desk, commands, at, last):
    """Ask for what the commands behind the one at word `at` need; `last` is the first word behind the commands."""
    far = at + FAR * COMMAND_WORDS
    if far < last:
        fetch_records(state, control, desk, commands, far)
    middle = at + MIDDLE * COMMAND_WORDS
    if middle < last:
        fetch_order(state, control, commands, middle)
    near = at + NEAR * COMMAND_WORDS
    if near < last:
        fetch_around(state, control, desk, commands, near)


@inlined
def fetch_records(state, control, desk, commands, at):
    """What a command names itself: the books and the owner's position, or the place of its order."""
    codes = np.uint64(commands[at + 4])
    if (codes >> np.uint64(32)) & np.uint64(0xFF) == NEW:
        symbol = np.int64(np.uint64(commands[at + 3]) >> np.uint64(32))
        account = np.int64(codes & LOW_HALF)
        fetch(state.books, 2 * symbol)
        fetch(state.books, 2 * symbol + 1)
        if desk is not None and account < desk.row_of.size:
            row = np.int64(desk.row_of[account])
            fetch(desk.positions, symbol * desk.control[0].accounts + row)
            fetch(desk.accounts, row)
            fetch(desk.symbols, symbol)
    fetch(state.slot_of, commands[at + 1])


@inlined
def slot_ahead(state, control, order_id):
    """Slot of an order id as things stand, 0 for none."""
    if np.uint64(order_id) > np.uint64(control.max_order_id):
        return np.int64(0)
    return np.int64(state.slot_of[order_id])


@inlined
def fetch_order(state, control, commands, at):
    """What a NEW will rest at or meet, and the order that a CANCEL or REPLACE names."""
    codes = np.uint64(commands[at + 4]) >> np.uint64(32)
    if codes & np.uint64(0xFF) != NEW:
        fetch(state.orders, slot_ahead(state, control, commands[at + 1]))
        return
    symbol = np.int64(np.uint64(commands[at + 3]) >> np.uint64(32))
    if symbol >= control.symbols:
        return
    side = np.int64((codes >> np.uint64(8)) & np.uint64(1))
    book, other = state.books[2 * symbol + 1 - side], state.books[2 * symbol + side]
    tick = tick_of(book, commands[at + 2])
    fetch(state.levels, np.int64(book.levels) + tick)
    fetch(state.bitmap, book.words + (tick >> 6))
    fetch(state.levels, np.int64(other.levels) + np.int64(other.best))


@inlined
def fetch_around(state, control, desk, commands, at):
    """The neighbours of an order that will leave its queue, or the first order that a NEW would meet; and their owners."""
    codes = np.uint64(commands[at + 4]) >> np.uint64(32)
    if codes & np.uint64(0xFF) != NEW:
        slot = slot_ahead(state, control, commands[at + 1])
        order = state.orders[slot]
        fetch(state.orders, np.int64(order.next))
        fetch(state.orders, np.int64(order.prev))
        fetch(state.levels, np.int64(state.books[order.book].levels) + np.int64(order.tick))
        if desk is not None:
            fetch(desk.positions, (np.int64(order.book) >> 1) * desk.control[0].accounts + np.int64(order.row))
        return
    symbol = np.int64(np.uint64(commands[at + 3]) >> np.uint64(32))
    if symbol >= control.symbols:
        return
    side = np.int64((codes >> np.uint64(8)) & np.uint64(1))
    book, other = state.books[2 * symbol + 1 - side], state.books[2 * symbol + side]
    tick = tick_of(book, commands[at + 2])
    if book.pages < 0 and np.uint64(tick) < np.uint64(book.ticks):
        fetch(state.orders, np.int64(state.levels[np.int64(book.levels) + tick].tail))
    if other.pages < 0 and other.best >= 0:
        fetch(state.orders, np.int64(state.levels[np.int64(other.levels) + np.int64(other.best)].head))
