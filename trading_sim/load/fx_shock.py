"""The FX shock: a currency moves by many standard deviations within a moment, and the desk reacts as it would.

At once the fair prices of cross-border symbols jump, and every one of them is halted into an auction with a wider collar, both the
breaker's and the price check's; its positions are locked: no order in it passes, cancels do. After half of the time orders are let in
again and gather in the auction; at the end the auction finds the new price and trading goes on with the usual collars.

A fault kind of the load process: {"kind": "fx-shock", "params": {"sigmas": 10, "direction": -1}, "lease_s", "owner"}. What it set is
taken back after a restart of this process too: a file says that a shock is in force.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trading_sim.load.calendar import AUCTION, CONTINUOUS
from trading_sim.load.prices import VOLATILITY_PER_DAY
from trading_sim.load.rates import SettingsError
from trading_sim.load.session import phase_command
from trading_sim.protocol.operator import RuleField, RuleScope, rule_command

if TYPE_CHECKING:
    from trading_sim.load.keeper import ShardKeeper

KIND = "fx-shock"
FOREIGN_BOARDS = ("cross-border",)
MILLION = 1_000_000
MOST_SIGMAS = 20.0
LONGEST_S = 600.0
#: The lock: no order is worth so little, so none passes.
NOTHING = 1


def foreign_symbols(rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Symbols whose price is made in another currency."""
    return [symbol for symbol, row in enumerate(rows) if row.get("board") in FOREIGN_BOARDS]


def move(sigmas: float, direction: int) -> float:
    """What a price is multiplied by: so many daily standard deviations of the logarithm of prices."""
    return math.exp(direction * sigmas * VOLATILITY_PER_DAY)


def halt_commands(rows: Sequence[Mapping[str, Any]], sigmas: float) -> np.ndarray:
    """COMMAND records of the operator: halt, widen both collars beyond the move, lock positions."""
    wide = min(int(2 * (move(sigmas, 1) - 1) * MILLION), MILLION)
    commands = []
    for symbol in foreign_symbols(rows):
        commands += [
            phase_command(AUCTION, symbol, wide),
            rule_command(RuleScope.SYMBOL, symbol, RuleField.COLLAR_PPM, wide),
            rule_command(RuleScope.SYMBOL, symbol, RuleField.MAX_NOTIONAL, NOTHING),
        ]
    return _joined(commands)


def unlock_commands(rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Let orders in again: they gather in the auction."""
    lock = (RuleScope.SYMBOL, RuleField.MAX_NOTIONAL)
    return _joined([rule_command(lock[0], symbol, lock[1], 0) for symbol in foreign_symbols(rows)])


def reopen_commands(rows: Sequence[Mapping[str, Any]], *, trading: bool) -> np.ndarray:
    """Usual rules again and, while the market is trading, an end of the auction with the usual collar."""
    commands = [unlock_commands(rows)]
    for symbol in foreign_symbols(rows):
        commands.append(rule_command(RuleScope.SYMBOL, symbol, RuleField.COLLAR_PPM, 0))
        if trading:
            commands.append(phase_command(CONTINUOUS, symbol, int(rows[symbol].get("breaker_ppm", 0))))
    return _joined(commands)


def _joined(commands: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(commands) if commands else np.zeros(0, phase_command(CONTINUOUS).dtype)


@dataclass
class Shock:
    """A shock in force; times are Unix seconds."""

    lease: str
    sigmas: float
    direction: int
    owner: str
    opens_at: float
    expires_at: float
    locked: bool = True

    def describe(self, now: float) -> dict[str, Any]:
        """As HTTP shows it."""
        return {
            "lease": self.lease,
            "kind": KIND,
            "params": {"sigmas": self.sigmas, "direction": self.direction},
            "owner": self.owner,
            "locked": self.locked,
            "expires_at": self.expires_at,
            "remaining_s": round(max(0.0, self.expires_at - now), 3),
        }


class FxShocks:
    """At most one shock at a time, over all shards. `path` holds the one in force; `now` gives Unix seconds."""

    def __init__(self, path: Path, keepers: Sequence[ShardKeeper], now: Callable[[], float]) -> None:
        self._path, self._keepers, self._now = path, keepers, now
        self.shock: Shock | None = None
        if path.exists():
            self.shock = Shock(**json.loads(path.read_text(encoding="utf-8")))
            self.shock.expires_at = min(self.shock.expires_at, now())

    def begin(self, body: Mapping[str, Any], lease: str, phase: int) -> Shock:
        """Start a shock while the market is in `phase`. Raises SettingsError."""
        params = body.get("params") or {}
        sigmas, direction = params.get("sigmas", 10.0), params.get("direction", -1)
        seconds, owner = body.get("lease_s"), body.get("owner")
        if not _is_number(sigmas) or not 0 < sigmas <= MOST_SIGMAS:
            raise SettingsError(f"sigmas must be a number above 0 and up to {MOST_SIGMAS:g}, not {sigmas!r}")
        if direction not in (-1, 1):
            raise SettingsError(f"direction must be 1 or -1, not {direction!r}")
        if not _is_number(seconds) or not 0 < seconds <= LONGEST_S:
            raise SettingsError(f"lease_s must be a number of seconds up to {LONGEST_S:g}, not {seconds!r}")
        if not isinstance(owner, str) or not owner:
            raise SettingsError("owner must say who asks for the shock")
        if self.shock is not None:
            raise SettingsError("a shock is in force already: wait until it has ended")
        if phase != CONTINUOUS:
            raise SettingsError("the market does not trade continuously now: a shock would find nothing to halt")
        now = self._now()
        self.shock = Shock(lease, float(sigmas), int(direction), owner, now + seconds / 2, now + seconds)
        self._save()
        for keeper in self._keepers:
            keeper.flow.prices.jump(foreign_symbols(keeper.flow.rows), move(sigmas, direction))
            keeper.hold(foreign_symbols(keeper.flow.rows), seconds)
            keeper.give(halt_commands(keeper.flow.rows, sigmas))
        return self.shock

    def end(self, lease: str) -> bool:
        """End the shock at once by its lease; false when it is not this one."""
        if self.shock is None or self.shock.lease != lease:
            return False
        self.shock.expires_at = self._now()
        self.turn()
        return True

    def turn(self) -> None:
        """Do what is due; called all the time."""
        shock = self.shock
        if shock is None:
            return
        now = self._now()
        if now >= shock.expires_at:
            for keeper in self._keepers:
                keeper.give(reopen_commands(keeper.flow.rows, trading=keeper.phase == CONTINUOUS))
            self.shock = None
            self._path.unlink(missing_ok=True)
        elif shock.locked and now >= shock.opens_at:
            shock.locked = False
            self._save()
            for keeper in self._keepers:
                keeper.give(unlock_commands(keeper.flow.rows))

    def _save(self) -> None:
        beside = self._path.with_suffix(".tmp")
        beside.write_text(json.dumps(asdict(self.shock)), encoding="utf-8")
        beside.replace(self._path)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
