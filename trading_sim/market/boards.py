"""Market profiles: what differs between the boards that a shard trades.

Bands and lots as the Shenzhen exchange's trading rules have them (main board ±10 %, growth board ±20 %, lots of 100, shares bought
today sell tomorrow); sellers of shares pay the stamp duty of 0.05 % in force since 28 August 2023. The commission is the broker's own choice.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Board:
    """One profile. Prices in fen; rates in millionths; `same_day`: what is bought today may be sold today (T+0).

    `prices`: range of first reference prices; `count`: symbols per shard; `quantity_lots`: usual size of an order, in lots.
    """

    name: str
    code_from: int
    count: int
    band_ppm: int
    lot: int
    commission_ppm: int
    stamp_ppm: int
    same_day: bool
    prices: tuple[int, int]
    quantity_lots: int


BOARDS = (
    Board("main", 1000, 24, 100_000, 100, 250, 500, False, (500, 8_000), 3),
    Board("growth", 300_000, 12, 200_000, 100, 250, 500, False, (1_000, 15_000), 2),
    Board("options", 90_000_000, 4, 500_000, 1, 300, 0, True, (2_000, 20_000), 5),
)
