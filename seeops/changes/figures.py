"""Figures about past changes, for assessments and reports."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import Exists, F, OuterRef

from seeops.changes.models import Approval, ChangeTicket, Decision, TicketState

EXECUTED = [TicketState.EXECUTING, TicketState.DONE, TicketState.FAILED]


@dataclass(frozen=True)
class ChangeFigures:
    """Counts over the tickets executed since a moment."""

    tickets: int
    executed: int
    approved_by_other: int
    with_impact: int


def change_figures(since: dt.datetime) -> ChangeFigures:
    """Tickets made since `since`, and of the executed ones: approved by somebody else, with an impact report."""
    made = ChangeTicket.objects.filter(created_at__gte=since)
    executed = made.filter(state__in=EXECUTED)
    by_other = Approval.objects.filter(
        ticket=OuterRef("pk"), decision=Decision.APPROVE, voided_at__isnull=True
    ).exclude(approver=F("requester"))
    return ChangeFigures(
        tickets=made.count(),
        executed=executed.count(),
        approved_by_other=executed.filter(Exists(by_other)).count(),
        with_impact=executed.exclude(impact_digest="").count(),
    )
