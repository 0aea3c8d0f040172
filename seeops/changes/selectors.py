"""Reads about change tickets."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from seeops.accounts import rights
from seeops.changes import states
from seeops.changes.models import Approval, ChangeTicket


def tickets() -> QuerySet[ChangeTicket]:
    """Tickets for a list: without impact and plan, which are large."""
    return ChangeTicket.objects.select_related("requester").prefetch_related("services").defer("impact", "plan")


def ticket_by_pk(pk: int) -> ChangeTicket:
    """One ticket with all of it. Raises ChangeTicket.DoesNotExist."""
    return ChangeTicket.objects.select_related("requester", "planner").prefetch_related("services").get(pk=pk)


def approvals(ticket: ChangeTicket) -> QuerySet[Approval]:
    return ticket.approvals.select_related("approver")


def valid_approval(ticket: ChangeTicket) -> Approval | None:
    """The approval of exactly the ticket's present content, if there is one."""
    return (
        approvals(ticket)
        .filter(decision="approve", voided_at__isnull=True, content_digest=ticket.content_digest)
        .first()
    )


def found(text: str) -> QuerySet[ChangeTicket]:
    """Tickets whose number or title contains `text`."""
    return tickets().filter(Q(number__icontains=text) | Q(title__icontains=text))


def waiting_for(person: Any) -> int:
    """How many tickets this person could decide on now."""
    if not rights.allowed(person, "change.approve"):
        return 0
    mine = Q(requester=person) | Q(planner=person)
    return ChangeTicket.objects.filter(state=states.SUBMITTED).exclude(mine).count()


def may_decide(person: Any, ticket: ChangeTicket) -> bool:
    """Whether the person may approve or reject: has the right, and neither asked for nor planned the change."""
    return (
        ticket.state == states.SUBMITTED
        and person.pk not in (ticket.requester_id, ticket.planner_id)
        and rights.allowed(person, "change.approve", ticket)
    )
