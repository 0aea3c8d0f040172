"""Writes of change tickets: from the draft to the end of the execution.

Rules kept here and by the database: nobody approves what they asked for, planned or carry out; an approval is bound to the digest
of what the approver saw and void as soon as that changes; only an approved ticket inside its window and outside of every freeze is
executed. Decisions are in `deciding`, the question whether production may be changed now in `guard`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from seeops.accounts import rights
from seeops.audit import services as audit
from seeops.changes import approvers, deciding, guard, sealing, stages, standard, states
from seeops.changes.models import BreakGlass, ChangeTicket, Reversibility, StandardTemplate, TicketKind
from seeops.changes.movement import (
    locked,
    move,
    named,
    require_move,
    require_requester,
    tell,
)
from seeops.core.clock import now
from seeops.core.errors import Forbidden, InvalidInput, RuleViolation
from seeops.core.numbering import next_number
from seeops.inventory.models import Node, Service
from seeops.topology.models import BusinessChain


@transaction.atomic
def ticket_create(
    *,
    actor: Any,
    title: str,
    kind: str,
    services: Iterable[Service],
    reason: str,
    window_start: dt.datetime | None = None,
    window_end: dt.datetime | None = None,
    nodes: Iterable[Node] = (),
    chains: Iterable[BusinessChain] = (),
    reversibility: str = Reversibility.AUTO,
    incident: str = "",
    template: StandardTemplate | None = None,
) -> ChangeTicket:
    """Ask for a change. Its impact and its risk are computed at once and frozen. Raises Forbidden, InvalidInput."""
    rights.require(actor, "change.request")
    ticket = ChangeTicket(
        **next_number(ChangeTicket, "CHG"), title=title.strip(), kind=kind, requester=actor, reason=reason.strip(),
        window_start=window_start, window_end=window_end, reversibility=reversibility, incident=incident.strip(),
        template=template,
    )  # fmt: skip
    items = list(services), list(nodes), list(chains)
    _check(ticket, items)
    ticket.save(force_insert=True)
    _set_items(ticket, items)
    sealing.freeze_impact(ticket)
    sealing.assess(ticket)
    sealing.seal(ticket)
    ticket.save()
    audit.record(actor=actor, action="change.create", obj=ticket, reason=reason, after=sealing.audited(ticket))
    tell(ticket)
    return ticket


@transaction.atomic
def ticket_update(
    *,
    actor: Any,
    ticket: ChangeTicket,
    title: str,
    kind: str,
    services: Iterable[Service],
    reason: str,
    window_start: dt.datetime | None,
    window_end: dt.datetime | None,
    nodes: Iterable[Node] = (),
    chains: Iterable[BusinessChain] = (),
    reversibility: str = Reversibility.AUTO,
    incident: str = "",
    template: StandardTemplate | None = None,
) -> ChangeTicket:
    """Change a ticket that is not executed yet. What was approved before is void if its content changes."""
    ticket = locked(ticket)
    require_requester(actor, ticket)
    if ticket.state not in states.EDITABLE:
        raise RuleViolation(_("%(ticket)s is %(state)s and cannot be edited.") % named(ticket))
    items, before = (list(services), list(nodes), list(chains)), sealing.audited(ticket)
    ticket.title, ticket.kind, ticket.reason = title.strip(), kind, reason.strip()
    ticket.window_start, ticket.window_end = window_start, window_end
    ticket.reversibility, ticket.incident, ticket.template = reversibility, incident.strip(), template
    _check(ticket, items)
    if ticket.plan_digest and set(ticket.services.all()) != set(items[0]):
        raise RuleViolation(_("%(ticket)s has a plan for its services: drop the plan first.") % named(ticket))
    _set_items(ticket, items)
    sealing.freeze_impact(ticket)
    sealing.changed(ticket, actor, gettext_noop("the ticket was edited"))
    audit.record(actor=actor, action="change.update", obj=ticket, before=before, after=sealing.audited(ticket))
    return ticket


@transaction.atomic
def ticket_submit(*, actor: Any, ticket: ChangeTicket) -> ChangeTicket:
    """Ask for approval of what the ticket says now; impact, risk and stages are computed anew and frozen.

    A standard change that its template covers is approved by it at once.
    """
    ticket = locked(ticket)
    require_requester(actor, ticket)
    move(ticket, states.SUBMITTED)
    sealing.freeze_impact(ticket)
    sealing.changed(ticket, actor, gettext_noop("the ticket was submitted anew"))
    ticket.submitted_at = now()
    ticket.save(update_fields=["submitted_at", "updated_at"])
    audit.record(actor=actor, action="change.submit", obj=ticket, after=sealing.audited(ticket))
    if ticket.state != states.SUBMITTED:
        audit.record(
            actor=ticket.template.approved_by, action="change.approved_by_template", obj=ticket,
            after={"template": str(ticket.template), "template_id": ticket.template_id},
        )  # fmt: skip
    tell(ticket)
    return ticket


@transaction.atomic
def ticket_withdraw(*, actor: Any, ticket: ChangeTicket) -> ChangeTicket:
    """Take a submitted or rejected ticket back into draft. Approvals so far do not hold any more."""
    ticket = locked(ticket)
    require_requester(actor, ticket)
    move(ticket, states.DRAFT)
    sealing.void(ticket, actor, gettext_noop("the ticket was taken back"))
    ticket.save()
    audit.record(actor=actor, action="change.withdraw", obj=ticket)
    tell(ticket)
    return ticket


def ticket_approve(*, actor: Any, ticket: ChangeTicket, reason: str, seen: str, code: str = "") -> ChangeTicket:
    """Approve the content with the digest `seen`. Raises Forbidden for one's own change, Conflict when it changed since."""
    return deciding.approve(actor=actor, ticket=ticket, reason=reason, seen=seen, code=code)


def ticket_reject(*, actor: Any, ticket: ChangeTicket, reason: str, seen: str) -> ChangeTicket:
    """Refuse the content with the digest `seen`; the reason is for the requester."""
    return deciding.reject(actor=actor, ticket=ticket, reason=reason, seen=seen)


@transaction.atomic
def ticket_cancel(*, actor: Any, ticket: ChangeTicket, reason: str) -> ChangeTicket:
    """Give a change up before it is executed."""
    ticket = locked(ticket)
    require_requester(actor, ticket)
    move(ticket, states.CANCELLED)
    ticket.finished_at, ticket.outcome = now(), reason[:300]
    ticket.save()
    audit.record(actor=actor, action="change.cancel", obj=ticket, reason=reason)
    tell(ticket)
    return ticket


@transaction.atomic
def ticket_expire(*, actor: Any, ticket: ChangeTicket) -> ChangeTicket:
    """An approved ticket whose approvals ran out before it began waits for approval again."""
    ticket = locked(ticket)
    if ticket.state not in states.STARTABLE or standard.stands(ticket) or _passed(ticket):
        return ticket
    move(ticket, states.SUBMITTED)
    sealing.void(ticket, actor, sealing.EXPIRED)
    ticket.save()
    audit.record(actor=actor, action="change.approval_expired", obj=ticket, after={"state": ticket.state})
    tell(ticket)
    return ticket


# --- called by what carries a change out ----------------------------------------------------------------------------


@transaction.atomic
def ticket_plan_set(*, actor: Any, ticket: ChangeTicket, plan: dict[str, Any], plan_digest: str) -> ChangeTicket:
    """Bind a plan to the ticket; `plan` is what the approver reads of it. An approval of anything else is void."""
    ticket = locked(ticket)
    if ticket.state not in (*states.EDITABLE, states.FAILED):
        raise RuleViolation(_("%(ticket)s is %(state)s: no plan can be made for it.") % named(ticket))
    again = ticket.state == states.FAILED
    if ticket.plan_digest == plan_digest and not again:
        return ticket
    before = ticket.plan_digest
    ticket.plan, ticket.plan_digest, ticket.planner = plan, plan_digest, actor
    if again:
        move(ticket, states.SUBMITTED)
        ticket.finished_at, ticket.outcome, ticket.executor = None, "", None
        # What was approved has been carried out: another execution, also of the same plan, needs approvals of its own.
        sealing.void(ticket, actor, gettext_noop("it was used by the execution before"))
    sealing.changed(ticket, actor, gettext_noop("the plan was changed"))
    audit.record(
        actor=actor, action="change.plan", obj=ticket, before={"plan_digest": before},
        after={"plan_digest": plan_digest, "state": ticket.state, "risk": ticket.risk_level},
    )  # fmt: skip
    return ticket


def startable(ticket: ChangeTicket, plan_digest: str) -> str:
    """Why a change with this plan may not begin now, as a sentence; empty when it may."""
    if ticket.state not in states.STARTABLE:
        return _("%(ticket)s is %(state)s: it needs an approval by somebody else first.") % named(ticket)
    if ticket.plan_digest != plan_digest:
        return _("%(ticket)s was approved with another plan.") % named(ticket)
    if ticket.template_id and not ticket.stages:
        problem = standard.outside(ticket)
        if problem:
            return problem
    elif not _passed(ticket):
        return _("The approval of %(ticket)s has expired: it needs another one.") % named(ticket)
    return guard.closed(ticket)


def _passed(ticket: ChangeTicket) -> bool:
    cast = approvers.votes(ticket)
    return bool(cast) and stages.current(stages.parse(ticket.stages), cast) is None


@transaction.atomic
def ticket_execution_begin(*, actor: Any, ticket: ChangeTicket, plan_digest: str) -> ChangeTicket:
    """Begin to carry the change out. Raises Forbidden for whoever approved it; RuleViolation without a valid approval, outside of
    the window, or while production is frozen."""
    ticket = locked(ticket)
    problem = startable(ticket, plan_digest)
    if problem:
        raise RuleViolation(problem)
    _require_not_approver(actor, ticket)
    require_move(ticket, states.EXECUTING)
    guard.use_glass(actor, ticket)
    ticket.state, ticket.executor, ticket.started_at = states.EXECUTING, actor, now()
    ticket.save()
    audit.record(actor=actor, action="change.begin", obj=ticket, after={"plan_digest": plan_digest})
    tell(ticket)
    return ticket


def _require_not_approver(actor: Any, ticket: ChangeTicket) -> None:
    """Who approved, in their own name or another's, or acts for whoever did, does not carry it out."""
    decided = {person for vote in approvers.votes(ticket) for person in vote.people}
    acting_for = {other.pk for other in approvers.delegators(actor)}
    mine = {actor.pk, *acting_for}
    given = set(actor.delegations_given.filter(revoked_at__isnull=True, starts_at__lte=now(), ends_at__gt=now())
                .values_list("delegate", flat=True))  # fmt: skip
    if decided & (mine | given):
        raise Forbidden(
            _("You took part in the approval of %(ticket)s, so somebody else must carry it out.") % named(ticket),
            code="own_change",
        )


def ticket_batch_problem(ticket: ChangeTicket, needs_s: float) -> str:
    """Why a further batch that needs `needs_s` may not be begun now: the window or a freeze would close over it. Empty when it may.

    Asked by whatever carries a change out, at every batch boundary: what cannot end in time is not begun.
    """
    return guard.too_late(ticket, needs_s)


def glass_take(*, actor: Any, ticket: ChangeTicket, past: str) -> BreakGlass | None:
    """The break-glass of the ticket that is in force, noted as used to go past what `past` says; None when there is none."""
    return guard.take_glass(actor, ticket, past)


def production_problem(services: Iterable[Service]) -> str:
    """Why these services may not be changed now by work without a ticket, such as a playbook started by hand; empty when they may."""
    return guard.closed_for(services)


def production_require_open(actor: Any, services: Iterable[Service]) -> None:
    """Raises RuleViolation (code "frozen") while these services may not be changed; notes a break-glass that is used."""
    guard.require_open(actor, services)


@transaction.atomic
def ticket_execution_end(*, actor: Any, ticket: ChangeTicket, succeeded: bool, outcome: str) -> ChangeTicket:
    """Note how the execution ended."""
    ticket = locked(ticket)
    move(ticket, states.DONE if succeeded else states.FAILED)
    ticket.finished_at, ticket.outcome = now(), outcome[:300]
    ticket.save()
    audit.record(actor=actor, action="change.end", obj=ticket, after={"state": ticket.state, "outcome": ticket.outcome})
    tell(ticket)
    return ticket


# --- helpers --------------------------------------------------------------------------------------------------------

Items = tuple[list[Service], list[Node], list[BusinessChain]]


def _check(ticket: ChangeTicket, items: Items) -> None:
    if not any(items):
        raise InvalidInput(_("No service is chosen: say what the change touches."), field="services")
    if ticket.kind == TicketKind.EMERGENCY and not ticket.incident:
        raise InvalidInput(_("An emergency change names its incident."), field="incident")
    if ticket.template is not None and ticket.kind != TicketKind.STANDARD:
        raise InvalidInput(_("Only a standard change has a template."), field="template")
    try:
        ticket.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        raise InvalidInput(f"{name}: {' '.join(messages)}", field=name) from error
    if ticket.window_start and ticket.window_end and ticket.window_end <= ticket.window_start:
        raise InvalidInput(_("The window ends before it begins."), field="window_end")


def _set_items(ticket: ChangeTicket, items: Items) -> None:
    for relation, rows in zip((ticket.services, ticket.nodes, ticket.chains), items, strict=True):
        relation.set(rows)
