"""The trading session as people read it: which phase, what the market's clock shows, how long until the next. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

STALE_AFTER_S = 30.0
SEGMENTS = {
    "opening-auction": _("opening auction"),
    "opening-locked": _("opening auction, no cancels"),
    "before-open": _("before the open"),
    "opening": _("continuous trading"),
    "morning": _("continuous trading"),
    "lunch": _("midday break"),
    "afternoon": _("continuous trading"),
    "before-close": _("continuous trading"),
    "closing-auction": _("closing auction"),
    "closed": _("closed, settlement"),
}
PHASES = {1: _("auction"), 2: _("auction, no cancels"), 3: _("continuous trading"), 4: _("closed")}
_TRADING = (1, 2, 3)


@dataclass(frozen=True)
class Session:
    """`state` in the language of state: good while trading, absent while closed, unknown when the load does not say."""

    word: Any
    state: str
    market_time: str = ""
    day: str = ""
    ends_in_s: float | None = None
    problem: str = ""


def read(raw: Mapping[str, Any], at: dt.datetime) -> Session:
    """The session from what the load process said ({"problem": …} when it did not answer)."""
    fetched_at = raw.get("fetched_at")
    if raw.get("problem") or fetched_at is None or (at - fetched_at).total_seconds() > STALE_AFTER_S:
        return Session(_("session unknown"), "unknown", problem=str(raw.get("problem", "")))
    number = raw.get("phase_number", raw.get("phase"))
    word = SEGMENTS.get(str(raw.get("segment") or raw.get("phase"))) or PHASES.get(number) or _("session unknown")
    state = "good" if number in _TRADING else "absent" if number in PHASES else "unknown"
    return Session(
        word=word,
        state=state,
        market_time=str(raw.get("market_time", ""))[:5],
        day=str(raw.get("day", "")),
        ends_in_s=_seconds_left(raw, at, fetched_at),
    )


def _seconds_left(raw: Mapping[str, Any], at: dt.datetime, fetched_at: dt.datetime) -> float | None:
    left = raw.get("ends_in_s")
    if isinstance(left, int | float):
        return max(0.0, left - (at - fetched_at).total_seconds())
    next_at = raw.get("next_phase_at")
    if isinstance(next_at, int | float):
        return max(0.0, next_at - at.timestamp())
    if isinstance(next_at, str):
        try:
            moment = dt.datetime.fromisoformat(next_at)
        except ValueError:
            return None
        return max(0.0, (moment - at).total_seconds()) if moment.tzinfo else None
    return None
