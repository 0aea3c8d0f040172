"""What a shard is made of: its symbols, accounts and limits. The same file goes to all replicas of the shard."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

from trading_sim.risk.limits import RiskLimits

ENGINES = ("numba", "twin")


class ShardConfigError(ValueError):
    """The shard configuration cannot be used: says which key and what it must be."""


@dataclass(frozen=True)
class ShardConfig:
    """Configuration of one shard.

    symbols: rows {"reference", "low", "high", "lot"} of the matching contract, and optionally "code", "board",
    "band_ppm" (tomorrow's band around the close, in millionths; absent: low and high stay), "commission_ppm",
    "stamp_ppm", "same_day", and what makes it an option, a lent share or a fund (see risk.opening).
    accounts: rows {"account": id, "cash": fen, "positions": {"symbol index": quantity}, "status": 0 | 1 | 2} and optionally credit line,
    group, grade and limits of its own (see risk.opening).
    max_order_id: order ids of one trading day; max_live: orders open at one time; engine: "numba" or "twin".
    """

    shard: int
    symbols: list[dict[str, Any]]
    accounts: list[dict[str, Any]]
    limits: RiskLimits = field(default_factory=RiskLimits)
    max_order_id: int = 1_000_000
    max_live: int = 200_000
    engine: str = "numba"

    def __post_init__(self) -> None:
        if not self.symbols or len(self.symbols) > 0xFFFF:
            raise ShardConfigError(f"shard {self.shard} has {len(self.symbols)} symbols: it needs 1 … 65,535")
        if not self.accounts:
            raise ShardConfigError(f"shard {self.shard} has no accounts: it needs at least one")
        if self.engine not in ENGINES:
            raise ShardConfigError(f"engine {self.engine!r} does not exist: use one of {', '.join(ENGINES)}")

    def to_json(self) -> str:
        """Text with sorted keys, so that equal configurations have equal digests."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> ShardConfig:
        """Raises ShardConfigError for text that is not a shard configuration."""
        try:
            data = json.loads(text)
            data["limits"] = RiskLimits(**data.get("limits", {}))
            return cls(**data)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ShardConfigError(f"not a shard configuration: {error}") from error

    def digest(self) -> str:
        """SHA-256 of the JSON text; a snapshot carries it. Worked out once: a configuration does not change."""
        known = self.__dict__.get("_digest")
        if known is None:
            known = hashlib.sha256(self.to_json().encode()).hexdigest()
            object.__setattr__(self, "_digest", known)
        return known
