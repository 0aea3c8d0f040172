"""The exchange's calendar: is a day a trading day, in which phase of the session a moment lies, when freezes begin and end. Pure.

A day the exchange has not announced yet is neither trading nor closed: it is unknown, and every rule treats it as the stricter
of the two. Times are those of Shanghai; moments that come in and go out are aware.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = dt.timedelta(days=1)

CLOSED, PRE_OPEN, OPENING_AUCTION, CONTINUOUS = "closed", "pre_open", "opening_auction", "continuous"
LUNCH, CLOSING_AUCTION, SETTLEMENT, UNKNOWN = "lunch", "closing_auction", "settlement", "unknown"

# When a phase begins on a trading day (rules of the Shanghai and Shenzhen exchanges; settlement as brokers run it).
PHASES: tuple[tuple[dt.time, str], ...] = (
    (dt.time(0), CLOSED),
    (dt.time(8, 30), PRE_OPEN),
    (dt.time(9, 15), OPENING_AUCTION),
    (dt.time(9, 30), CONTINUOUS),
    (dt.time(11, 30), LUNCH),
    (dt.time(13, 0), CONTINUOUS),
    (dt.time(14, 57), CLOSING_AUCTION),
    (dt.time(15, 0), SETTLEMENT),
    (dt.time(18, 0), CLOSED),
)


@dataclass(frozen=True)
class Interval:
    """From `start` until before `end`."""

    start: dt.datetime
    end: dt.datetime

    def holds(self, moment: dt.datetime) -> bool:
        return self.start <= moment < self.end


@dataclass(frozen=True)
class TradingCalendar:
    """Trading days as announced between two dates (both included), and corrections made by hand, which win."""

    days: frozenset[dt.date]
    known_from: dt.date
    known_until: dt.date
    overrides: Mapping[dt.date, bool] = field(default_factory=dict)

    def trading(self, day: dt.date) -> bool | None:
        """Whether `day` is a trading day; None when that is not announced. A weekend never is one, unless by override."""
        if day in self.overrides:
            return self.overrides[day]
        if self.known_from <= day <= self.known_until:
            return day in self.days
        return False if day.weekday() >= 5 else None

    def maybe_trading(self, day: dt.date) -> bool:
        return self.trading(day) is not False

    def phase(self, moment: dt.datetime) -> str:
        """The phase of the session at a moment; UNKNOWN on a day that is not announced."""
        local = moment.astimezone(SHANGHAI)
        trading = self.trading(local.date())
        if trading is None:
            return UNKNOWN
        if not trading:
            return CLOSED
        return [name for begins, name in PHASES if begins <= local.time()][-1]

    def phases(self, start: dt.datetime, end: dt.datetime) -> frozenset[str]:
        """Every phase that lies between two moments, the one at `start` included."""
        found = {self.phase(start)}
        day = start.astimezone(SHANGHAI).date()
        last = min(end.astimezone(SHANGHAI).date(), day + 14 * DAY)
        while day <= last:
            for begins, _ in PHASES:
                moment = dt.datetime.combine(day, begins, SHANGHAI)
                if start <= moment < end:
                    found.add(self.phase(moment))
            day += DAY
        return frozenset(found)

    def next_trading_day(self, day: dt.date) -> dt.date | None:
        """The first trading day after `day`; None when an unannounced day comes before one."""
        for ahead in range(1, 40):
            candidate = day + ahead * DAY
            trading = self.trading(candidate)
            if trading is None:
                return None
            if trading:
                return candidate
        return None


ONCE, SESSION, YEARLY, BEFORE_BREAK = "once", "session", "yearly", "before_break"


@dataclass(frozen=True)
class Recurrence:
    """When a freeze holds.

    once: from `starts_at` until `ends_at`. session: on every trading day between `from_time` and `until_time`. yearly: from the
    day `first` to the end of the day `last`, both (month, day), also across the end of the year. before_break: the last
    `sessions` trading days before the exchange closes for at least `break_days` days (Spring Festival, National Day).
    """

    kind: str
    starts_at: dt.datetime | None = None
    ends_at: dt.datetime | None = None
    from_time: dt.time | None = None
    until_time: dt.time | None = None
    first: tuple[int, int] | None = None
    last: tuple[int, int] | None = None
    sessions: int = 0
    break_days: int = 0


def expand(rule: Recurrence, calendar: TradingCalendar, since: dt.date, until: dt.date) -> list[Interval]:
    """The intervals of a freeze that touch the days from `since` to `until`, in order and apart from each other."""
    makers = {ONCE: _once, SESSION: _sessions, YEARLY: _yearly, BEFORE_BREAK: _before_breaks}
    low, high = _midnight(since), _midnight(until + DAY)
    return [
        item for item in merged(makers[rule.kind](rule, calendar, since, until)) if item.end > low and item.start < high
    ]


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """The same moments as few intervals that neither touch nor overlap, in order."""
    joined: list[Interval] = []
    for item in sorted(intervals, key=lambda one: (one.start, one.end)):
        if item.end <= item.start:
            continue
        if joined and item.start <= joined[-1].end:
            joined[-1] = Interval(joined[-1].start, max(joined[-1].end, item.end))
        else:
            joined.append(item)
    return joined


def next_allowed(
    intervals: Sequence[Interval], moment: dt.datetime, needs: dt.timedelta = dt.timedelta(0)
) -> dt.datetime:
    """The first moment from `moment` on that is in no interval and is followed by `needs` without one."""
    candidate = moment
    for item in merged(intervals):
        if item.end <= candidate:
            continue
        if item.start >= candidate + needs and not item.holds(candidate):
            break
        candidate = item.end
    return candidate


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(0), SHANGHAI)


def _days(since: dt.date, until: dt.date) -> Iterable[dt.date]:
    return (since + ahead * DAY for ahead in range((until - since).days + 1))


def _once(rule: Recurrence, calendar: TradingCalendar, since: dt.date, until: dt.date) -> list[Interval]:
    return [Interval(rule.starts_at, rule.ends_at)]


def _sessions(rule: Recurrence, calendar: TradingCalendar, since: dt.date, until: dt.date) -> list[Interval]:
    return [
        Interval(
            dt.datetime.combine(day, rule.from_time, SHANGHAI), dt.datetime.combine(day, rule.until_time, SHANGHAI)
        )
        for day in _days(since, until)
        if calendar.maybe_trading(day)
    ]


def _yearly(rule: Recurrence, calendar: TradingCalendar, since: dt.date, until: dt.date) -> list[Interval]:
    found = []
    for year in range(since.year - 1, until.year + 1):
        ends_in = year if rule.last >= rule.first else year + 1
        found.append(Interval(_midnight(_date(year, rule.first)), _midnight(_date(ends_in, rule.last) + DAY)))
    return found


def _date(year: int, month_day: tuple[int, int]) -> dt.date:
    """The 29th of February of a common year is its 28th."""
    month, day = month_day
    return dt.date(year, month, 28) if (month, day) == (2, 29) and not _leap(year) else dt.date(year, month, day)


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _before_breaks(rule: Recurrence, calendar: TradingCalendar, since: dt.date, until: dt.date) -> list[Interval]:
    """A break counts when the trading day after it is announced: what is unknown cannot be called a long break."""
    found = []
    trading = [day for day in _days(since - 60 * DAY, until + 60 * DAY) if calendar.trading(day)]
    for index, (last, following) in enumerate(zip(trading, trading[1:], strict=False)):
        between = list(_days(last + DAY, following - DAY))
        if len(between) < rule.break_days or any(calendar.trading(day) is None for day in between):
            continue
        first = trading[max(0, index - rule.sessions + 1)]
        found.append(Interval(_midnight(first), _midnight(last + DAY)))
    return found
