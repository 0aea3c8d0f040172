"""The one place that reads the time, so that tests can set it."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from django.utils import timezone

SHANGHAI = ZoneInfo("Asia/Shanghai")


def now() -> dt.datetime:
    """The present moment, aware, in UTC."""
    return timezone.now()


def shanghai(moment: dt.datetime) -> dt.datetime:
    """The same moment as people at the exchange read it."""
    return moment.astimezone(SHANGHAI)
