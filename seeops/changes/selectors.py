"""Reads about change tickets."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from seeops.accounts import rights
from seeops.changes import approvers, gate_words, states
from seeops.changes.models import Approval, BreakGlass, ChangeTicket, Reversibility
from seeops.core.clock import now
from seeops.core.errors import SeeOpsError


def tickets() -> QuerySet[ChangeTicket]:
    """Tickets for a list: without impact and plan, which are large."""
    return ChangeTicket.objects.select_related("requester").prefetch_related("services").defer("impact", "plan")


def ticket_by_pk(pk: int) -> ChangeTicket:
    """One ticket with all of it. Raises ChangeTicket.DoesNotExist."""
    return ChangeTicket.objects.select_related("requester", "planner").prefetch_related("services").get(pk=pk)


def approvals(ticket: ChangeTicket) -> QuerySet[Approval]:
    return ticket.approvals.select_related("approver", "on_behalf_of")


def valid_approval(ticket: ChangeTicket) -> Approval | None:
    """The last approval of exactly the ticket's present content, if there is one."""
    return approvers.valid_votes(ticket).select_related("approver", "on_behalf_of").first()


def found(text: str) -> QuerySet[ChangeTicket]:
    """Tickets whose number or title contains `text`."""
    return tickets().filter(Q(number__icontains=text) | Q(title__icontains=text))


def waiting_for(person: Any) -> int:
    """How many tickets wait for a decision that this person could take part in."""
    holding = approvers.delegators(person)
    if not any(rights.allowed(one, "change.approve") for one in (person, *holding)):
        return 0
    parties = {person.pk, *(other.pk for other in holding)}
    mine = Q(requester__in=parties) | Q(planner__in=parties)
    decided = Approval.objects.filter(ticket=OuterRef("pk"), approver=person, voided_at__isnull=True)
    return ChangeTicket.objects.filter(~mine, ~Exists(decided), state=states.SUBMITTED).count()


def seat(person: Any, ticket: ChangeTicket) -> approvers.Seat | None:
    """Where the person could approve or reject now; None when they may not."""
    if ticket.state != states.SUBMITTED:
        return None
    try:
        return approvers.seat(person, ticket)
    except SeeOpsError:
        return None


def may_decide(person: Any, ticket: ChangeTicket) -> bool:
    """Whether the person may approve or reject: has the right, and takes no part in the change."""
    return seat(person, ticket) is not None


def plan_parts(ticket: ChangeTicket) -> list[dict[str, Any]]:
    """The parts of the ticket's plan as its approver reads them, each with how it is taken back in words."""
    words = dict(Reversibility.choices)
    parts = ticket.plan.get("parts", [])
    return [
        {**part, "taken_back": words.get(part.get("reversibility", ""), part.get("reversibility", ""))}
        for part in parts
    ]


def plan_gates(ticket: ChangeTicket) -> list[tuple[str, list[str]]]:
    """What must be passed besides the judge: the name of each gate and what it asks for, in sentences."""
    return gate_words.lines(ticket.plan.get("gates") or {})


def open_glasses() -> QuerySet[BreakGlass]:
    """Break-glass that holds now, for the banner on every page of changes and releases."""
    holding = BreakGlass.objects.filter(confirmed_at__isnull=False, closed_at__isnull=True, expires_at__gt=now())
    return holding.select_related("ticket", "opened_by", "confirmed_by").defer("ticket__impact", "ticket__plan")


def glasses_to_review() -> QuerySet[BreakGlass]:
    """Break-glass that was confirmed and that nobody has reviewed."""
    return BreakGlass.objects.filter(confirmed_at__isnull=False, reviewed_at__isnull=True)


def reviews_waiting(person: Any) -> int:
    """How many openings this person could review now."""
    if not rights.allowed(person, "change.review"):
        return 0
    return glasses_to_review().exclude(Q(opened_by=person) | Q(confirmed_by=person)).count()
