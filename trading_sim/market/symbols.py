"""Symbols of a shard: rows of the matching contract's symbol table with the board's rules."""

from __future__ import annotations

from typing import Any

import numpy as np

from trading_sim.market.boards import BOARDS, Board

SEED = 20_260_101
MILLION = 1_000_000


def symbols_for_shard(shard: int) -> list[dict[str, Any]]:
    """About 44 rows; the index is the symbol. Codes of different shards never meet; prices come from a generator seeded by the shard."""
    generator = np.random.default_rng((SEED, shard))
    rows: list[dict[str, Any]] = []
    for board in BOARDS:
        low, high = np.log(board.prices)
        references = np.exp(generator.uniform(low, high, board.count)).round().astype(int)
        rows += [
            symbol_row(board, board.code_from + shard * board.count + position, reference)
            for position, reference in enumerate(references.tolist())
        ]
    return rows


def symbol_row(board: Board, code: int, reference: int) -> dict[str, Any]:
    """The row of one symbol: what the matching contract asks for, and the rules of its board."""
    row: dict[str, Any] = {
        "code": f"{code:06d}",
        "board": board.name,
        "reference": reference,
        "low": 0,
        "high": 0,
        "lot": board.lot,
        "commission_ppm": board.commission_ppm,
        "stamp_ppm": board.stamp_ppm,
        "same_day": board.same_day,
        **dict(board.terms),
    }
    if board.band_ppm is not None:
        row["band_ppm"] = board.band_ppm
        row["low"] = (reference * (MILLION - board.band_ppm) + MILLION // 2) // MILLION
        row["high"] = (reference * (MILLION + board.band_ppm) + MILLION // 2) // MILLION
    if board.breaker_ppm:
        row |= {"breaker_ppm": board.breaker_ppm, "breaker_follows": int(board.breaker_follows), "halt_s": board.halt_s}
    if board.continuous_only:
        row["continuous_only"] = 1
    if board.max_quantity:
        row["max_quantity"] = board.max_quantity
    if board.at_nav:
        row["nav"] = reference
    return row
