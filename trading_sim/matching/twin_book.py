"""Books of the executable specification: dicts, deques and the price of an auction."""

from __future__ import annotations

from collections import deque

from trading_sim.matching.records import Phase, Side

MILLION = 1_000_000


class Order:
    """An order with its open quantity."""

    __slots__ = ("account", "order_id", "price", "qty", "side", "symbol")

    def __init__(self, order_id: int, symbol: int, side: int, price: int, qty: int, account: int) -> None:
        self.order_id = order_id
        self.symbol = symbol
        self.side = side
        self.price = price
        self.qty = qty
        self.account = account


class Book:
    """Resting orders of one symbol: for each side a dict from price to the queue of orders at that price.

    Its breaker has an `anchor` price and a collar of `ppm` millionths of it on either side; 0 is no breaker.
    """

    def __init__(self, anchor: int = 0, ppm: int = 0) -> None:
        self.phase: int = Phase.CONTINUOUS
        self.queues: dict[int, dict[int, deque[Order]]] = {Side.BUY: {}, Side.SELL: {}}
        self.anchor = anchor
        self.ppm = ppm

    def within_collar(self, price: int) -> bool:
        """Whether an order may execute at `price` in continuous trading."""
        return self.ppm == 0 or abs(price - self.anchor) <= self.anchor * self.ppm // MILLION

    def best(self, side: int) -> int | None:
        """Highest bid or lowest ask."""
        prices = self.queues[side]
        if not prices:
            return None
        return max(prices) if side == Side.BUY else min(prices)

    def prices(self, side: int) -> list[int]:
        """Prices of one side, best first."""
        return sorted(self.queues[side], reverse=side == Side.BUY)

    def append(self, order: Order) -> None:
        """Put the order at the tail of its price."""
        self.queues[order.side].setdefault(order.price, deque()).append(order)

    def remove(self, order: Order) -> None:
        """Take the order out of its queue; an empty queue goes too."""
        queue = self.queues[order.side][order.price]
        queue.remove(order)
        if not queue:
            del self.queues[order.side][order.price]

    def volume(self, side: int, price: int) -> int:
        """Open quantity of one side at prices that cross `price`."""
        return sum(o.qty for p, queue in self.queues[side].items() if not_worse(side, p, price) for o in queue)


def not_worse(side: int, price: int, limit: int) -> bool:
    """Whether a resting `price` of `side` satisfies a counterpart whose limit is `limit`."""
    return price >= limit if side == Side.BUY else price <= limit


def opposite(side: int) -> int:
    """The other side."""
    return Side.SELL if side == Side.BUY else Side.BUY


def uncross_price(book: Book, reference: int) -> int | None:
    """The price at which an auction executes, None when nothing can trade.

    Largest executable volume, then smallest imbalance, then closest to `reference`, then the higher price.
    """
    candidates = []
    for price in {*book.queues[Side.BUY], *book.queues[Side.SELL]}:
        bid, ask = book.volume(Side.BUY, price), book.volume(Side.SELL, price)
        candidates.append((min(bid, ask), -abs(bid - ask), -abs(price - reference), price))
    if not candidates:
        return None
    volume, _, _, price = max(candidates)
    return price if volume else None
