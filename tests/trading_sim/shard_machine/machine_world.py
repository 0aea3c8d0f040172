"""A small shard for tests, and commands for it."""

import numpy as np

from trading_sim.matching.records import COMMAND
from trading_sim.risk.limits import RiskLimits
from trading_sim.shard.config import ShardConfig

ALL = 0xFFFFFFFF
BUY, SELL = 1, 2
NEW, CANCEL, REPLACE, PHASE = 1, 2, 3, 4


def small_config(**changes) -> ShardConfig:
    """Two T+1 shares and one T+0 option, four customers, one of them cancel-only and one suspended."""
    symbols = [
        {
            "reference": 1000,
            "low": 900,
            "high": 1100,
            "lot": 100,
            "band_ppm": 100_000,
            "commission_ppm": 250,
            "stamp_ppm": 500,
        },
        {
            "reference": 333,
            "low": 266,
            "high": 400,
            "lot": 100,
            "band_ppm": 200_000,
            "commission_ppm": 333,
            "stamp_ppm": 500,
        },
        {"reference": 5000, "low": 2500, "high": 7500, "lot": 1, "commission_ppm": 300, "same_day": True},
    ]
    accounts = [
        {"account": 1, "cash": 3_000_000, "positions": {"0": 2000, "1": 5000, "2": 50}},
        {"account": 2, "cash": 500_000, "positions": {"0": 300}},
        {"account": 7, "cash": 2_000_000, "positions": {"1": 700, "2": 10}},
        {"account": 8, "cash": 1_000_000, "positions": {"0": 500}, "status": 1},
        {"account": 9, "cash": 1_000_000, "positions": {"0": 500}, "status": 2},
    ]
    values = {
        "shard": 0,
        "symbols": symbols,
        "accounts": accounts,
        "limits": RiskLimits(max_quantity=5000, max_notional=4_000_000, collar_ppm=100_000, rate_max=1000),
        "max_order_id": 5000,
        "max_live": 2000,
        "engine": "twin",
    }
    return ShardConfig(**{**values, **changes})


class Sequencer:
    """Stamps commands as a leader does: seq always, the order id of NEW."""

    def __init__(self) -> None:
        self.seq = 0
        self.order_id = 0

    def batch(self, *rows: dict) -> np.ndarray:
        """COMMAND records from keyword rows; defaults: a DAY LIMIT of account 1 for 100 of symbol 0 at 1000."""
        batch = np.zeros(len(rows), dtype=COMMAND)
        for position, row in enumerate(rows):
            values = {
                "kind": NEW,
                "side": BUY,
                "type": 1,
                "tif": 1,
                "price": 1000,
                "qty": 100,
                "account": 1,
                "symbol": 0,
            }
            values.update(row)
            self.seq += 1
            values["seq"] = self.seq
            if values["kind"] == NEW:
                self.order_id += 1
                values["order_id"] = self.order_id
            for name, value in values.items():
                batch[name][position] = value
        return batch

    def phase(self, phase: int, symbol: int = ALL) -> np.ndarray:
        return self.batch({"kind": PHASE, "price": phase, "symbol": symbol, "account": 0, "qty": 0})
