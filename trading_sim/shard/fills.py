"""The last trades of the day, for queries: a ring of fixed size."""

from __future__ import annotations

from typing import Any

import numpy as np

from trading_sim.matching.records import FLAG_AUCTION, EventKind, Side
from trading_sim.protocol.records import EVENT

FILL = np.dtype([*((name, EVENT[name]) for name in EVENT.names), ("account", "<u4"), ("other", "<u4")])
"""A TRADE event with its parties, 56 bytes."""

CAPACITY = 16_384
MAX_LISTED = 200


class FillRing:
    """Keeps the newest CAPACITY trades of the day; older ones fall out."""

    def __init__(self) -> None:
        self._ring = np.zeros(CAPACITY, FILL)
        self.total = 0

    def clear(self) -> None:
        """A new day."""
        self.total = 0

    def add(self, events: np.ndarray, parties: np.ndarray) -> None:
        """Note the trades among EVENT records; `parties` are aligned with them."""
        trades = np.flatnonzero(events["kind"] == EventKind.TRADE)[-CAPACITY:]
        if not trades.size:
            return
        rows = np.empty(trades.size, FILL)
        rows.view("u1").reshape(-1, FILL.itemsize)[:, : EVENT.itemsize] = events.view("u1").reshape(-1, EVENT.itemsize)[
            trades
        ]
        rows["account"], rows["other"] = parties["account"][trades], parties["other"][trades]
        self._ring[(self.total + np.arange(trades.size)) % CAPACITY] = rows
        self.total += trades.size

    def rows(self) -> np.ndarray:
        """FILL records, oldest first."""
        if self.total <= CAPACITY:
            return self._ring[: self.total]
        return np.roll(self._ring, -(self.total % CAPACITY))

    def load(self, rows: np.ndarray, total: int) -> None:
        """Take over what `rows` gave when `total` trades had been noted."""
        self.total = total
        self._ring[(total - len(rows) + np.arange(len(rows))) % CAPACITY] = rows

    def of_account(self, account: int) -> list[dict[str, Any]]:
        """The newest fills of an account, oldest first, one for each side it had; order ids are the shard's."""
        rows = self.rows()
        mine = rows[(rows["account"] == account) | (rows["other"] == account)][-MAX_LISTED:]
        listed = []
        for row in mine:
            for owner, order_id, side in _sides(row):
                if owner == account:
                    listed.append(_fill(row, order_id, side))
        return listed[-MAX_LISTED:]


def _sides(row: np.void) -> tuple[tuple[int, int, Side], tuple[int, int, Side]]:
    side = Side(int(row["side"]))
    other = Side.SELL if side is Side.BUY else Side.BUY
    taker = (int(row["account"]), int(row["order_id"]), side)
    return taker, (int(row["other"]), int(row["maker_id"]), other)


def _fill(row: np.void, order_id: int, side: Side) -> dict[str, Any]:
    return {
        "seq": int(row["seq"]),
        "order_id": order_id,
        "symbol": int(row["symbol"]),
        "side": side.name,
        "price": int(row["price"]),
        "quantity": int(row["qty"]),
        "auction": bool(row["flags"] & FLAG_AUCTION),
    }
