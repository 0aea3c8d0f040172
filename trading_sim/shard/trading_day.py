"""What the end of a trading day decides: which orders expire, and the prices of tomorrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trading_sim.matching.records import EventKind
from trading_sim.protocol.records import EVENT, PARTY
from trading_sim.risk.desk import Desk
from trading_sim.risk.loops import expire

EXPIRED = 17
"""Event reason of an order that the end of the day removed."""


def expire_orders(desk: Desk, resting: np.ndarray, seq: int) -> tuple[np.ndarray, np.ndarray]:
    """Release what the resting orders (snapshot.RESTING) hold.

    One CANCELLED event each, ascending, with the order's own price, side and open quantity (ids of the day), and the parties.
    """
    orders = resting[np.argsort(resting["order_id"], kind="stable")]
    expire(desk, orders, desk.row_of[orders["account"]])
    events, parties = np.zeros(len(orders), EVENT), np.zeros(len(orders), PARTY)
    for name in ("order_id", "price", "qty", "symbol", "side"):
        events[name] = orders[name]
    events["seq"], events["kind"], events["reason"] = seq, EventKind.CANCELLED, EXPIRED
    parties["account"] = orders["account"]
    return events, parties


def closing_rows(rows: Sequence[Mapping[str, Any]], last: np.ndarray) -> list[dict[str, Any]]:
    """Symbol rows of the next day: reference = last price, band = reference ± band_ppm rounded half up to a tick.

    A symbol without "band_ppm" keeps low and high; the band never reaches below one tick.
    """
    tomorrow = []
    for row, price in zip(rows, last.tolist(), strict=True):
        new = dict(row)
        new["reference"] = price
        if "band_ppm" in row:
            new["low"] = max(1, (price * (1_000_000 - row["band_ppm"]) + 500_000) // 1_000_000)
            new["high"] = max(new["low"], (price * (1_000_000 + row["band_ppm"]) + 500_000) // 1_000_000)
        tomorrow.append(new)
    return tomorrow
