"""Look-alikes: what looks like manipulation at a glance and is ordinary business. They make precision a real test."""

from __future__ import annotations

from collections.abc import Callable

from trading_sim.load.episodes import Draw, Make
from trading_sim.load.episodes_script import BUY, IOC, SELL, Script, Wish, cancels, pause


def maker(accounts: tuple[int, ...], draw: Draw) -> Callable[[], Script]:
    """Quotes both sides in size and takes the quotes back all the time; trades when somebody hits them. Looks like spoofing."""

    def script() -> Script:
        account, quote = accounts[0], (yield [])
        for _ in range(int(draw.integers(30, 80))):
            while not (quote.bid and quote.ask and quote.continuous):
                quote = yield []
            size, wide = float(draw.uniform(3, 12)), int(draw.integers(0, 3))
            both = [
                Wish(account, BUY, quote.kept(quote.bid - wide), quote.lots(size * draw.uniform(0.8, 1.2))),
                Wish(account, SELL, quote.kept(quote.ask + wide), quote.lots(size * draw.uniform(0.8, 1.2))),
            ]
            quote = yield both
            quote = yield from pause(float(draw.uniform(0.5, 2.0)))
            if draw.random() < 0.15:  # lays off what it got
                side = int(draw.integers(BUY, SELL + 1))
                price = quote.touch(SELL if side == BUY else BUY)
                quote = yield [Wish(account, side, price, quote.lots(float(draw.uniform(0.5, 2))), tif=IOC)]
            quote = yield cancels(both)

    return script


def inventory(accounts: tuple[int, ...], draw: Draw) -> Callable[[], Script]:
    """A maker that holds too much quotes one side only, in size, and moves the quote; now and then it still buys (or sells) a little."""

    def script() -> Script:
        account, side = accounts[0], int(draw.integers(BUY, SELL + 1))
        quote = yield []
        for _ in range(int(draw.integers(15, 40))):
            while not (quote.bid and quote.ask and quote.continuous):
                quote = yield []
            one = Wish(account, side, quote.touch(side), quote.lots(float(draw.uniform(2, 7))))
            quote = yield [one]
            quote = yield from pause(float(draw.uniform(1.0, 4.0)))
            if draw.random() < 0.08:
                other = SELL if side == BUY else BUY
                quote = yield [Wish(account, other, quote.touch(side), quote.lots(1), tif=IOC)]
            quote = yield cancels([one])

    return script


def two_desks(accounts: tuple[int, ...], draw: Draw) -> Callable[[], Script]:
    """Two desks of one institution trade the same symbol and meet by accident, two or three times among many trades. Looks like a wash."""

    def script() -> Script:
        account, meets = accounts[0], int(draw.integers(2, 4))
        quote = yield []
        turns = int(draw.integers(14, 30))
        meeting = set(draw.choice(turns, meets, replace=False).tolist())
        for turn in range(turns):
            while not (quote.bid and quote.ask and quote.continuous):
                quote = yield []
            side, inside = int(draw.integers(BUY, SELL + 1)), quote.inside()
            if turn in meeting and inside is not None:
                size = quote.lots(float(draw.uniform(0.5, 2)))
                quote = yield [Wish(account, SELL, inside, size), Wish(account, BUY, inside, size, tif=IOC)]
            else:
                price = quote.touch(SELL if side == BUY else BUY)
                quote = yield [Wish(account, side, price, quote.lots(float(draw.uniform(0.5, 3))), tif=IOC)]
            quote = yield from pause(float(draw.uniform(1, 5)))

    return script


def slicer(accounts: tuple[int, ...], draw: Draw) -> Callable[[], Script]:
    """An institution works a large order in slices and moves them after the price. Looks like frequent cancels."""

    def script() -> Script:
        side, account = int(draw.integers(BUY, SELL + 1)), accounts[0]
        quote = yield []
        for _ in range(int(draw.integers(8, 22))):
            while not quote.continuous:
                quote = yield []
            part = Wish(account, side, quote.kept(quote.touch(side)), quote.lots(float(draw.uniform(2, 9))))
            quote = yield [part]
            quote = yield from pause(float(draw.uniform(2.0, 8.0)))
            quote = yield cancels([part])

    return script


def undecided(accounts: tuple[int, ...], draw: Draw) -> Callable[[], Script]:
    """Places a large order, thinks better of it, trades a little the other way. Once or twice. Looks like spoofing."""

    def script() -> Script:
        side, account = int(draw.integers(BUY, SELL + 1)), accounts[0]
        quote = yield []
        for _ in range(int(draw.integers(1, 3))):
            sign = -1 if side == BUY else 1
            large = Wish(account, side, quote.kept(quote.touch(side) + sign), quote.lots(float(draw.uniform(6, 18))))
            quote = yield [large]
            quote = yield from pause(float(draw.uniform(2, 12)))
            if draw.random() < 0.6:
                other = SELL if side == BUY else BUY
                quote = yield [Wish(account, other, quote.touch(side), quote.lots(1), tif=IOC)]
            quote = yield cancels([large])
            quote = yield from pause(float(draw.uniform(20, 60)))

    return script


def block(accounts: tuple[int, ...], draw: Draw) -> Callable[[], Script]:
    """One fund hands a position to another, in parts, always in the same direction. Looks like a wash trade."""

    def script() -> Script:
        quote = yield []
        for _ in range(int(draw.integers(3, 8))):
            while quote.inside() is None or not quote.continuous:
                quote = yield []
            price, size = quote.inside() or quote.last, quote.lots(float(draw.uniform(1, 5)))
            quote = yield [Wish(accounts[0], SELL, price, size), Wish(accounts[1], BUY, price, size, tif=IOC)]
            quote = yield from pause(float(draw.uniform(1, 6)))

    return script


def herd(accounts: tuple[int, ...], draw: Draw) -> Callable[[], Script]:
    """Several accounts follow the same advice at the same time and trade with the market. Looks like coordination."""

    def script() -> Script:
        side = int(draw.integers(BUY, SELL + 1))
        quote = yield []
        for _ in range(int(draw.integers(3, 8))):
            while not (quote.bid and quote.ask and quote.continuous):
                quote = yield []
            price = quote.touch(SELL if side == BUY else BUY)
            quote = yield [Wish(a, side, price, quote.lots(float(draw.uniform(0.5, 2)))) for a in accounts]
            quote = yield from pause(float(draw.uniform(3, 12)))

    return script


def large(accounts: tuple[int, ...], draw: Draw) -> Callable[[], Script]:
    """A large institution's orders: far above the usual size, and meant. Looks oversized."""

    def script() -> Script:
        quote = yield []
        for _ in range(int(draw.integers(2, 7))):
            side = int(draw.integers(BUY, SELL + 1))
            quote = yield [
                Wish(accounts[0], side, quote.kept(quote.touch(side)), quote.lots(float(draw.uniform(6, 32))))
            ]
            quote = yield from pause(float(draw.uniform(4, 15)))

    return script


def rebalancing(accounts: tuple[int, ...], draw: Draw) -> Callable[[], Script]:
    """Index funds all buy (or all sell) the same security until the close. Moves the price, and looks like ramping."""

    def script() -> Script:
        side = int(draw.integers(BUY, SELL + 1))
        quote = yield []
        while quote.continuous:
            account = accounts[int(draw.integers(0, len(accounts)))]
            taking = draw.random() < 0.6
            price = quote.touch(side if not taking else SELL if side == BUY else BUY)
            quote = yield [Wish(account, side, price, quote.lots(float(draw.uniform(1, 4))))]
            quote = yield from pause(float(draw.uniform(0.4, 1.6)))
        yield [Wish(a, side, quote.kept(quote.last), quote.lots(float(draw.uniform(4, 12)))) for a in accounts]

    return script


#: name → (script, accounts it needs: least and most, group of customers)
LOOK_ALIKES: dict[str, tuple[Make, int, int, str]] = {
    "maker": (maker, 1, 1, "maker"),
    "inventory": (inventory, 1, 1, "maker"),
    "two_desks": (two_desks, 1, 1, "institution"),
    "slicer": (slicer, 1, 1, "institution"),
    "undecided": (undecided, 1, 1, "private"),
    "block": (block, 2, 2, "institution"),
    "herd": (herd, 4, 6, "private"),
    "large": (large, 1, 1, "institution"),
    "rebalancing": (rebalancing, 4, 7, "institution"),
}
