"""The compressed trading day: which phase it is, what the market's clock shows, and how busy customers are.

Pure: elapsed seconds of the day in, a Moment out. The stations are those of the Shenzhen exchange (09:15, 09:20, 09:25, 09:30,
11:30, 13:00, 14:57, 15:00); each gets a length of its own in wall clock seconds, so that continuous trading keeps most of a short day.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

AUCTION, LOCKED, CONTINUOUS, CLOSED = 1, 2, 3, 4


@dataclass(frozen=True)
class Segment:
    """One part of the day. Market times in minutes since midnight; `weight` is its part of the day's wall clock.

    `rate_from`, `rate_to`: how busy customers are at its start and end, as a part of the peak (linear between).
    """

    name: str
    phase: int
    market_from: int
    market_to: int
    weight: int
    rate_from: float
    rate_to: float


DAY = (
    Segment("opening-auction", AUCTION, 9 * 60 + 15, 9 * 60 + 20, 40, 0.30, 0.50),
    Segment("opening-locked", LOCKED, 9 * 60 + 20, 9 * 60 + 25, 25, 0.50, 0.70),
    Segment("before-open", CLOSED, 9 * 60 + 25, 9 * 60 + 30, 15, 0.0, 0.0),
    Segment("opening", CONTINUOUS, 9 * 60 + 30, 10 * 60, 240, 1.00, 0.75),
    Segment("morning", CONTINUOUS, 10 * 60, 11 * 60 + 30, 540, 0.75, 0.50),
    Segment("lunch", CLOSED, 11 * 60 + 30, 13 * 60, 40, 0.0, 0.0),
    Segment("afternoon", CONTINUOUS, 13 * 60, 14 * 60 + 30, 540, 0.50, 0.65),
    Segment("before-close", CONTINUOUS, 14 * 60 + 30, 14 * 60 + 57, 240, 0.65, 0.95),
    Segment("closing-auction", LOCKED, 14 * 60 + 57, 15 * 60, 60, 0.60, 0.30),
    Segment("closed", CLOSED, 15 * 60, 15 * 60 + 30, 60, 0.0, 0.0),
)


@dataclass(frozen=True)
class Moment:
    """Where the day stands. `order_rate` is a part of the peak rate, 0 when the market is closed; `ends_in_s` wall clock seconds."""

    segment: str
    phase: int
    market_time: str
    order_rate: float
    ends_in_s: float
    next_segment: str


class SessionCalendar:
    """The day's segments stretched over `day_s` wall clock seconds."""

    def __init__(self, day_s: float, segments: tuple[Segment, ...] = DAY) -> None:
        if day_s <= 0:
            raise ValueError(f"a trading day of {day_s} s cannot be: give its length in seconds, for example 1800")
        total = sum(segment.weight for segment in segments)
        self.day_s = day_s
        self.segments = segments
        self._ends: list[float] = []
        passed = 0
        for segment in segments:
            passed += segment.weight
            self._ends.append(day_s * passed / total)

    def at(self, elapsed_s: float) -> Moment:
        """The moment `elapsed_s` after the day's start; before it counts as its start, after it as its last instant."""
        elapsed = min(max(elapsed_s, 0.0), self.day_s)
        index = min(bisect_right(self._ends, elapsed), len(self.segments) - 1)
        segment = self.segments[index]
        start = self._ends[index - 1] if index else 0.0
        length = self._ends[index] - start
        part = (elapsed - start) / length
        minutes = segment.market_from + part * (segment.market_to - segment.market_from)
        seconds = int(minutes * 60)
        return Moment(
            segment=segment.name,
            phase=segment.phase,
            market_time=f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}",
            order_rate=segment.rate_from + part * (segment.rate_to - segment.rate_from),
            ends_in_s=self._ends[index] - elapsed,
            next_segment=self.segments[(index + 1) % len(self.segments)].name,
        )
