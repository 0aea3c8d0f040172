"""The one time range of a page, as its address says it. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

CHOICES = {"5m": 300, "15m": 900, "1h": 3600, "3h": 10800}
DEFAULT = "15m"
LONGEST = dt.timedelta(days=15)


class RangeInvalid(ValueError):
    """The address asks for a range that cannot be; says why."""


@dataclass(frozen=True)
class TimeRange:
    """From `start` to `end`. `key` is one of CHOICES for a live range that ends now, "" for a fixed one."""

    start: dt.datetime
    end: dt.datetime
    key: str = ""

    @property
    def live(self) -> bool:
        return bool(self.key)

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()

    def query(self) -> dict[str, str]:
        """The parameters that restore it."""
        if self.key:
            return {"range": self.key}
        return {"from": self.start.isoformat(), "to": self.end.isoformat()}


def parse(params: Mapping[str, str], now: dt.datetime, zone: dt.tzinfo) -> TimeRange:
    """`from` and `to` (ISO times; without an offset they are times of `zone`), else `range`, else the last 15 minutes.

    Raises RangeInvalid.
    """
    if params.get("from") or params.get("to"):
        start = _moment(params.get("from", ""), "from", zone)
        end = _moment(params["to"], "to", zone) if params.get("to") else now
        if start >= end:
            raise RangeInvalid("the range must begin before it ends")
        if end - start > LONGEST:
            raise RangeInvalid("the range is longer than the 15 days that are kept")
        return TimeRange(start, min(end, now) if start < now else end)
    key = params.get("range") or DEFAULT
    if key not in CHOICES:
        raise RangeInvalid(f"range must be one of {', '.join(CHOICES)}, not {key!r}")
    return TimeRange(now - dt.timedelta(seconds=CHOICES[key]), now, key)


def _moment(text: str, name: str, zone: dt.tzinfo) -> dt.datetime:
    try:
        # A plus sign in an address arrives as a space when it was not escaped.
        moment = dt.datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
    except ValueError as error:
        raise RangeInvalid(f"{name} must be a time such as 2026-05-11T09:30, not {text[:40]!r}") from error
    if not 2000 <= moment.year < 2200:
        raise RangeInvalid(f"{name} is not a time of this century: {text[:40]!r}")
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)
