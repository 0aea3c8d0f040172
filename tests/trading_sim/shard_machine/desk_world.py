"""A shard with everything: shares, an option, a fund; margin accounts, groups, limits of one's own; and random days on it."""

import numpy as np

from tests.trading_sim.shard_machine.machine_world import ALL, CANCEL, NEW, PHASE, REPLACE, Sequencer
from trading_sim.protocol.operator import OperatorKind, RuleField, RuleScope
from trading_sim.risk.limits import RiskLimits
from trading_sim.shard.config import ShardConfig
from trading_sim.shard.machine import SETTLE, ShardMachine

ACCOUNTS = [1, 2, 3, 4, 5, 9]
FEES = {"commission_ppm": 250, "stamp_ppm": 500}
SHARE = {"reference": 1000, "low": 900, "high": 1100, "lot": 100, "band_ppm": 100_000, **FEES}
OPTION = {"reference": 50, "low": 10, "high": 90, "lot": 1, "band_ppm": 800_000, "same_day": True, "multiplier": 100}
FUND = {"reference": 200, "low": 150, "high": 250, "lot": 10, "nav": 200, "min_notional": 4000, "grade": 2}
SYMBOLS = [
    SHARE,
    {
        **SHARE,
        "max_quantity": 900,
        "max_position": 2500,
        "breaker_ppm": 30_000,
        "margin_ppm": 1_300_000,
        "lendable": 900,
    },
    {**OPTION, "margin_ppm": 1_500_000, "commission_ppm": 300},
    FUND,
]


def rich_config(**changes) -> ShardConfig:
    """Account 3 borrows, 4 writes options, 1 and 2 belong together, 5 has limits of its own, 9 is suspended."""
    positions = {"0": 2000, "1": 900}
    accounts = [
        {"account": 1, "cash": 900_000, "positions": {**positions, "2": 40, "3": 500}, "group": 7, "grade": 3},
        {"account": 2, "cash": 400_000, "positions": positions, "group": 7},
        {"account": 3, "cash": 60_000, "positions": positions, "credit_line": 2_000_000, "grade": 2},
        {"account": 4, "cash": 700_000, "positions": {"2": 5}, "writes_options": True, "credit_line": 30_000},
        {"account": 5, "cash": 900_000, "positions": positions, "rate_max": 25, "max_notional": 250_000},
        {"account": 9, "cash": 1_000_000, "positions": positions, "status": 2},
    ]
    limits = RiskLimits(max_quantity=5000, max_notional=3_000_000, collar_ppm=80_000, rate_max=500, interest_ppm=300)
    values = {
        "shard": 0,
        "symbols": SYMBOLS,
        "accounts": accounts,
        "limits": limits,
        "max_order_id": 100_000,
        "max_live": 50_000,
    }
    return ShardConfig(**{**values, **changes})


class RandomDay:
    """Seeded commands that mostly hit: prices near the last, cancels of orders that may rest, now and then the operator."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.sequencer = Sequencer()
        self.owners: list[tuple[int, int, int]] = []

    def batch(self, count: int) -> np.ndarray:
        """COMMAND records of about `count` commands."""
        rows: list[dict] = []
        while len(rows) < count:
            rows += self._rows()
        return self.sequencer.batch(*rows)

    def _rows(self) -> list[dict]:
        rng = self.rng
        draw = rng.random()
        if draw < 0.70:
            return [self._new()]
        if draw < 0.93 and self.owners:
            return [self._change()]
        if draw < 0.96:
            return [{"kind": int(rng.choice([0, 8, 77])), "order_id": int(rng.integers(0, 50))}]
        if draw < 0.985:
            return [self._operation()]
        return self._phases()

    def _new(self) -> dict:
        rng = self.rng
        symbol, side, account = (
            int(rng.choice(5, p=[0.4, 0.2, 0.3, 0.09, 0.01])),
            int(rng.integers(1, 3)),
            int(rng.choice(ACCOUNTS)),
        )
        base, span, unit = ((1000, 40, 100), (1000, 40, 100), (50, 12, 1), (200, 1, 10), (5, 3, 1))[symbol]
        self.owners.append((account, symbol, side))
        return {
            "account": account,
            "symbol": symbol,
            "side": side,
            "price": base + int(rng.integers(-span, span + 1)) * int(rng.random() < 0.9 or span > 1),
            "qty": int(rng.integers(1, 12)) * unit + int(rng.random() < 0.05),
            "type": 1 + int(rng.random() < 0.1),
            "tif": int(rng.choice([1, 1, 1, 1, 2, 3, 4])),
        }

    def _change(self) -> dict:
        rng = self.rng
        at = max(0, len(self.owners) - 1 - int(rng.geometric(0.05)))
        account, symbol, side = self.owners[at]
        if rng.random() < 0.05:
            account = int(rng.choice(ACCOUNTS))
        kind = CANCEL if rng.random() < 0.5 else REPLACE
        price, qty = (
            (50 + int(rng.integers(-9, 10)), int(rng.integers(1, 30)))
            if symbol == 2
            else (1000 + int(rng.integers(-40, 41)), int(rng.integers(1, 15)) * 100)
        )
        return {
            "kind": kind,
            "order_id": at + 1,
            "account": account,
            "symbol": symbol,
            "side": side,
            "price": price,
            "qty": qty,
        }

    def _operation(self) -> dict:
        rng = self.rng
        draw, base = rng.random(), {"account": 0 if rng.random() < 0.95 else 1}
        if draw < 0.3:
            return {
                **base,
                "kind": OperatorKind.ACCOUNT,
                "symbol": int(rng.choice([*ACCOUNTS, 6])),
                "price": int(rng.choice([0, 0, 0, 1, 2, 3])),
            }
        if draw < 0.6:
            return {**base, "kind": OperatorKind.MARK, "symbol": ALL}
        scope, field = int(rng.choice(list(RuleScope))), int(rng.choice([*RuleField, 99]))
        which = {0: 0, 1: int(rng.choice(ACCOUNTS)), 2: int(rng.integers(0, 5))}[scope]
        value = {
            RuleField.NEXT_NAV: 200 + int(rng.integers(-3, 4)),
            RuleField.RATE_MAX: 300,
            RuleField.MAINTENANCE_PPM: 1_300_000,
        }.get(field, int(rng.choice([0, 1_000, 90_000, 1_500_000])))
        return {**base, "kind": OperatorKind.RULE, "type": scope, "symbol": which, "qty": field, "price": value}

    def _phases(self) -> list[dict]:
        def phase(number: int) -> dict:
            return {"kind": PHASE, "symbol": ALL, "account": 0, "price": number, "qty": 0}

        draw = self.rng.random()
        if draw < 0.5:
            return [phase(1), *(self._new() for _ in range(8)), phase(2), self._new(), phase(3)]
        if draw < 0.6:
            return [phase(SETTLE)]
        return [phase(4), self._new(), phase(SETTLE), phase(1), *(self._new() for _ in range(6)), phase(3)]


def run_day(machine: ShardMachine, day: RandomDay, batches: int, size: int) -> None:
    """Apply `batches` random batches."""
    for now in range(batches):
        machine.apply(day.batch(size), now * 400_000_000)


__all__ = ["ACCOUNTS", "NEW", "RandomDay", "rich_config", "run_day"]
