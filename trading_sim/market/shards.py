"""The configuration of a shard of the demonstration market, and what it starts with in sum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trading_sim.market.accounts import accounts_for_shard
from trading_sim.market.symbols import symbols_for_shard
from trading_sim.shard.config import ShardConfig


@dataclass(frozen=True)
class Endowment:
    """Sums that conservation is measured against: cash in fen, quantity per symbol."""

    accounts: int
    cash: int
    positions: tuple[int, ...]

    @property
    def shares(self) -> int:
        """All positions together."""
        return sum(self.positions)


def shard_config(shard: int) -> ShardConfig:
    """ShardConfig of shard 0, 1, 2 …; the same call gives the same configuration on every machine."""
    return ShardConfig(shard=shard, symbols=symbols_for_shard(shard), accounts=accounts_for_shard(shard))


def endowment(config: ShardConfig) -> Endowment:
    """What the accounts of `config` hold together at the start."""
    positions = np.zeros(len(config.symbols), dtype=np.int64)
    for row in config.accounts:
        for symbol, quantity in row["positions"].items():
            positions[int(symbol)] += quantity
    return Endowment(len(config.accounts), sum(row["cash"] for row in config.accounts), tuple(positions.tolist()))
