"""What the end of a trading day decides: which orders expire, and the price bands of tomorrow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trading_sim.ledger.book import Ledger
from trading_sim.matching.records import EVENT, EventKind


def expiry_events(ledger: Ledger, seq: int, reason: int) -> np.ndarray:
    """One CANCELLED event per open order, ascending, with the order's own price, side and open quantity (ids of the day)."""
    numbers = ledger.live_orders()
    orders = ledger.state.orders[numbers]
    events = np.zeros(len(numbers), dtype=EVENT)
    events["seq"] = seq
    events["order_id"] = numbers
    events["price"] = orders["price"]
    events["qty"] = orders["leaves"]
    events["symbol"] = orders["symbol"]
    events["side"] = orders["side"]
    events["kind"] = EventKind.CANCELLED
    events["reason"] = reason
    return events


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
