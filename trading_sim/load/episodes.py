"""Episodes of manipulation: one script per pattern, seeded, with strengths that vary from hardly worth it to blatant.

Sizes are multiples of the symbol's usual order size. `draw` is the episode's own generator, so an episode does not depend on the flow around it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from trading_sim.load.episodes_script import BUY, IOC, SELL, Script, Wish, cancels, pause

Draw = np.random.Generator
Make = Callable[[tuple[int, ...], Draw], Callable[[], Script]]


def _opposite(side: int) -> int:
    return SELL if side == BUY else BUY


def spoofing(accounts: tuple[int, ...], draw: Draw) -> Callable[[], Script]:
    """One or two large orders behind the touch, a small trade on the other side, then the large ones vanish; 4 … 8 times."""
    return lambda: _bluff(accounts[0], draw, levels=int(draw.integers(1, 3)), size=float(draw.uniform(7, 20)))


def layering(accounts: tuple[int, ...], draw: Draw) -> Callable[[], Script]:
    """The same with a ladder of 3 … 6 middling orders."""
    levels = int(draw.integers(3, 7))
    return lambda: _bluff(accounts[0], draw, levels=levels, size=float(draw.uniform(8, 24)))


def _bluff(account: int, draw: Draw, levels: int, size: float) -> Script:
    side = int(draw.integers(BUY, SELL + 1))
    sign = -1 if side == BUY else 1
    quote = yield []
    for _ in range(int(draw.integers(4, 9))):
        while not (quote.bid and quote.ask and quote.continuous):
            quote = yield []
        far = 1 + int(draw.integers(0, 4))
        step = max(1, round(quote.last * 0.0005))
        ladder = [
            Wish(account, side, quote.kept(quote.touch(side) + sign * (far + i * step)), quote.lots(size / levels))
            for i in range(levels)
        ]
        quote = yield ladder
        quote = yield from pause(float(draw.uniform(0.3, 2.0)))
        real = Wish(account, _opposite(side), quote.touch(side), quote.lots(float(draw.uniform(0.7, 2.5))), tif=IOC)
        quote = yield [real]
        quote = yield from pause(float(draw.uniform(0.2, 1.5)))
        quote = yield cancels(ladder)
        quote = yield from pause(float(draw.uniform(2.6, 10.0)))


def wash(accounts: tuple[int, ...], draw: Draw) -> Callable[[], Script]:
    """With one account: it trades with itself; with two: to and fro. 5 … 14 trades inside the spread."""

    def script() -> Script:
        quote = yield []
        size = float(draw.uniform(0.8, 4.0))
        for turn in range(int(draw.integers(5, 15))):
            while quote.inside() is None or not quote.continuous:
                quote = yield []
            seller, buyer = accounts[turn % len(accounts)], accounts[(turn + 1) % len(accounts)]
            quote = yield _cross(seller, buyer, quote.inside() or quote.last, quote.lots(size * draw.uniform(0.8, 1.2)))
            quote = yield from pause(float(draw.uniform(0.8, 6.0)))

    return script


def _cross(seller: int, buyer: int, price: int, quantity: int) -> list[Wish]:
    return [Wish(seller, SELL, price, quantity), Wish(buyer, BUY, price, quantity, tif=IOC)]


def coordinated(accounts: tuple[int, ...], draw: Draw) -> Callable[[], Script]:
    """A ring of accounts: each trade between two of them, so that no pair stands out; 10 … 28 trades."""

    def script() -> Script:
        quote = yield []
        for turn in range(int(draw.integers(10, 29))):
            while quote.inside() is None or not quote.continuous:
                quote = yield []
            seller = accounts[turn % len(accounts)]
            buyer = accounts[(turn + int(draw.integers(1, len(accounts)))) % len(accounts)]
            size = quote.lots(float(draw.uniform(0.6, 3.0)))
            quote = yield _cross(seller, buyer, quote.inside() or quote.last, size)
            quote = yield from pause(float(draw.uniform(0.4, 2.5)))

    return script


def oversized(accounts: tuple[int, ...], draw: Draw) -> Callable[[], Script]:
    """One to three orders of a size that this symbol does not know."""

    def script() -> Script:
        quote = yield []
        for _ in range(int(draw.integers(1, 4))):
            side = int(draw.integers(BUY, SELL + 1))
            away = float(draw.uniform(0.001, 0.01)) * quote.last * (-1 if side == BUY else 1)
            size = quote.lots(float(draw.uniform(50, 160)))
            quote = yield [Wish(accounts[0], side, quote.kept(quote.touch(side) + away), size)]
            quote = yield from pause(float(draw.uniform(3, 15)))

    return script


def ramping(accounts: tuple[int, ...], draw: Draw) -> Callable[[], Script]:
    """Buys through the book again and again until the close (or sells), to leave the price elsewhere."""

    def script() -> Script:
        side = int(draw.integers(BUY, SELL + 1))
        sign = 1 if side == BUY else -1
        depth = int(draw.integers(2, 5))
        quote = yield []
        while quote.continuous:
            levels = quote.asks if side == BUY else quote.bids
            if levels:
                reach = levels[min(depth, len(levels)) - 1]
                size = max(quote.lots(1), sum(level[1] for level in levels[:depth]) // quote.lot * quote.lot)
                price = quote.kept(reach[0] + sign * max(1, round(quote.last * 0.0003)))
                quote = yield [Wish(accounts[0], side, price, min(size, quote.lots(12)), tif=IOC)]
            quote = yield from pause(float(draw.uniform(1.0, 4.0)))

    return script


#: pattern → (script, accounts it needs: least and most, group of customers)
MANIPULATIONS: dict[str, tuple[Make, int, int, str]] = {
    "spoofing": (spoofing, 1, 1, "private"),
    "layering": (layering, 1, 1, "private"),
    "wash": (wash, 1, 2, "private"),
    "coordinated": (coordinated, 4, 6, "private"),
    "oversized": (oversized, 1, 1, "institution"),
    "ramping": (ramping, 1, 1, "institution"),
}
