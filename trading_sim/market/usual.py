"""How large an order of a symbol usually is, as the market profile says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trading_sim.market.boards import BOARDS


def usual_sizes(symbols: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """i8[S] from the symbols' rows: shares or contracts, 0 for a board that has no profile."""
    lots = {board.name: board.quantity_lots for board in BOARDS}
    return np.array([lots.get(row.get("board", ""), 0) * row["lot"] for row in symbols], "i8")
