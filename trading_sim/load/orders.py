"""Orders of one tick: which customers, which symbols, which kind, at which price. Vectorised and seeded.

Every chain has a mix of styles around the fair price. A style says how far from it, on which side of it, and with which type and time in
force. About half of the orders are willing to trade at once, so trades happen all the time and rest the book at the same time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trading_sim.load.customers import BUY, CANCEL, NEW, REPLACE, SELL, Customers
from trading_sim.protocol.records import COMMAND

LIMIT, MARKET = 1, 2
DAY, IOC, FOK, POST_ONLY = 1, 2, 3, 4


@dataclass(frozen=True)
class Style:
    """`reach` > 0 pays up to so many units beyond the fair price, < 0 waits on the near side; a unit is 5 basis points."""

    name: str
    type: int
    tif: int
    reach: float


STYLES = (
    Style("quote", LIMIT, POST_ONLY, -3.0),
    Style("wait", LIMIT, DAY, -3.0),
    Style("join", LIMIT, DAY, 1.5),
    Style("take", LIMIT, DAY, 5.0),
    Style("sweep", LIMIT, IOC, 5.0),
    Style("whole", LIMIT, FOK, 6.0),
    Style("market", MARKET, IOC, 0.0),
)


@dataclass(frozen=True)
class Mix:
    """Which accounts use a chain, which boards they trade, and the weights of STYLES."""

    groups: tuple[str, ...]
    boards: tuple[str, ...]
    weights: tuple[float, ...]


SHARES = ("main", "growth")
MIXES = {
    "cash-order": Mix(("private",), SHARES, (0.02, 0.40, 0.16, 0.24, 0.05, 0.02, 0.11)),
    "institution-order": Mix(
        ("maker", "institution"), (*SHARES, "cross-border"), (0.36, 0.18, 0.10, 0.16, 0.14, 0.04, 0.02)
    ),
    "margin-order": Mix(("private",), SHARES, (0.0, 0.38, 0.20, 0.28, 0.06, 0.02, 0.06)),
    "options-order": Mix(("maker", "institution", "private"), ("options",), (0.24, 0.26, 0.14, 0.22, 0.08, 0.02, 0.04)),
}
CANCEL_CHAIN = "order-cancel"
#: Part of the cancel chain's requests that replace instead.
REPLACE_PART = 0.12
UNIT = 0.0005
SELLER_TRIES = 12


@dataclass
class Market:
    """Today's market of one shard: boards (names), lots and usual sizes, bands; all arrays of S symbols."""

    boards: list[str]
    lots: np.ndarray
    sizes: np.ndarray
    low: np.ndarray
    high: np.ndarray


def popularity(count: int) -> np.ndarray:
    """Zipf weights with exponent 0.8, summing to 1: a few symbols carry much of the flow."""
    weights = 1.0 / np.arange(1, count + 1) ** 0.8
    return weights / weights.sum()


class OrderMaker:
    """Orders of one shard's customers."""

    def __init__(
        self, market: Market, customers: Customers, groups: dict[str, np.ndarray], generator: np.random.Generator
    ):
        self.market = market
        self.customers = customers
        self._groups = groups  # group name → account ids
        self._generator = generator
        self._symbols = {
            chain: np.array([s for s, board in enumerate(market.boards) if board in mix.boards])
            for chain, mix in MIXES.items()
        }

    def new_orders(
        self, chain: str, count: int, fair: np.ndarray, trend: np.ndarray, accounts: np.ndarray, auction: bool
    ) -> np.ndarray:
        """`count` NEW commands of a chain by customers with accounts[id] true; in an auction only LIMIT DAY."""
        mix = MIXES[chain]
        members = np.concatenate([self._groups[name] for name in mix.groups])
        members = members[accounts[members]]
        symbols = self._symbols[chain]
        if count == 0 or not len(members) or not len(symbols):
            return np.zeros(0, dtype=COMMAND)
        generator = self._generator
        symbol = symbols[generator.choice(len(symbols), count, p=popularity(len(symbols)))]
        side = np.where(generator.random(count) < 0.5 + 0.04 * np.clip(trend[symbol], -3, 3), BUY, SELL)
        account, side = self._sides_that_can(members, symbol, side)
        style = generator.choice(len(STYLES), count, p=mix.weights)
        if auction:
            style = np.where(style % 2 == 0, 1, 3)  # wait or take, the two limits that an auction is made of
        orders = np.zeros(count, dtype=COMMAND)
        orders["kind"], orders["symbol"], orders["account"], orders["side"] = NEW, symbol, account, side
        orders["type"] = np.array([s.type for s in STYLES])[style]
        orders["tif"] = np.array([s.tif for s in STYLES])[style]
        orders["price"] = self._prices(fair[symbol], side, np.array([s.reach for s in STYLES])[style], symbol)
        orders["price"][orders["type"] == MARKET] = 0
        lots = np.minimum(generator.geometric(1.0 / self.market.sizes[symbol]), 10 * self.market.sizes[symbol])
        lot = self.market.lots[symbol]
        owned = self.customers.sellable[account, symbol] // lot
        orders["qty"] = np.maximum(np.where(side == SELL, np.minimum(lots, owned), lots), 1) * lot
        return orders

    def _sides_that_can(
        self, members: np.ndarray, symbol: np.ndarray, side: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Accounts for the orders: a seller holds the symbol, a buyer has cash; where no try finds one, the side turns."""
        tries = members[self._generator.integers(0, len(members), (len(symbol), SELLER_TRIES))]
        can_sell = self.customers.sellable[tries, symbol[:, None]] >= self.market.lots[symbol][:, None]
        can_buy = self.customers.has_cash[tries]
        sells = side == SELL
        side = np.where(sells & ~can_sell.any(axis=1), BUY, side)
        side = np.where(~sells & ~can_buy.any(axis=1), SELL, side)
        able = np.where((side == SELL)[:, None], can_sell, can_buy)
        return tries[np.arange(len(symbol)), able.argmax(axis=1)], side

    def _prices(self, fair: np.ndarray, side: np.ndarray, reach: np.ndarray, symbol: np.ndarray) -> np.ndarray:
        spread = self._generator.exponential(np.abs(reach)) * UNIT * fair
        away = np.where(side == BUY, 1.0, -1.0) * np.sign(reach) * np.maximum(spread, 0.5)
        prices = np.rint(fair + away).astype(np.int64)
        banded = self.market.high[symbol] > 0
        inside = np.clip(prices, self.market.low[symbol], self.market.high[symbol])
        return np.maximum(np.where(banded, inside, prices), 1)

    def changes(self, count: int, fair: np.ndarray, accounts: np.ndarray) -> np.ndarray:
        """Up to `count` CANCEL and REPLACE commands for open orders of customers with accounts[id] true."""
        picked = self.customers.pick_open(self._generator, count, accounts)
        orders = np.zeros(len(picked), dtype=COMMAND)
        replaces = self._generator.random(len(picked)) < REPLACE_PART
        for position, order_id in enumerate(picked):
            account, symbol, side, price, leaves = self.customers.open[order_id]
            order = orders[position]
            order["order_id"], order["account"], order["symbol"], order["side"] = order_id, account, symbol, side
            order["type"], order["tif"] = LIMIT, DAY
            if replaces[position] and price > 0:
                near = self._prices(fair[[symbol]], np.array([side]), np.array([-1.0]), np.array([symbol]))
                order["kind"], order["price"], order["qty"] = REPLACE, near[0], leaves
            else:
                order["kind"], order["price"], order["qty"] = CANCEL, price, leaves
        return orders
