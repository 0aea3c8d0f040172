"""Symbols of a shard: rows of the matching contract's symbol table with the board's rules."""

from __future__ import annotations

from typing import Any

import numpy as np

from trading_sim.market.boards import BOARDS

SEED = 20_260_101


def symbols_for_shard(shard: int) -> list[dict[str, Any]]:
    """About 40 rows; the index is the symbol. Codes of different shards never meet; prices come from a generator seeded by the shard."""
    generator = np.random.default_rng((SEED, shard))
    rows: list[dict[str, Any]] = []
    for board in BOARDS:
        low, high = np.log(board.prices)
        references = np.exp(generator.uniform(low, high, board.count)).round().astype(int)
        for position, reference in enumerate(references.tolist()):
            rows.append(
                {
                    "code": f"{board.code_from + shard * board.count + position:06d}",
                    "board": board.name,
                    "reference": reference,
                    "low": (reference * (1_000_000 - board.band_ppm) + 500_000) // 1_000_000,
                    "high": (reference * (1_000_000 + board.band_ppm) + 500_000) // 1_000_000,
                    "lot": board.lot,
                    "band_ppm": board.band_ppm,
                    "commission_ppm": board.commission_ppm,
                    "stamp_ppm": board.stamp_ppm,
                    "same_day": board.same_day,
                }
            )
    return rows
