"""A level: for a short lease all chains send a fixed multiple of their peak, whatever the day's curve and settings say.

A fault kind of the load process: {"kind": "level", "params": {"level": 1.5, "chains": []}, "lease_s", "owner"}. The settings are never
touched, so when the lease is over, or its owner was killed, the flow is again what it was before. One owner holds the level at a time; its
next request replaces the former one. While the market is closed chains of orders stay silent at every level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MAX_LEVEL = 200.0
MAX_LEASE_S = 60.0


class LevelError(ValueError):
    """A level that cannot be taken: says which value and what it must be."""


@dataclass(frozen=True)
class Level:
    """`level` 1 is the peak of the topology; `chains` empty: every chain. `expires_at` is Unix time in seconds."""

    lease: str
    level: float
    chains: tuple[str, ...]
    owner: str
    expires_at: float

    def covers(self, chain: str) -> bool:
        """Whether the chain is held at this level."""
        return not self.chains or chain in self.chains

    def describe(self, now: float) -> dict[str, Any]:
        """As HTTP shows it."""
        return {
            "lease": self.lease,
            "kind": "level",
            "params": {"level": self.level, "chains": list(self.chains)},
            "owner": self.owner,
            "expires_at": self.expires_at,
            "remaining_s": round(max(0.0, self.expires_at - now), 3),
        }


def parse_level(body: dict[str, Any], known: set[str], held: Level | None, lease: str, now: float) -> Level:
    """The level that `body` asks for. `held`: the one in force, whose owner alone may change it. Raises LevelError."""
    params = body.get("params") or {}
    level, chains = params.get("level"), params.get("chains") or []
    seconds, owner = body.get("lease_s"), body.get("owner")
    if not _positive(level, MAX_LEVEL):
        raise LevelError(f"level must be a number above 0 and up to {MAX_LEVEL:g}, not {level!r}")
    if not isinstance(chains, list) or set(map(str, chains)) - known:
        raise LevelError(f"chains must be a list of {', '.join(sorted(known))}; it is {chains!r}")
    if not _positive(seconds, MAX_LEASE_S):
        raise LevelError(f"lease_s must be a number of seconds up to {MAX_LEASE_S:g}, not {seconds!r}")
    if not isinstance(owner, str) or not owner:
        raise LevelError("owner must say who asks for the level")
    if held is not None and held.owner != owner:
        raise LevelError(
            f"{held.owner} holds the level for {held.expires_at - now:.0f} s more: wait until it has ended"
        )
    return Level(held.lease if held else lease, float(level), tuple(chains), owner, now + seconds)


def _positive(value: object, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= most
