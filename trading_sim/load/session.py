"""The session clock: decides where the trading day stands and brings every shard there.

Level-triggered: each round compares what a shard is (day and phase, asked from the shard after every doubt) with what it should be, and sends
the one command that is missing. So a lost answer, a dead shard or a restart of this process needs no special case, and
a settlement is never sent twice for a day: the shard's own day number says whether it happened.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trading_sim.load.calendar import CLOSED, Moment, SessionCalendar
from trading_sim.protocol.records import COMMAND

PHASE, SETTLE = 4, 5
ALL_SYMBOLS = 0xFFFFFFFF
CLOSING_SEGMENT = "closed"
PHASE_NAMES = {1: "auction", 2: "auction-locked", 3: "continuous", 4: "closed"}


@dataclass(frozen=True)
class ShardState:
    """What a shard was last known to be."""

    day: int
    phase: int


def next_step(shard: ShardState, day: int, moment: Moment) -> int | None:
    """The phase command that brings `shard` nearer to trading day `day` at `moment`; None when it is there.

    In the closing segment the shard's day ends: CLOSED, then SETTLE once. A shard that missed settlements catches up before anything
    else; one whose day is ahead waits closed until the session's day is there too.
    """
    target = day + (1 if moment.segment == CLOSING_SEGMENT else 0)
    if shard.day < target:
        return SETTLE if shard.phase == CLOSED else CLOSED
    wanted = moment.phase if shard.day == day else CLOSED
    return None if shard.phase == wanted else wanted


def phase_command(phase: int, symbol: int = ALL_SYMBOLS, width_ppm: int = 0) -> np.ndarray:
    """COMMAND[1] of the operator: this phase for a symbol, or every one; `width_ppm`: of their collars from now on, 0 to leave it."""
    command = np.zeros(1, dtype=COMMAND)
    command["kind"], command["price"], command["symbol"], command["qty"] = PHASE, phase, symbol, width_ppm
    return command


class SessionClock:
    """Which trading day it is and when it began, kept in a file. `now` gives Unix time in seconds."""

    def __init__(self, path: Path, calendar: SessionCalendar, now: Callable[[], float]) -> None:
        self._path = path
        self.calendar = calendar
        self._now = now
        self.day = 0
        self.started_at = now()
        try:
            saved = json.loads(path.read_text(encoding="utf-8"))
            self.day, self.started_at = int(saved["day"]), float(saved["started_at"])
        except FileNotFoundError:
            pass
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is damaged ({error}): remove it to begin a new trading day") from error
        if not 0 <= now() - self.started_at < 2 * calendar.day_s:
            self.started_at = now()  # this process was away for long: the day begins again where the shards are
        self.save()

    def save(self) -> None:
        """Write day and start, atomically."""
        beside = self._path.with_suffix(".tmp")
        beside.write_text(json.dumps({"day": self.day, "started_at": self.started_at}), encoding="utf-8")
        beside.replace(self._path)

    def join(self, shard_day: int) -> None:
        """A shard was found at `shard_day`: when it is ahead of this clock (whose file is new), go on from there.

        In the closing segment a shard that has settled is one day ahead as it should be.
        """
        day = shard_day - (1 if self.moment().segment == CLOSING_SEGMENT else 0)
        if day > self.day:
            self.day = day
            self.save()

    def turn(self) -> bool:
        """Begin the next day when this one is over; true when it did."""
        if self._now() - self.started_at < self.calendar.day_s:
            return False
        self.day += 1
        self.started_at = max(self.started_at + self.calendar.day_s, self._now() - self.calendar.day_s)
        self.save()
        return True

    def moment(self) -> Moment:
        """Where the day stands."""
        return self.calendar.at(self._now() - self.started_at)

    def describe(self) -> dict[str, Any]:
        """{day, phase, phase_name, segment, market_time, next_segment, next_phase_at, day_ends_at}; times are Unix seconds."""
        moment = self.moment()
        return {
            "day": self.day,
            "phase": moment.phase,
            "phase_name": PHASE_NAMES[moment.phase],
            "segment": moment.segment,
            "market_time": moment.market_time,
            "next_segment": moment.next_segment,
            "next_phase_at": round(self._now() + moment.ends_in_s, 3),
            "day_ends_at": round(self.started_at + self.calendar.day_s, 3),
        }
