"""What stands over all changes just now: freezes that hold, break-glass in force, windows that are about to close over a change."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from seeops.changes import guard, selectors
from seeops.changes.models import BreakGlass, ChangeTicket, FreezeInterval, TicketState
from seeops.core.clock import now

SOON = dt.timedelta(minutes=30)
MOST = 5


@dataclass(frozen=True)
class Closing:
    """A change that is being carried out, and when it may touch production no longer."""

    ticket: ChangeTicket
    closes_at: dt.datetime
    closed: bool


@dataclass(frozen=True)
class Standing:
    frozen: list[FreezeInterval]
    glasses: list[BreakGlass]
    closing: list[Closing]

    @property
    def anything(self) -> bool:
        return bool(self.frozen or self.glasses or self.closing)


def standing() -> Standing:
    """For the banner of the overview: bounded reads, the first by the index on intervals."""
    moment = now()
    holding = FreezeInterval.objects.filter(starts_at__lte=moment, ends_at__gt=moment, rule__enabled=True)
    frozen = holding.select_related("rule").prefetch_related("rule__services", "rule__domains", "rule__chains")
    return Standing(list(frozen.order_by("-ends_at")[:MOST]), list(selectors.open_glasses()[:MOST]), _closing(moment))


def _closing(moment: dt.datetime) -> list[Closing]:
    executing = ChangeTicket.objects.filter(state=TicketState.EXECUTING).defer("impact", "plan").order_by("pk")[:MOST]
    found = []
    for ticket in executing:
        ends = _ends(ticket, moment)
        if ends is not None and ends <= moment + SOON:
            found.append(Closing(ticket, ends, ends <= moment))
    return sorted(found, key=lambda item: item.closes_at)


def _ends(ticket: ChangeTicket, moment: dt.datetime) -> dt.datetime | None:
    """When the change may touch production no longer: in the past when that is so already."""
    return moment if guard.closed(ticket, moment) else guard.closes_at(ticket, moment)
