"""The trading days of the Shanghai Stock Exchange as `exchange_calendars` knows them, without a network.

The library brings pandas along, so it is loaded at the first question and its answer kept.
"""

from __future__ import annotations

import datetime as dt
import warnings
from functools import lru_cache

FIRST = dt.date(2015, 1, 1)


@lru_cache(maxsize=1)
def announced() -> tuple[frozenset[dt.date], dt.date, dt.date]:
    """(trading days, first day known, last day known). The last is the end of the last year that the exchange announced."""
    from exchange_calendars import get_calendar
    from exchange_calendars.exchange_calendar_xshg import XSHGExchangeCalendar

    last = XSHGExchangeCalendar.bound_max().date()
    with warnings.catch_warnings():
        # The library uses what pandas will change in its next major version; both are pinned.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        calendar = get_calendar("XSHG", start=FIRST.isoformat(), end=last.isoformat())
    return frozenset(stamp.date() for stamp in calendar.sessions), FIRST, last
