"""How many requests of each chain are due: peak rates of the topology, the day's curve, settings, and surges with a lease.

Surges are a fault kind of the load process: {"kind": "surge", "params": {"factor": 3, "chains": ["cash-order"]}, "lease_s", "owner"}; without
"chains" all chains surge. A lease ends at its time whatever became of its owner, also across a restart of this process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from trading_sim.load.calendar import Moment
from trading_sim.load.levels import Level, LevelError, parse_level

MAX_FACTOR = 20.0
MAX_LEASE_S = 3600.0
#: What a chain of requests without orders keeps of its peak when the market is quiet. Quotes are pushed all the time.
STEADY = {"quote-push": 0.88, "configuration-sync": 0.9, "surveillance-watch": 0.4}
QUIET = 0.25
#: Clearing runs after the close and idles during the day.
AFTER_CLOSE = {"clearing-settlement": 0.2}


class SettingsError(ValueError):
    """A setting or a fault that cannot be taken: says which and what it must be."""


@dataclass
class Surge:
    """`chains` empty: every chain. `expires_at` is Unix time in seconds."""

    lease: str
    factor: float
    chains: list[str]
    owner: str
    expires_at: float
    key: str | None = None

    def describe(self, now: float) -> dict[str, Any]:
        """As HTTP shows it."""
        return {
            "lease": self.lease,
            "kind": "surge",
            "params": {"factor": self.factor, "chains": self.chains},
            "owner": self.owner,
            "expires_at": self.expires_at,
            "remaining_s": round(max(0.0, self.expires_at - now), 3),
        }


@dataclass
class Rates:
    """`peaks` maps chains to requests per second at the peak; `order_chains` stop when the market is closed."""

    peaks: dict[str, float]
    order_chains: frozenset[str]
    now: Callable[[], float]
    rate_factor: float = 1.0
    paused: bool = False
    surges: dict[str, Surge] = field(default_factory=dict)
    held_level: Level | None = None

    def rate(self, chain: str, moment: Moment) -> float:
        """Requests per second of a chain that are due now, over all centres and shards."""
        if self.paused:
            return 0.0
        level = self.level
        if level is not None and level.covers(chain):
            silent = chain in self.order_chains and moment.order_rate == 0
            return 0.0 if silent else self.peaks[chain] * level.level
        return self.peaks[chain] * self._curve(chain, moment) * self.rate_factor * self._surge(chain)

    def offered(self, moment: Moment) -> dict[str, float]:
        """Requests per second of every chain."""
        return {chain: self.rate(chain, moment) for chain in self.peaks}

    @property
    def level(self) -> Level | None:
        """The level in force, if its lease has not ended."""
        held = self.held_level
        return held if held is not None and held.expires_at > self.now() else None

    def _curve(self, chain: str, moment: Moment) -> float:
        busy = moment.order_rate
        if chain in self.order_chains:
            return busy
        if chain in AFTER_CLOSE:
            return 1.0 if moment.segment == "closed" else AFTER_CLOSE[chain]
        floor = STEADY.get(chain, QUIET)
        return floor + (1.0 - floor) * busy

    def _surge(self, chain: str) -> float:
        factor = 1.0
        for surge in self.surges.values():
            if surge.expires_at > self.now() and (not surge.chains or chain in surge.chains):
                factor *= surge.factor
        return min(factor, MAX_FACTOR)

    def change(self, settings: object) -> None:
        """Take {"rate_factor", "paused"}, either or both. Raises SettingsError and then changes nothing."""
        if not isinstance(settings, dict) or not settings or set(settings) - {"rate_factor", "paused"}:
            raise SettingsError('settings are {"rate_factor": number, "paused": true or false}, either or both')
        factor = settings.get("rate_factor", self.rate_factor)
        paused = settings.get("paused", self.paused)
        if not _is_number(factor) or not 0 <= factor <= MAX_FACTOR:
            raise SettingsError(f"rate_factor must be a number from 0 to {MAX_FACTOR:g}, not {factor!r}")
        if not isinstance(paused, bool):
            raise SettingsError(f"paused must be true or false, not {paused!r}")
        self.rate_factor, self.paused = float(factor), paused

    def add_surge(self, body: object, lease: str) -> Surge:
        """Start a surge; with the "key" of a live one, that one is answered. Raises SettingsError."""
        if self.level is not None:
            raise SettingsError("a capacity test holds the rates: no surge until it has ended")
        if not isinstance(body, dict) or body.get("kind") != "surge":
            raise SettingsError("the load process knows four kinds of faults: surge, level, fx-shock and episode")
        params = body.get("params") or {}
        factor, chains = params.get("factor", 3.0), params.get("chains") or []
        seconds, owner, key = body.get("lease_s"), body.get("owner"), body.get("key")
        if not _is_number(factor) or not 0 < factor <= MAX_FACTOR:
            raise SettingsError(f"factor must be a number above 0 and up to {MAX_FACTOR:g}, not {factor!r}")
        if not isinstance(chains, list) or set(map(str, chains)) - set(self.peaks):
            raise SettingsError(f"chains must be a list of {', '.join(self.peaks)}; it is {chains!r}")
        if not _is_number(seconds) or not 0 < seconds <= MAX_LEASE_S:
            raise SettingsError(f"lease_s must be a number of seconds up to {MAX_LEASE_S:g}, not {seconds!r}")
        if not isinstance(owner, str) or not owner:
            raise SettingsError("owner must say who asks for the surge")
        self.expire()
        for surge in self.surges.values():
            if key is not None and surge.key == key:
                return surge
        surge = Surge(lease, float(factor), chains, owner, self.now() + seconds, key)
        self.surges[lease] = surge
        return surge

    def hold_level(self, body: dict[str, Any], lease: str) -> Level:
        """Hold all rates at a multiple of the peak for a short lease. Raises SettingsError."""
        self.expire()
        if self.surges:
            raise SettingsError("a surge is in force: a level would measure something else, wait until it has ended")
        try:
            self.held_level = parse_level(body, set(self.peaks), self.level, lease, self.now())
        except LevelError as error:
            raise SettingsError(str(error)) from error
        return self.held_level

    def remove(self, lease: str) -> bool:
        """End a surge or the level by its lease; false when it has gone already."""
        if self.held_level is not None and self.held_level.lease == lease:
            self.held_level = None
            return True
        return self.surges.pop(lease, None) is not None

    @property
    def usual(self) -> bool:
        """True while nothing artificial (a surge, a level) changes what customers do."""
        now = self.now()
        return self.level is None and all(surge.expires_at <= now for surge in self.surges.values())

    def expire(self) -> None:
        """Forget surges whose lease is over."""
        now = self.now()
        self.surges = {lease: surge for lease, surge in self.surges.items() if surge.expires_at > now}

    def state(self) -> dict[str, Any]:
        """What a restart must know."""
        return {
            "rate_factor": self.rate_factor,
            "paused": self.paused,
            "surges": [asdict(surge) for surge in self.surges.values()],
        }

    def take_over(self, state: dict[str, Any]) -> None:
        """Go on from `state()` of a former process."""
        self.rate_factor, self.paused = state["rate_factor"], state["paused"]
        self.surges = {row["lease"]: Surge(**row) for row in state["surges"]}
        self.expire()


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def lane_accounts(shares: Iterable[float], accounts: int) -> list[list[bool]]:
    """For every centre by its share of the flow: which account ids (index 0 … accounts) have it as their home.

    Ids are spread by the golden ratio, so that every group of neighbours is divided by the shares.
    """
    weights = list(shares)
    total = sum(weights)
    masks = [[False] * (accounts + 1) for _ in weights]
    for account in range(1, accounts + 1):
        place = account * 0.6180339887498949 % 1.0 * total
        for mask, weight in zip(masks, weights, strict=True):
            place -= weight
            if place < 0:
                mask[account] = True
                break
        else:
            masks[-1][account] = True
    return masks
