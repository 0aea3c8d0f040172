"""Decisions on tickets: approvals, bound to what was seen, and rejections."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from seeops.accounts import second_factor
from seeops.audit import services as audit
from seeops.changes import approvers, movement, stages, states
from seeops.changes.models import Approval, ChangePolicy, ChangeTicket, Decision
from seeops.core.clock import now
from seeops.core.errors import Conflict, Forbidden, InvalidInput


def approve(*, actor: Any, ticket: ChangeTicket, reason: str, seen: str, code: str = "") -> ChangeTicket:
    """Approve the content with the digest `seen`; `code` is the second factor where the stage asks for it.

    Raises Forbidden for one's own change by any path, Conflict when the content changed since it was seen.
    """
    ticket = ChangeTicket.objects.select_related("requester", "planner").get(pk=ticket.pk)
    seat = approvers.seat(actor, ticket)
    _check_said(ticket, reason, seen)
    movement.require_move(ticket, states.APPROVED)
    # Before the transaction of the decision: a wrong code must count although the decision is then refused.
    checked = second_factor.check(actor, code) if seat.stage.step_up else None
    return _approve(actor, ticket, reason, seen, checked)


@transaction.atomic
def _approve(
    actor: Any, ticket: ChangeTicket, reason: str, seen: str, checked: second_factor.Checked | None
) -> ChangeTicket:
    ticket = movement.locked(ticket)
    seat = approvers.seat(actor, ticket)
    _check_said(ticket, reason, seen)
    movement.require_move(ticket, states.APPROVED)
    if seat.stage.step_up and (checked is None or checked.person != actor.pk):
        raise Forbidden(
            _("This asks for your second factor: type the code that your app shows."), code="second_factor_needed"
        )
    record_vote(actor, ticket, seat, reason, checked)
    if stages.current(stages.parse(ticket.stages), approvers.votes(ticket)) is None:
        movement.approve(ticket)
    ticket.save()
    _record(actor, ticket, Decision.APPROVE, reason, seat)
    return ticket


@transaction.atomic
def reject(*, actor: Any, ticket: ChangeTicket, reason: str, seen: str) -> ChangeTicket:
    """Refuse the content with the digest `seen`; the reason is for the requester. One rejection decides."""
    ticket = movement.locked(ticket)
    approvers.may_reject(actor, ticket)
    _check_said(ticket, reason, seen)
    movement.require_move(ticket, states.REJECTED)
    current = stages.current(stages.parse(ticket.stages), approvers.votes(ticket))
    Approval.objects.create(
        ticket=ticket, approver=actor, requester=ticket.requester, planner=ticket.planner, decision=Decision.REJECT,
        stage=current.number if current else 1, reason=reason.strip(), plan_digest=ticket.plan_digest,
        content_digest=ticket.content_digest,
    )  # fmt: skip
    movement.move(ticket, states.REJECTED)
    ticket.save()
    _record(actor, ticket, Decision.REJECT, reason, None)
    return ticket


def record_vote(
    actor: Any, ticket: ChangeTicket, seat: approvers.Seat, reason: str, checked: second_factor.Checked | None
) -> Approval:
    """Write one approval of the ticket's present content (inside the transaction that moves the ticket)."""
    return Approval.objects.create(
        ticket=ticket, approver=actor, requester=ticket.requester, planner=ticket.planner, on_behalf_of=seat.on_behalf_of,
        stage=seat.stage.number, decision=Decision.APPROVE, reason=reason.strip(), plan_digest=ticket.plan_digest,
        content_digest=ticket.content_digest, stepped_up_at=checked.at if checked else None,
        expires_at=now() + dt.timedelta(hours=ChangePolicy.load().approval_valid_h),
    )  # fmt: skip


def _check_said(ticket: ChangeTicket, reason: str, seen: str) -> None:
    if not reason.strip():
        raise InvalidInput(_("The reason is missing: say what you looked at."), field="reason")
    if seen != ticket.content_digest:
        raise Conflict(_("%(ticket)s was changed since you opened it: read it again.") % {"ticket": ticket.number})


def _record(actor: Any, ticket: ChangeTicket, decision: str, reason: str, seat: approvers.Seat | None) -> None:
    after = {"state": ticket.state, "content_digest": ticket.content_digest, "plan_digest": ticket.plan_digest}
    if seat is not None:
        after |= {"stage": seat.stage.number, "second_factor": seat.stage.step_up}
        after |= {"on_behalf_of": seat.on_behalf_of.username} if seat.on_behalf_of else {}
    audit.record(actor=actor, action=f"change.{decision}", obj=ticket, reason=reason, after=after)
    movement.tell(ticket)
