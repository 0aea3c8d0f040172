"""What the clock does about changes: approvals that ran out, freezes further ahead, break-glass whose time is over."""

from __future__ import annotations

from seeops.accounts.selectors import machine
from seeops.celery import app
from seeops.changes import freezes, services, states
from seeops.changes.models import Approval, BreakGlass, ChangeTicket
from seeops.core.clock import now

KEEPER = "change-keeper"


@app.task
def approvals_expire() -> int:
    """Approved tickets with an approval that ran out wait for approval again. Returns how many were looked at."""
    over = Approval.objects.filter(voided_at__isnull=True, expires_at__lte=now(), decision="approve")
    tickets = list(ChangeTicket.objects.filter(state__in=states.STARTABLE, pk__in=over.values("ticket")))
    for ticket in tickets:
        services.ticket_expire(actor=machine(KEEPER), ticket=ticket)
    return len(tickets)


@app.task
def freezes_expand() -> None:
    freezes.keep_expanded(now())


@app.task
def glasses_close() -> int:
    """Note the end of every break-glass whose time is over."""
    moment = now()
    return BreakGlass.objects.filter(closed_at__isnull=True, expires_at__lte=moment).update(closed_at=moment)


BEAT_SCHEDULE = {
    "changes-approvals-expire": {"task": approvals_expire.name, "schedule": 60.0},
    "changes-glasses-close": {"task": glasses_close.name, "schedule": 60.0},
    "changes-freezes-expand": {"task": freezes_expand.name, "schedule": 3600.0},
}
