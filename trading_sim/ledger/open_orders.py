"""Which orders are open, worked out from events alone."""

from __future__ import annotations

import numpy as np

from trading_sim.matching.records import EventKind

ORDER = np.dtype([("price", "<i8"), ("qty", "<i8"), ("account", "<i8"), ("symbol", "<i4"), ("side", "<i4")])


class OpenOrders:
    """Orders by id, kept while their quantity is not zero."""

    def __init__(self) -> None:
        self.ids = np.empty(0, np.int64)
        self.rows = np.empty(0, ORDER)

    def add(self, events: np.ndarray, parties: np.ndarray) -> None:
        """Take in EVENT records with their parties, in order.

        The open quantity is that of an order's last ACCEPTED or REPLACED less what it traded since; CANCELLED ends it.
        """
        kind, order_id = events["kind"], events["order_id"].astype(np.int64)
        begins = (kind == EventKind.ACCEPTED) | (kind == EventKind.REPLACED)
        trades = np.flatnonzero(kind == EventKind.TRADE)
        maker_id = events["maker_id"].astype(np.int64)[trades]
        ids = np.union1d(self.ids, order_id[kind == EventKind.ACCEPTED])
        rows = np.zeros(len(ids), ORDER)
        rows[np.searchsorted(ids, self.ids)] = self.rows
        since = np.full(len(ids), -1)

        start = np.flatnonzero(begins)
        at = _place(ids, order_id[start], "REPLACED")
        since[at] = start  # of several, the last one stays
        rows["qty"][at], rows["price"][at] = events["leaves"][start], events["price"][start]
        for name in ("symbol", "side"):
            rows[name][at] = events[name][start]
        rows["account"][at] = parties["account"][start]

        for traded in (order_id[trades], maker_id):
            at = _place(ids, traded, "TRADE")
            counts = trades > since[at]
            np.subtract.at(rows["qty"], at[counts], events["qty"][trades][counts].astype(np.int64))
        ended = np.flatnonzero(kind == EventKind.CANCELLED)
        rows["qty"][_place(ids, order_id[ended], "CANCELLED")] = 0

        kept = rows["qty"] != 0
        self.ids, self.rows = ids[kept], rows[kept]


def _place(ids: np.ndarray, wanted: np.ndarray, kind: str) -> np.ndarray:
    """Places of order ids. Raises ValueError for one that no ACCEPTED began."""
    at = np.searchsorted(ids, wanted)
    unknown = at >= len(ids)
    unknown[~unknown] = ids[at[~unknown]] != wanted[~unknown]
    if unknown.any():
        raise ValueError(
            f"{kind} of order {wanted[unknown][0]}, which is not open: the events are not whole or not in order"
        )
    return at
