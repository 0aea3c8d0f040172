"""The limits a shard starts with; rules in the journal change them."""

from __future__ import annotations

from dataclasses import dataclass, fields

from trading_sim.ledger.records import LARGEST_AMOUNT, LARGEST_QUANTITY

LARGEST_ORDER = 1_000_000_000


@dataclass(frozen=True)
class RiskLimits:
    """Limits of every account and symbol of a shard that has none of its own.

    max_quantity: shares of one order; max_notional: fen of one order (a MARKET order counts at the upper band);
    max_position: shares of one symbol in one account;
    collar_ppm: how far beyond the last price a LIMIT may go in continuous trading, in millionths;
    rate_max orders per account in each window of rate_window_ns (windows start at multiples of it).
    Margin, in millionths: initial_ppm of a debt must be covered by equity to borrow more; assets below maintenance_ppm of the debt
    let an account only close; interest_ppm of a debt is charged each day; collateral_ppm of the value of shares counts.
    """

    max_quantity: int = 1_000_000
    max_notional: int = 500_000_000_00
    max_position: int = LARGEST_QUANTITY
    collar_ppm: int = 50_000
    rate_max: int = 200
    rate_window_ns: int = 1_000_000_000
    initial_ppm: int = 1_000_000
    maintenance_ppm: int = 1_300_000
    interest_ppm: int = 220
    collateral_ppm: int = 700_000

    def __post_init__(self) -> None:
        for name in ("max_quantity", "max_notional", "max_position", "rate_max", "rate_window_ns", "initial_ppm"):
            if getattr(self, name) < 1:
                raise ValueError(f"risk limit {name} is {getattr(self, name)}: it must be at least 1")
        for name, most in (
            ("max_quantity", LARGEST_ORDER),
            ("max_notional", LARGEST_AMOUNT),
            ("max_position", LARGEST_QUANTITY),
        ):
            if getattr(self, name) > most:
                raise ValueError(f"risk limit {name} is {getattr(self, name)}: it must be at most {most}")
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.endswith("_ppm") and not 0 <= value <= 100_000_000:
                raise ValueError(f"risk limit {field.name} is {value}: it must be from 0 to 100,000,000")
