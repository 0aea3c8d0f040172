"""Playbooks by the clock: making schedules of them. `clockwork` starts them when they are due."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from seeops.audit import services as audit
from seeops.automation import catalogue, choosing, services
from seeops.automation.clockwork import Kind, check, next_moment
from seeops.automation.models import Booking, BookingMoment, Run
from seeops.core.errors import InvalidInput
from seeops.core.live import announce


def _start(booking: Booking) -> Run:
    names = list(choosing.nodes(booking.choice).values_list("name", flat=True))
    return services.run_start(
        actor=booking.created_by, playbook=booking.playbook, nodes=names, inputs=booking.inputs, reason=booking.reason
    )


PLAYBOOKS = Kind(
    model=Booking, related=("created_by",), start=_start,
    keep=lambda booking, **moment: BookingMoment.objects.create(booking=booking, **moment),
    right="automation.run", action="automation.schedule", topic="bookings",
)  # fmt: skip


@transaction.atomic
def booking_make(
    *, actor: Any, playbook: str, choice: Mapping[str, Any], inputs: Mapping[str, Any], expression: str,
    trading_days_only: bool, missed: str, reason: str,
) -> Booking:  # fmt: skip
    """Have a playbook run by the clock on what `choice` names at each moment. Raises Forbidden, InvalidInput, RuleViolation."""
    book = catalogue.playbook(playbook)
    services.require_may_run(actor, book)
    check(reason, missed)
    if not choosing.nodes(choice).exists():
        raise InvalidInput(_("No node is chosen: choose at least one."), field="nodes")
    expression = expression.strip()
    booking = Booking.objects.create(
        playbook=book.code, choice=dict(choice), inputs=catalogue.checked(book, dict(inputs)), expression=expression[:100],
        trading_days_only=trading_days_only, missed=missed, reason=reason.strip()[:300], created_by=actor,
        next_at=next_moment(expression, trading_days_only),
    )  # fmt: skip
    audit.record(
        actor=actor, action=PLAYBOOKS.action, obj=booking, reason=reason,
        after={"playbook": book.code, "choice": booking.choice, "expression": expression, "trading_days_only": trading_days_only},
    )  # fmt: skip
    announce(PLAYBOOKS.topic)
    return booking
