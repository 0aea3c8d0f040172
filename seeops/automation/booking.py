"""Playbooks by the clock: making schedules of them and starting what is due. Two beats, or two workers, start a moment once: the row
is locked and moved on in the transaction that starts the run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from seeops.accounts import rights
from seeops.audit import services as audit
from seeops.automation import catalogue, choosing, services, timing
from seeops.automation.models import Booking, BookingMoment, Missed, Outcome
from seeops.changes.freezes import trading_calendar
from seeops.core.clock import now
from seeops.core.errors import InvalidInput, SeeOpsError
from seeops.core.live import announce

GRACE = dt.timedelta(minutes=2)
SHOWN = 3


def _trading(only: bool) -> Callable[[dt.date], bool] | None:
    return trading_calendar().maybe_trading if only else None


def next_moment(expression: str, trading_days_only: bool, after: dt.datetime | None = None) -> dt.datetime:
    """Raises InvalidInput for an expression that cannot be read."""
    try:
        return timing.next_due(expression, after or now(), trading=_trading(trading_days_only))
    except timing.BadExpression as error:
        raise InvalidInput(
            _("%(error)s: write minute, hour, day, month, weekday.") % {"error": error}, field="expression"
        ) from error


@transaction.atomic
def booking_make(
    *, actor: Any, playbook: str, choice: Mapping[str, Any], inputs: Mapping[str, Any], expression: str,
    trading_days_only: bool, missed: str, reason: str,
) -> Booking:  # fmt: skip
    """Have a playbook run by the clock on what `choice` names at each moment. Raises Forbidden, InvalidInput, RuleViolation."""
    book = catalogue.playbook(playbook)
    services.require_may_run(actor, book)
    if not reason.strip():
        raise InvalidInput(_("The reason is missing: say why this is done."), field="reason")
    if missed not in Missed.values:
        raise InvalidInput(_("Choose what happens to a missed moment."), field="missed")
    if not choosing.nodes(choice).exists():
        raise InvalidInput(_("No node is chosen: choose at least one."), field="nodes")
    expression = expression.strip()
    booking = Booking.objects.create(
        playbook=book.code, choice=dict(choice), inputs=catalogue.checked(book, dict(inputs)), expression=expression[:100],
        trading_days_only=trading_days_only, missed=missed, reason=reason.strip()[:300], created_by=actor,
        next_at=next_moment(expression, trading_days_only),
    )  # fmt: skip
    audit.record(
        actor=actor, action="automation.schedule", obj=booking, reason=reason,
        after={"playbook": book.code, "choice": booking.choice, "expression": expression, "trading_days_only": trading_days_only},
    )  # fmt: skip
    announce("bookings")
    return booking


@transaction.atomic
def booking_switch(*, actor: Any, booking: Booking, enabled: bool, reason: str) -> None:
    """Stop a schedule, or let it go on; what was due meanwhile is left out."""
    rights.require(actor, "automation.run")
    booking = Booking.objects.select_for_update().get(pk=booking.pk)
    booking.enabled = enabled
    booking.next_at = next_moment(booking.expression, booking.trading_days_only) if enabled else None
    booking.save(update_fields=["enabled", "next_at"])
    audit.record(actor=actor, action="automation.schedule", obj=booking, reason=reason, after={"enabled": enabled})
    announce("bookings")


def upcoming(booking: Booking) -> list[dt.datetime]:
    """The next moments of an enabled schedule."""
    if not booking.enabled or booking.next_at is None:
        return []
    trading = _trading(booking.trading_days_only)
    return [booking.next_at, *timing.upcoming(booking.expression, booking.next_at, SHOWN - 1, trading=trading)]


def start_due() -> int:
    """Start everything that is due. Returns how many moments were settled."""
    due = Booking.objects.filter(enabled=True, next_at__lte=now()).values_list("pk", flat=True)
    return sum(_settle(pk) for pk in due)


@transaction.atomic
def _settle(pk: int) -> int:
    """Settle the moment at which one schedule is due; of several missed ones the last counts for all."""
    moment = now()
    waiting = Booking.objects.select_for_update(skip_locked=True, of=("self",)).select_related("created_by")
    booking = waiting.filter(pk=pk, enabled=True, next_at__lte=moment).first()
    if booking is None or booking.next_at is None:
        return 0
    due, run, outcome, text = booking.next_at, None, Outcome.STARTED, ""
    booking.next_at = next_moment(booking.expression, booking.trading_days_only)
    booking.save(update_fields=["next_at"])
    if moment - due > GRACE and booking.missed == Missed.SKIP:
        outcome = Outcome.MISSED
    else:
        try:
            with transaction.atomic():
                names = list(choosing.nodes(booking.choice).values_list("name", flat=True))
                run = services.run_start(
                    actor=booking.created_by, playbook=booking.playbook, nodes=names, inputs=booking.inputs,
                    reason=booking.reason,
                )  # fmt: skip
        except SeeOpsError as error:
            outcome, text = Outcome.REFUSED, str(error)[:400]
    BookingMoment.objects.create(booking=booking, due_at=due, at=moment, outcome=outcome, text=text, run=run)
    announce("bookings")
    return 1
