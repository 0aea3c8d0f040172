"""A book rebuilt from commands and events alone, which checks every event against what the contract promises.

It knows nothing of either engine: price-time priority, limits, quantities and phases are checked from the outside, message by message.
"""

from dataclasses import dataclass

import numpy as np

from trading_sim.matching.records import EVERY_SYMBOL, EventKind, Kind, OrderType, Phase, Reason, Side, Tif
from trading_sim.matching.symbols import SymbolTable

IN_AUCTION = (Phase.AUCTION, Phase.AUCTION_LOCKED)


@dataclass
class Resting:
    """An order as the outside knows it; `place` rises with its priority in time."""

    order_id: int
    symbol: int
    side: int
    price: int
    qty: int
    place: int


class Watcher:
    """Feed it every command with its events."""

    def __init__(self, table: SymbolTable) -> None:
        self.table = table
        self.orders: dict[int, Resting] = {}
        self.phases = [int(Phase.CONTINUOUS)] * len(table)
        self._places = 0

    def watch(self, command: np.void, events: np.ndarray) -> None:
        """Check the events of one command and take them over. Raises AssertionError."""
        assert (events["seq"] == command["seq"]).all()
        if len(events) and events["kind"][0] == EventKind.REJECTED:
            self._refused(command, events)
        elif command["kind"] == Kind.NEW:
            self._entered(command, events)
        elif command["kind"] == Kind.CANCEL:
            self._cancelled(command, events)
        elif command["kind"] == Kind.REPLACE:
            self._replaced(command, events)
        else:
            self._phases(command, events)
        for symbol in range(len(self.table)):
            bid, ask = self.best(symbol, Side.BUY), self.best(symbol, Side.SELL)
            if self.phases[symbol] == Phase.CONTINUOUS and bid and ask:
                assert bid.price < ask.price, f"the book of symbol {symbol} is crossed"

    def queue(self, symbol: int, side: int) -> list[Resting]:
        """Orders of a side, in the order in which they must trade."""
        sign = -1 if side == Side.BUY else 1
        found = [order for order in self.orders.values() if (order.symbol, order.side) == (symbol, side)]
        return sorted(found, key=lambda order: (sign * order.price, order.place))

    def best(self, symbol: int, side: int) -> Resting | None:
        """The next order of a side to trade."""
        queue = self.queue(symbol, side)
        return queue[0] if queue else None

    # -- one kind of command each -----------------------------------------------------------------------------------

    def _refused(self, command: np.void, events: np.ndarray) -> None:
        assert len(events) == 1
        assert events["reason"][0] != Reason.NONE
        if command["kind"] == Kind.CANCEL and int(command["order_id"]) in self.orders:
            order = self.orders[int(command["order_id"])]
            locked = self.phases[order.symbol] in (Phase.AUCTION_LOCKED, Phase.CLOSED)
            assert locked or order.symbol != command["symbol"], "a live order could not be cancelled"

    def _entered(self, command: np.void, events: np.ndarray) -> None:
        symbol, side = int(command["symbol"]), int(command["side"])
        assert events["kind"][0] == EventKind.ACCEPTED
        limit = None if command["type"] == OrderType.MARKET else int(command["price"])
        if self.table.has_band(symbol) and limit is not None:
            assert self.table.low[symbol] <= limit <= self.table.high[symbol]
        assert side != Side.BUY or command["qty"] % self.table.lot[symbol] == 0
        left, ended = self._taken(
            command, events[1:], int(command["order_id"]), symbol, side, limit, int(command["qty"])
        )
        may_rest = command["type"] == OrderType.LIMIT and command["tif"] in (Tif.DAY, Tif.POST_ONLY)
        if command["tif"] == Tif.FOK:
            assert left in (0, command["qty"]), "FOK is all or nothing"
        assert command["tif"] != Tif.POST_ONLY or left == command["qty"]
        if left and may_rest:
            assert not ended
            self._rest(int(command["order_id"]), symbol, side, int(command["price"]), left)
        assert may_rest or ended == (left > 0), "what may not rest is cancelled"

    def _replaced(self, command: np.void, events: np.ndarray) -> None:
        order = self.orders.pop(int(command["order_id"]))
        price, qty = int(command["price"]), int(command["qty"])
        assert events["kind"][0] == EventKind.REPLACED
        assert events["side"][0] == order.side
        if price == order.price and qty <= order.qty:
            assert len(events) == 1
            self.orders[order.order_id] = Resting(order.order_id, order.symbol, order.side, price, qty, order.place)
            return
        left, _ = self._taken(command, events[1:], order.order_id, order.symbol, order.side, price, qty)
        if left:
            self._rest(order.order_id, order.symbol, order.side, price, left)

    def _cancelled(self, command: np.void, events: np.ndarray) -> None:
        order = self.orders.pop(int(command["order_id"]))
        assert self.phases[order.symbol] in (Phase.AUCTION, Phase.CONTINUOUS)
        event = events[0]
        assert (len(events), event["price"], event["qty"]) == (1, order.price, order.qty)

    def _phases(self, command: np.void, events: np.ndarray) -> None:
        wanted, symbol = int(command["price"]), int(command["symbol"])
        reached = range(len(self.table)) if symbol == EVERY_SYMBOL else [symbol]
        told = events[events["kind"] == EventKind.PHASE]["symbol"].tolist()
        assert told == list(reached)
        for each in reached:
            mine = events[events["symbol"] == each]
            trades = mine[mine["kind"] == EventKind.TRADE]
            if self.phases[each] in IN_AUCTION and wanted not in IN_AUCTION:
                self._uncrossed(each, trades)
            else:
                assert len(trades) == 0
            self.phases[each] = wanted

    # -- trades -----------------------------------------------------------------------------------------------------

    def _rest(self, order_id: int, symbol: int, side: int, price: int, qty: int) -> None:
        self._places += 1
        self.orders[order_id] = Resting(order_id, symbol, side, price, qty, self._places)

    def _fill(self, order: Resting, qty: int) -> None:
        assert 0 < qty <= order.qty
        order.qty -= qty
        if order.qty == 0:
            del self.orders[order.order_id]

    def _taken(
        self, command: np.void, events: np.ndarray, taker: int, symbol: int, side: int, limit: int | None, qty: int
    ) -> tuple[int, bool]:
        """Trades of an incoming order, best and earliest first; returns what is left and whether that was cancelled."""
        opposite, ended = Side.BUY + Side.SELL - side, False
        assert self.phases[symbol] == Phase.CONTINUOUS or not len(events), "nothing trades outside continuous trading"
        for event in events:
            if event["kind"] == EventKind.CANCELLED:
                assert event["qty"] == qty
                ended = True
                continue
            maker = self.best(symbol, opposite)
            assert event["kind"] == EventKind.TRADE
            assert maker is not None
            assert (event["order_id"], event["maker_id"]) == (taker, maker.order_id), (
                "a better or earlier order was skipped"
            )
            assert event["price"] == maker.price
            assert limit is None or (maker.price <= limit if side == Side.BUY else maker.price >= limit)
            traded = int(event["qty"])
            assert traded == min(qty, maker.qty)
            qty -= traded
            assert event["leaves"] == qty
            self._fill(maker, traded)
        maker = self.best(symbol, opposite)
        crosses = maker and (limit is None or (maker.price <= limit if side == Side.BUY else maker.price >= limit))
        fok = command["kind"] == Kind.NEW and command["tif"] == Tif.FOK
        if self.phases[symbol] == Phase.CONTINUOUS and qty and not fok:
            assert not crosses, "it could have gone on trading"
        return qty, ended

    def _uncrossed(self, symbol: int, trades: np.ndarray) -> None:
        bids, asks = self.queue(symbol, Side.BUY), self.queue(symbol, Side.SELL)
        price = chosen_price(bids, asks, int(self.table.reference[symbol]))
        volume = executable(bids, asks, price)[0] if price is not None else 0
        assert {int(each) for each in trades["price"]} == (set() if price is None else {price}), (
            "one price, the right one"
        )
        assert (trades["flags"] == 1).all()
        for trade in trades:
            buy, sell = self.best(symbol, Side.BUY), self.best(symbol, Side.SELL)
            assert buy and sell
            assert (trade["order_id"], trade["maker_id"]) == (buy.order_id, sell.order_id), "best and earliest first"
            assert buy.price >= trade["price"] >= sell.price
            self._fill(buy, int(trade["qty"]))
            self._fill(sell, int(trade["qty"]))
        buy, sell = self.best(symbol, Side.BUY), self.best(symbol, Side.SELL)
        assert not (buy and sell and buy.price >= sell.price), "a crossed book remained"
        if price is not None:
            # One side executes whole at the price. The other is rationed by price, then time; where a tie was broken by the reference,
            # its last orders may be better than the price.
            bids_left, asks_left = bool(buy and buy.price >= price), bool(sell and sell.price <= price)
            assert not (bids_left and asks_left), "both sides kept orders that the price satisfies"
            assert sum(trades["qty"].tolist()) == volume


def executable(bids: list[Resting], asks: list[Resting], price: int) -> tuple[int, int]:
    """Executable volume and imbalance at a price."""
    bid = sum(order.qty for order in bids if order.price >= price)
    ask = sum(order.qty for order in asks if order.price <= price)
    return min(bid, ask), abs(bid - ask)


def chosen_price(bids: list[Resting], asks: list[Resting], reference: int) -> int | None:
    """The price of an auction by trying all; the volume is the largest of every price there is, resting or not."""
    candidates = sorted({order.price for order in (*bids, *asks)})
    if not bids or not asks:
        return None
    scored = []
    for price in candidates:
        volume, imbalance = executable(bids, asks, price)
        scored.append((volume, -imbalance, -abs(price - reference), price))
    best = max(scored)
    everywhere = range(candidates[0], candidates[-1] + 1) if candidates[-1] - candidates[0] < 200 else candidates
    assert best[0] == max(executable(bids, asks, price)[0] for price in everywhere), "another price executes more"
    return best[3] if best[0] else None
