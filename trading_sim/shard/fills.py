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
        used = self._ring[: min(self.total, CAPACITY)]
        places = np.flatnonzero((used["account"] == account) | (used["other"] == account))
        age = (places - self.total) % CAPACITY if self.total > CAPACITY else places
        newest = places[np.argsort(age, kind="stable")][-MAX_LISTED:]
        listed: list[dict[str, Any]] = []
        for row in used[newest].tolist():
            fill = dict(zip(FILL.names, row, strict=True))
            side = Side(fill["side"])
            if fill["account"] == account:
                listed.append(_fill(fill, fill["order_id"], side))
            if fill["other"] == account:
                listed.append(_fill(fill, fill["maker_id"], Side(Side.BUY + Side.SELL - side)))
        return listed[-MAX_LISTED:]


def _fill(fill: dict[str, int], order_id: int, side: Side) -> dict[str, Any]:
    return {
        "seq": fill["seq"],
        "order_id": order_id,
        "symbol": fill["symbol"],
        "side": side.name,
        "price": fill["price"],
        "quantity": fill["qty"],
        "auction": bool(fill["flags"] & FLAG_AUCTION),
    }
