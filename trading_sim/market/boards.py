"""Market profiles: what differs between the boards that a shard trades.

Bands and lots as the Shenzhen exchange's trading rules have them (main board ±10 %, growth board ±20 %, lots of 100, shares bought
today sell tomorrow); sellers of shares pay the stamp duty of 0.05 % in force since 28 August 2023. The commission is the broker's own choice,
and so are the volatility interruptions of the A-share boards, which have none for single names: they are wide there. The cross-border board trades as
exchanges without price limits do: continuously only, behind a collar that follows the last trade. Funds are subscribed and redeemed at their
net asset value. An option's seller freezes a margin in millionths of the contract's value.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Board:
    """One profile. Prices in fen; rates in millionths; `same_day`: what is bought today may be sold today (T+0).

    `prices`: range of first reference prices; `count`: symbols per shard; `quantity_lots`: usual size of an order, in lots.
    `band_ppm`: price limits around the reference of the day, None for no limits. `breaker_ppm`: collar of the volatility
    interruption, 0 for none; with `breaker_follows` it follows the last trade instead of the last auction; a halted symbol reopens
    after `halt_s` seconds. `continuous_only`: no call auctions at open and close. `max_quantity` of one order, 0 for the shard's.
    `terms`: further keys of the symbol rows (multiplier, margin_ppm, min_notional …). `at_nav`: a fund, whose only price is
    its net asset value.
    """

    name: str
    code_from: int
    count: int
    band_ppm: int | None
    lot: int
    commission_ppm: int
    stamp_ppm: int
    same_day: bool
    prices: tuple[int, int]
    quantity_lots: int
    breaker_ppm: int = 0
    breaker_follows: bool = False
    halt_s: float = 0.0
    continuous_only: bool = False
    max_quantity: int = 0
    at_nav: bool = False
    terms: tuple[tuple[str, int], ...] = ()


BOARDS = (
    Board("main", 1000, 24, 100_000, 100, 250, 500, False, (500, 8_000), 3, breaker_ppm=70_000, halt_s=20.0),
    Board(
        "growth",
        300_000,
        12,
        200_000,
        100,
        250,
        500,
        False,
        (1_000, 15_000),
        2,
        breaker_ppm=120_000,
        halt_s=20.0,
        max_quantity=300_000,
    ),
    Board(
        "options",
        90_000_000,
        4,
        500_000,
        1,
        300,
        0,
        True,
        (2_000, 20_000),
        5,
        breaker_ppm=300_000,
        halt_s=20.0,
        terms=(("margin_ppm", 150_000),),
    ),
    Board(
        "cross-border",
        700_000,
        2,
        None,
        1,
        300,
        0,
        True,
        (2_000, 20_000),
        100,
        breaker_ppm=30_000,
        breaker_follows=True,
        halt_s=10.0,
        continuous_only=True,
    ),
    Board(
        "wealth",
        800_000,
        2,
        0,
        1,
        0,
        0,
        False,
        (100, 200),
        1_000,
        at_nav=True,
        terms=(("min_notional", 100_000), ("grade", 1)),
    ),
)
