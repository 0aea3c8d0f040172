"""May production be changed now? The one place that answers, for the console, the API, the workers and the command line.

The freezes come from the same database functions that the triggers read (`changes_freezes_of`, `changes_frozen_by`), and the time
is the database's: a console whose clock is wrong asks the same question as the last line does, and gets the same answer.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from seeops.audit import services as audit
from seeops.changes import calendar, closing, freezes
from seeops.changes.models import BreakGlass, ChangeTicket
from seeops.core.clock import shanghai
from seeops.core.errors import RuleViolation
from seeops.inventory.models import Service

LOOK_AHEAD = dt.timedelta(days=60)


@dataclass(frozen=True)
class Freeze:
    """One stretch of a freeze that holds for a ticket."""

    rule_id: int
    title: str
    starts_at: dt.datetime
    ends_at: dt.datetime


def moment_now() -> dt.datetime:
    """The present moment by the clock of the database, which its triggers go by."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


def freezes_of(ticket: ChangeTicket, since: dt.datetime, until: dt.datetime) -> list[Freeze]:
    """The freezes of the ticket that touch a time, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rule_id, title, starts_at, ends_at FROM changes_freezes_of(%s) "
            "WHERE ends_at > %s AND starts_at < %s ORDER BY starts_at, ends_at",
            [ticket.pk, since, until],
        )
        return [Freeze(*row) for row in cursor.fetchall()]


def glass_of(ticket: ChangeTicket, moment: dt.datetime | None = None) -> BreakGlass | None:
    """The break-glass that lets the ticket past freezes at a moment."""
    found = ticket.break_glasses.filter(
        confirmed_at__isnull=False, closed_at__isnull=True, expires_at__gt=moment or moment_now()
    )
    return found.select_related("opened_by", "confirmed_by").first()


def closed(ticket: ChangeTicket, moment: dt.datetime | None = None) -> str:
    """Why the ticket's change may not touch production at a moment, as a sentence; empty when it may."""
    moment = moment or moment_now()
    freezes.keep_expanded(moment)
    if ticket.window_start and moment < ticket.window_start:
        return _("The window of %(ticket)s opens at %(at)s.") % {
            "ticket": ticket.number,
            "at": _at(ticket.window_start),
        }
    if glass_of(ticket, moment):
        return ""
    if ticket.window_end and moment >= ticket.window_end:
        return _("The window of %(ticket)s closed at %(at)s.") % {"ticket": ticket.number, "at": _at(ticket.window_end)}
    holding = freezes_of(ticket, moment, moment + dt.timedelta(microseconds=1))
    if not holding:
        return ""
    text = _("%(ticket)s may not change production now: “%(freeze)s” holds until %(until)s.") % {
        "ticket": ticket.number, "freeze": holding[0].title, "until": _at(max(item.ends_at for item in holding)),
    }  # fmt: skip
    allowed = next_allowed(ticket, moment)
    return text if allowed is None else f"{text} " + _("The next free moment is %(at)s.") % {"at": _at(allowed)}


def closed_for(services: Iterable[Service], moment: dt.datetime | None = None) -> str:
    """Why these services may not be changed at a moment by work that has no ticket, as a sentence; empty when they may.

    A break-glass lets the services of its ticket past freezes, by whichever path they are changed.
    """
    moment = moment or moment_now()
    freezes.keep_expanded(moment)
    with connection.cursor() as cursor:
        pks = [service.pk for service in services]
        cursor.execute("SELECT title, ends_at FROM changes_frozen_by(%s::bigint[], %s)", [pks, moment])
        row = cursor.fetchone()
    if row is None:
        return ""
    return _("Production is frozen: “%(freeze)s” holds until %(until)s. An emergency goes by a ticket and break-glass.") % {
        "freeze": row[0], "until": _at(row[1]),
    }  # fmt: skip


def require_open(actor: Any, services: Iterable[Service]) -> None:
    """Raises RuleViolation while one of the services may not be changed; notes a break-glass that makes it possible."""
    chosen = list(services)
    problem = closed_for(chosen)
    if problem:
        raise RuleViolation(problem, code="frozen")
    _use_glasses(actor, chosen)


def next_allowed(ticket: ChangeTicket, moment: dt.datetime, needs_s: float = 0) -> dt.datetime | None:
    """The first moment from which the ticket may change production for `needs_s`; None when none is known ahead."""
    ahead = freezes_of(ticket, moment, moment + LOOK_AHEAD)
    intervals = [calendar.Interval(item.starts_at, item.ends_at) for item in ahead]
    begins = max(moment, ticket.window_start) if ticket.window_start else moment
    needs = dt.timedelta(seconds=needs_s)
    found = calendar.next_allowed(intervals, begins, needs)
    if found >= moment + LOOK_AHEAD or (ticket.window_end and found + needs > ticket.window_end):
        return None
    return found


def closes_at(ticket: ChangeTicket, moment: dt.datetime | None = None) -> dt.datetime | None:
    """When the time in which the ticket may change production ends; None when no end is near. Asked while it may."""
    moment = moment or moment_now()
    glass = glass_of(ticket, moment)
    if glass is not None:
        return glass.expires_at
    ends = [ticket.window_end] if ticket.window_end else []
    ends += [item.starts_at for item in freezes_of(ticket, moment, moment + LOOK_AHEAD) if item.starts_at > moment]
    return min(ends, default=None)


def too_late(ticket: ChangeTicket, needs_s: float, moment: dt.datetime | None = None) -> str:
    """Why work of `needs_s` may not begin now: closed already, or it would not end in time. Empty when it may."""
    moment = moment or moment_now()
    problem = closed(ticket, moment)
    if problem:
        return problem
    end = closes_at(ticket, moment)
    if closing.fits(moment, end, needs_s):
        return ""
    return _("%(ticket)s has until %(end)s, and the next batch needs %(needs)d s: it is not begun.") % {
        "ticket": ticket.number, "end": _at(end), "needs": needs_s,
    }  # fmt: skip


def _at(moment: dt.datetime | None) -> str:
    return shanghai(moment).strftime("%m-%d %H:%M") if moment else "–"


def use_glass(actor: object, ticket: ChangeTicket) -> None:
    """Note that a change goes past a freeze or its window on the strength of a break-glass, the first time it does."""
    moment = moment_now()
    glass = glass_of(ticket, moment)
    if glass is None or glass.used_at is not None:
        return
    past = freezes_of(ticket, moment, moment + dt.timedelta(microseconds=1))
    _note_use(actor, glass, moment, {"freezes": [item.title for item in past]})


def take_glass(actor: object, ticket: ChangeTicket, past: str) -> BreakGlass | None:
    """The break-glass of the ticket that is in force, with the note that it was used to go past `past`; None when there is none."""
    moment = moment_now()
    glass = glass_of(ticket, moment)
    if glass is not None:
        _note_use(actor, glass, moment, {"past": past})
    return glass


def _use_glasses(actor: object, services: Iterable[Service]) -> None:
    """Note every unused break-glass that lets one of these services past a freeze that holds now."""
    moment = moment_now()
    unused = BreakGlass.objects.filter(
        confirmed_at__isnull=False, closed_at__isnull=True, expires_at__gt=moment, used_at=None
    )
    touched = {service.pk for service in services}
    for glass in unused.select_related("ticket").defer("ticket__impact", "ticket__plan"):
        past = freezes_of(glass.ticket, moment, moment + dt.timedelta(microseconds=1))
        if past and touched & _services_of(glass.ticket):
            _note_use(actor, glass, moment, {"freezes": [item.title for item in past]})


def _services_of(ticket: ChangeTicket) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT changes_services_of(%s)", [ticket.pk])
        return {pk for (pk,) in cursor.fetchall()}


def _note_use(actor: object, glass: BreakGlass, moment: dt.datetime, past: dict[str, Any]) -> None:
    """`past`: what it went past, as the record says it. The glass keeps the moment of its first use."""
    BreakGlass.objects.filter(pk=glass.pk, used_at=None).update(used_at=moment)
    audit.record(
        actor=actor, action="break_glass.use", obj=glass.ticket, reason=glass.reason,
        after={"incident": glass.incident, **past},
    )  # fmt: skip
