"""Writes of change tickets: from the draft to the end of the execution.

Rules kept here and by the database: nobody approves what they asked for or planned; an approval is bound to the digest of what
the approver saw and void as soon as that changes; only an approved ticket inside its window is executed.
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
from seeops.changes import content, states
from seeops.changes.models import Approval, ChangeTicket, Decision
from seeops.core.clock import now, shanghai
from seeops.core.errors import Conflict, Forbidden, InvalidInput, RuleViolation
from seeops.core.live import announce
from seeops.core.numbering import next_number
from seeops.inventory.models import Service
from seeops.topology import selectors as topology


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
) -> ChangeTicket:
    """Ask for a change. Its impact is computed at once and frozen. Raises Forbidden, InvalidInput."""
    rights.require(actor, "change.request")
    chosen = list(services)
    ticket = ChangeTicket(
        **next_number(ChangeTicket, "CHG"), title=title.strip(), kind=kind, requester=actor, reason=reason.strip(),
        window_start=window_start, window_end=window_end,
    )  # fmt: skip
    _check(ticket, chosen)
    ticket.save(force_insert=True)
    ticket.services.set(chosen)
    _freeze_impact(ticket, chosen)
    _seal(ticket)
    ticket.save()
    audit.record(actor=actor, action="change.create", obj=ticket, reason=reason, after=_audited(ticket))
    _announce(ticket)
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
) -> ChangeTicket:
    """Change a ticket that is not executed yet. What was approved before is void if its content changes."""
    ticket = _locked(ticket)
    _require_requester(actor, ticket)
    if ticket.state not in states.EDITABLE:
        raise RuleViolation(_("%(ticket)s is %(state)s and cannot be edited.") % _named(ticket))
    chosen, before = list(services), _audited(ticket)
    ticket.title, ticket.kind, ticket.reason = title.strip(), kind, reason.strip()
    ticket.window_start, ticket.window_end = window_start, window_end
    _check(ticket, chosen)
    if ticket.plan_digest and set(ticket.services.all()) != set(chosen):
        raise RuleViolation(_("%(ticket)s has a plan for its services: drop the plan first.") % _named(ticket))
    ticket.services.set(chosen)
    _freeze_impact(ticket, chosen)
    _changed(ticket, actor, gettext_noop("the ticket was edited"))
    audit.record(actor=actor, action="change.update", obj=ticket, before=before, after=_audited(ticket))
    return ticket


@transaction.atomic
def ticket_submit(*, actor: Any, ticket: ChangeTicket) -> ChangeTicket:
    """Ask for approval of what the ticket says now; the impact is computed anew and frozen."""
    ticket = _locked(ticket)
    _require_requester(actor, ticket)
    _move(ticket, states.SUBMITTED)
    _freeze_impact(ticket, list(ticket.services.all()))
    _seal(ticket)
    ticket.submitted_at = now()
    ticket.save()
    audit.record(actor=actor, action="change.submit", obj=ticket, after=_audited(ticket))
    _announce(ticket)
    return ticket


@transaction.atomic
def ticket_withdraw(*, actor: Any, ticket: ChangeTicket) -> ChangeTicket:
    """Take a submitted or rejected ticket back into draft."""
    ticket = _locked(ticket)
    _require_requester(actor, ticket)
    _move(ticket, states.DRAFT)
    ticket.save()
    audit.record(actor=actor, action="change.withdraw", obj=ticket)
    _announce(ticket)
    return ticket


def ticket_approve(*, actor: Any, ticket: ChangeTicket, reason: str, seen: str) -> ChangeTicket:
    """Approve the content with the digest `seen`. Raises Forbidden for one's own change, Conflict when it changed since."""
    return _decide(actor, ticket, Decision.APPROVE, reason, seen)


def ticket_reject(*, actor: Any, ticket: ChangeTicket, reason: str, seen: str) -> ChangeTicket:
    """Refuse the content with the digest `seen`; the reason is for the requester."""
    return _decide(actor, ticket, Decision.REJECT, reason, seen)


@transaction.atomic
def _decide(actor: Any, ticket: ChangeTicket, decision: Decision, reason: str, seen: str) -> ChangeTicket:
    ticket = _locked(ticket)
    rights.require(actor, "change.approve", ticket)
    if actor.pk in (ticket.requester_id, ticket.planner_id):
        raise Forbidden(
            _("Nobody decides on their own change: %(ticket)s was asked for or planned by you. Ask somebody else.")
            % {"ticket": ticket.number},
            code="own_change",
        )
    if not reason.strip():
        raise InvalidInput(_("The reason is missing: say what you looked at."), field="reason")
    if seen != ticket.content_digest:
        raise Conflict(_("%(ticket)s was changed since you opened it: read it again.") % {"ticket": ticket.number})
    later = ticket.window_start is not None and ticket.window_start > now()
    approved = states.SCHEDULED if later else states.APPROVED
    target = approved if decision == Decision.APPROVE else states.REJECTED
    _require_move(ticket, target)
    Approval.objects.create(
        ticket=ticket, approver=actor, requester=ticket.requester, planner=ticket.planner, decision=decision,
        reason=reason.strip(), plan_digest=ticket.plan_digest, content_digest=ticket.content_digest,
    )  # fmt: skip
    ticket.state = target
    ticket.save()
    audit.record(
        actor=actor, action=f"change.{decision}", obj=ticket, reason=reason,
        after={"state": ticket.state, "content_digest": ticket.content_digest, "plan_digest": ticket.plan_digest},
    )  # fmt: skip
    _announce(ticket)
    return ticket


@transaction.atomic
def ticket_cancel(*, actor: Any, ticket: ChangeTicket, reason: str) -> ChangeTicket:
    """Give a change up before it is executed."""
    ticket = _locked(ticket)
    _require_requester(actor, ticket)
    _move(ticket, states.CANCELLED)
    ticket.finished_at, ticket.outcome = now(), reason[:300]
    ticket.save()
    audit.record(actor=actor, action="change.cancel", obj=ticket, reason=reason)
    _announce(ticket)
    return ticket


# --- called by what carries a change out ----------------------------------------------------------------------------


@transaction.atomic
def ticket_plan_set(*, actor: Any, ticket: ChangeTicket, plan: dict[str, Any], plan_digest: str) -> ChangeTicket:
    """Bind a plan to the ticket; `plan` is what the approver reads of it. An approval of anything else is void."""
    ticket = _locked(ticket)
    if ticket.state not in (*states.EDITABLE, states.FAILED):
        raise RuleViolation(_("%(ticket)s is %(state)s: no plan can be made for it.") % _named(ticket))
    if ticket.plan_digest == plan_digest:
        return ticket
    before = ticket.plan_digest
    ticket.plan, ticket.plan_digest, ticket.planner = plan, plan_digest, actor
    again = ticket.state == states.FAILED
    if again:
        _move(ticket, states.SUBMITTED)
        ticket.finished_at, ticket.outcome = None, ""
    _changed(ticket, actor, gettext_noop("the plan was changed"))
    audit.record(
        actor=actor, action="change.plan", obj=ticket, before={"plan_digest": before},
        after={"plan_digest": plan_digest, "state": ticket.state},
    )  # fmt: skip
    return ticket


def startable(ticket: ChangeTicket, plan_digest: str) -> str:
    """Why a change with this plan may not begin now, as a sentence; empty when it may."""
    moment = now()
    if ticket.state not in states.STARTABLE:
        return _("%(ticket)s is %(state)s: it needs an approval by somebody else first.") % _named(ticket)
    if ticket.plan_digest != plan_digest:
        return _("%(ticket)s was approved with another plan.") % _named(ticket)
    if ticket.window_start and moment < ticket.window_start:
        at = shanghai(ticket.window_start).strftime("%m-%d %H:%M")
        return _("The window of %(ticket)s opens at %(at)s.") % {"ticket": ticket.number, "at": at}
    if ticket.window_end and moment >= ticket.window_end:
        at = shanghai(ticket.window_end).strftime("%m-%d %H:%M")
        return _("The window of %(ticket)s closed at %(at)s.") % {"ticket": ticket.number, "at": at}
    return ""


@transaction.atomic
def ticket_execution_begin(*, actor: Any, ticket: ChangeTicket, plan_digest: str) -> ChangeTicket:
    """Begin to carry the change out. Raises RuleViolation without a valid approval, or outside of the window."""
    ticket = _locked(ticket)
    problem = startable(ticket, plan_digest)
    if problem:
        raise RuleViolation(problem)
    _move(ticket, states.EXECUTING)
    ticket.started_at = now()
    ticket.save()
    audit.record(actor=actor, action="change.begin", obj=ticket, after={"plan_digest": plan_digest})
    _announce(ticket)
    return ticket


@transaction.atomic
def ticket_execution_end(*, actor: Any, ticket: ChangeTicket, succeeded: bool, outcome: str) -> ChangeTicket:
    """Note how the execution ended."""
    ticket = _locked(ticket)
    _move(ticket, states.DONE if succeeded else states.FAILED)
    ticket.finished_at, ticket.outcome = now(), outcome[:300]
    ticket.save()
    audit.record(actor=actor, action="change.end", obj=ticket, after={"state": ticket.state, "outcome": ticket.outcome})
    _announce(ticket)
    return ticket


# --- helpers --------------------------------------------------------------------------------------------------------


def _locked(ticket: ChangeTicket) -> ChangeTicket:
    return ChangeTicket.objects.select_for_update(of=("self",)).select_related("requester", "planner").get(pk=ticket.pk)


def _named(ticket: ChangeTicket) -> dict[str, str]:
    return {"ticket": ticket.number, "state": ticket.get_state_display()}


def _require_requester(actor: Any, ticket: ChangeTicket) -> None:
    rights.require(actor, "change.request", ticket)
    if actor.pk != ticket.requester_id:
        raise Forbidden(
            _("%(ticket)s belongs to %(requester)s: only they may change it.")
            % {"ticket": ticket.number, "requester": ticket.requester}
        )


def _require_move(ticket: ChangeTicket, state: str) -> None:
    if not states.may_follow(ticket.state, state):
        raise RuleViolation(_("%(ticket)s is %(state)s: this is not possible now.") % _named(ticket))


def _move(ticket: ChangeTicket, state: str) -> None:
    _require_move(ticket, state)
    ticket.state = state


def _check(ticket: ChangeTicket, services: list[Service]) -> None:
    if not services:
        raise InvalidInput(_("No service is chosen: say what the change touches."), field="services")
    try:
        ticket.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        raise InvalidInput(f"{name}: {' '.join(messages)}", field=name) from error
    if ticket.window_start and ticket.window_end and ticket.window_end <= ticket.window_start:
        raise InvalidInput(_("The window ends before it begins."), field="window_end")


def _freeze_impact(ticket: ChangeTicket, services: list[Service]) -> None:
    """What breaks if the change takes these services away altogether: the worst that can happen."""
    report = topology.impact(services=[service.name for service in services], basis="observed")
    ticket.impact, ticket.impact_digest, ticket.impact_at = report.as_dict(), report.digest, now()


def _seal(ticket: ChangeTicket) -> None:
    """Compute the digest of what an approval covers: intent, window and plan. The impact is context: it is frozen with a
    digest of its own and part of the sealed content."""

    def moment(value: dt.datetime | None) -> str:
        return value.astimezone(dt.UTC).isoformat() if value else ""

    ticket.content_digest = content.digest(
        {
            "number": ticket.number,
            "title": ticket.title,
            "kind": ticket.kind,
            "reason": ticket.reason,
            "services": sorted(ticket.services.values_list("name", flat=True)),
            "window": [moment(ticket.window_start), moment(ticket.window_end)],
            "impact_digest": ticket.impact_digest,
            "plan_digest": ticket.plan_digest,
        }
    )


def _changed(ticket: ChangeTicket, actor: Any, why: str) -> None:
    """After a change of content: seal it anew, void approvals of the old content, ask for a new one."""
    before = ticket.content_digest
    _seal(ticket)
    if ticket.content_digest != before:
        voided = ticket.approvals.filter(voided_at__isnull=True, decision=Decision.APPROVE).update(
            voided_at=now(), voided_because=why[:200]
        )
        if ticket.state in states.APPROVAL_NEEDED:
            ticket.state = states.SUBMITTED
        if voided:
            audit.record(
                actor=actor, action="change.approval_void", obj=ticket, reason=why, after={"approvals": voided}
            )
    ticket.save()
    _announce(ticket)


def _audited(ticket: ChangeTicket) -> dict[str, Any]:
    return {
        "state": ticket.state,
        "title": ticket.title,
        "kind": ticket.kind,
        "services": sorted(ticket.services.values_list("name", flat=True)),
        "window_start": ticket.window_start,
        "window_end": ticket.window_end,
        "impact_digest": ticket.impact_digest,
        "plan_digest": ticket.plan_digest,
        "content_digest": ticket.content_digest,
    }


def _announce(ticket: ChangeTicket) -> None:
    announce(f"ticket-{ticket.pk}", "tickets")
