"""Two matching engines from PyPI on the same commands: what they trade, and how fast.

Both have limit orders and cancels only, so the driver does the rest as a user of them would: IOC is an order whose remainder is
cancelled, a replace is cancel and new order, or a change of the open quantity where that keeps the place in the queue.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import cython_orderbook
import numpy as np
from lightmatchingengine.lightmatchingengine import LightMatchingEngine

NEW, CANCEL = 1, 2
BUY = 1
IOC = 2
Fill = tuple[int, int, int, int]
"""Taker, maker, price, quantity."""


@dataclass(frozen=True)
class PeerRun:
    """Rate in commands per CPU second, and every fill in order."""

    rate: float
    fills: list[Fill]


def run_light(commands: np.ndarray) -> PeerRun:
    """`lightmatchingengine` over the commands of one symbol."""
    engine, orders, fills, names = LightMatchingEngine(), {}, [], {}
    rows = commands[["order_id", "price", "qty", "kind", "side", "tif"]].tolist()

    def enter(order_id: int, price: int, qty: int, side: int, tif: int) -> None:
        order, trades = engine.add_order(0, price, qty, side)
        orders[order_id] = order
        names[order.order_id] = order_id
        fills.extend(
            (order_id, trade.order_id, trade.trade_price, trade.trade_qty)
            for trade in trades
            if trade.trade_side != side
        )
        if tif == IOC and order.leaves_qty:
            engine.cancel_order(order.order_id, 0)

    began = time.thread_time()
    for order_id, price, qty, kind, side, tif in rows:
        if kind == NEW:
            enter(order_id, price, qty, side, tif)
            continue
        order = orders.get(order_id)
        if order is None or order.leaves_qty == 0:  # the engine itself fails on an order that is gone
            continue
        if kind == CANCEL:
            engine.cancel_order(order.order_id, 0)
        elif price == order.price and qty <= order.leaves_qty:
            order.leaves_qty = qty
        else:
            engine.cancel_order(order.order_id, 0)
            enter(order_id, price, qty, order.side, 1)
    spent = time.thread_time() - began
    return PeerRun(len(commands) / spent, [(taker, names[maker], price, qty) for taker, maker, price, qty in fills])


def run_cython(commands: np.ndarray) -> PeerRun:
    """`cython-orderbook` over the commands of one symbol."""
    book, orders, names = cython_orderbook.OrderBook(), {}, {}
    bid, ask = cython_orderbook.OrderSide.BID, cython_orderbook.OrderSide.ASK
    rows = commands[["order_id", "price", "qty", "kind", "side", "tif"]].tolist()

    def enter(order_id: int, price: int, qty: int, side: object, tif: int) -> None:
        order = cython_orderbook.Order(side=side, price=price, original_quantity=qty)
        orders[order_id] = order
        names[order.order_id] = order_id
        book.add_limit_order(order)
        if tif == IOC and order.remaining_quantity:
            book.cancel_order(order.order_id)

    began = time.thread_time()
    for order_id, price, qty, kind, side, tif in rows:
        if kind == NEW:
            enter(order_id, price, qty, bid if side == BUY else ask, tif)
            continue
        order = orders.get(order_id)
        if order is None:
            continue
        if kind == CANCEL:
            book.cancel_order(order.order_id)
        elif price == order.price and qty <= order.remaining_quantity:
            order.remaining_quantity = qty
        elif book.cancel_order(order.order_id):
            enter(order_id, price, qty, order.side, 1)
    spent = time.thread_time() - began
    fills = [
        (names[trade.aggressor_id], names[trade.filler_id], trade.price, trade.quantity_filled)
        for trade in book.trade_log
    ]
    return PeerRun(len(commands) / spent, fills)
