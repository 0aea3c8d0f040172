"""Figures about past changes, for assessments and reports."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import Exists, F, OuterRef, Q

from seeops.audit.models import AuditRecord
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


LAST_CHANGES = 20


def history(service_pks: list[int]) -> tuple[int, int]:
    """(ended, failed or rolled back) of the last executions of changes that touched these services; retries count each."""
    services = ChangeTicket.services.through.objects.filter(service__in=service_pks)
    nodes = ChangeTicket.nodes.through.objects.filter(node__service__in=service_pks)
    chains = ChangeTicket.chains.through.objects.filter(businesschain__hops__service__in=service_pks)
    through = [Q(pk__in=rows.values("changeticket")) for rows in (services, nodes, chains)]
    touching = ChangeTicket.objects.filter(through[0] | through[1] | through[2], started_at__isnull=False)
    numbers = [str(pk) for pk in touching.order_by("-started_at").values_list("pk", flat=True)[: 2 * LAST_CHANGES]]
    ended = AuditRecord.objects.filter(
        action="change.end", object_type=ChangeTicket._meta.label_lower, object_id__in=numbers
    ).order_by("-seq")
    states = list(ended.values_list("after__state", flat=True)[:LAST_CHANGES])
    return len(states), sum(state == TicketState.FAILED for state in states)
