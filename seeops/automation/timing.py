"""When schedules are due: cron expressions in Shanghai, only on trading days when wanted. Pure.

A day that the exchange has not announced yet may be a trading day: a schedule that waits for trading days fires on it, since an
inspection too many does less harm than one that is missing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from cronsim import CronSim, CronSimError

from seeops.core.clock import SHANGHAI

FARTHEST = dt.timedelta(days=800)
MOST_LOOKED_AT = 200_000


class BadExpression(ValueError):
    """A cron expression that cannot be read, or that never comes true."""


def next_due(expression: str, after: dt.datetime, *, trading: Callable[[dt.date], bool] | None = None) -> dt.datetime:
    """The first moment after `after` (UTC) at which the expression holds; with `trading`, on days for which that answers true.

    Raises BadExpression.
    """
    try:
        moments = CronSim(expression, after.astimezone(SHANGHAI))
        for _look in range(MOST_LOOKED_AT):
            moment = next(moments)
            if moment - after > FARTHEST:
                break
            if trading is None or trading(moment.date()):
                return moment.astimezone(dt.UTC)
    except CronSimError as error:
        raise BadExpression(f"“{expression}” is no cron expression: {error}") from error
    except StopIteration:
        pass
    raise BadExpression(f"“{expression}” does not come true within two years")


def upcoming(
    expression: str, after: dt.datetime, count: int, *, trading: Callable[[dt.date], bool] | None = None
) -> list[dt.datetime]:
    """The next `count` moments, in order. Raises BadExpression."""
    found: list[dt.datetime] = []
    while len(found) < count:
        after = next_due(expression, after, trading=trading)
        found.append(after)
    return found
