"""Break-glass: an emergency goes past freezes and the usual stages when two people say so, with reason, incident and evidence.

One person opens, another confirms, each with their second factor; neither is alone, and who confirms takes no part in the change.
It lasts some hours, is shown on every page of changes and releases, and waits for a review by a third person.
"""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from seeops.accounts import rights, second_factor
from seeops.audit import services as audit
from seeops.changes import approvers, deciding, defaults, movement, sealing, stages, states
from seeops.changes.models import BreakGlass, ChangePolicy, ChangeTicket, TicketKind
from seeops.core.clock import now
from seeops.core.errors import Conflict, Forbidden, InvalidInput, RuleViolation
from seeops.core.live import announce

log = logging.getLogger(__name__)


def glass_open(*, actor: Any, ticket: ChangeTicket, reason: str, incident: str, code: str = "") -> BreakGlass:
    """Ask for it, with one's second factor: an emergency ticket, or one that is being carried out and stands before a freeze.

    Nothing is lifted yet. Raises Forbidden (right, second factor), InvalidInput, RuleViolation, Conflict.
    """
    _require_openable(actor, ChangeTicket.objects.get(pk=ticket.pk), reason, incident)
    # Before the transaction of the opening: a wrong code must count although the opening is then refused.
    checked = second_factor.check(actor, code)
    return _open(actor, ticket, reason, incident, checked)


def _require_openable(actor: Any, ticket: ChangeTicket, reason: str, incident: str) -> None:
    rights.require(actor, "change.break_glass", ticket)
    if not reason.strip():
        raise InvalidInput(_("The reason is missing: say why this cannot wait."), field="reason")
    if not incident.strip():
        raise InvalidInput(_("The incident number is missing: break-glass belongs to an incident."), field="incident")
    live = ticket.state in (*states.EDITABLE, states.EXECUTING)
    if not live or (ticket.kind != TicketKind.EMERGENCY and ticket.state != states.EXECUTING):
        raise RuleViolation(
            _("%(ticket)s is %(state)s and no emergency: break-glass is for emergencies and for changes under way.")
            % movement.named(ticket)
        )
    if ticket.break_glasses.filter(closed_at__isnull=True).exclude(expires_at__lte=now()).exists():
        raise Conflict(_("A break-glass of %(ticket)s is open already.") % {"ticket": ticket.number})


@transaction.atomic
def _open(actor: Any, ticket: ChangeTicket, reason: str, incident: str, checked: second_factor.Checked) -> BreakGlass:
    ticket = movement.locked(ticket)
    _require_openable(actor, ticket, reason, incident)
    moment = now()
    ticket.break_glasses.filter(closed_at__isnull=True, expires_at__lte=moment).update(closed_at=moment)
    glass = BreakGlass.objects.create(
        ticket=ticket, reason=reason.strip(), incident=incident.strip()[:40], opened_by=actor, opened_at=moment
    )
    _loud("open", actor, glass, reason, checked)
    return glass


def glass_confirm(*, actor: Any, glass: BreakGlass, reason: str, seen: str, code: str = "") -> BreakGlass:
    """Agree, as the second person, with one's second factor. Lifts freezes for the ticket and approves its present content."""
    glass = BreakGlass.objects.select_related("ticket").get(pk=glass.pk)
    _require_second(actor, glass, reason, seen)
    checked = second_factor.check(actor, code)
    return _confirm(actor, glass, reason, seen, checked)


@transaction.atomic
def _confirm(actor: Any, glass: BreakGlass, reason: str, seen: str, checked: second_factor.Checked) -> BreakGlass:
    ticket = movement.locked(glass.ticket)
    glass = BreakGlass.objects.select_for_update(of=("self",)).get(pk=glass.pk)
    glass.ticket = ticket
    _require_second(actor, glass, reason, seen)
    moment = now()
    glass.confirmed_by, glass.confirmed_at = actor, moment
    glass.expires_at = moment + dt.timedelta(hours=ChangePolicy.load().break_glass_h)
    glass.save(update_fields=["confirmed_by", "confirmed_at", "expires_at"])
    if ticket.state in (states.DRAFT, states.SUBMITTED):
        _approve(actor, ticket, reason, checked)
    _loud("confirm", actor, glass, reason, checked)
    return glass


def _approve(actor: Any, ticket: ChangeTicket, reason: str, checked: second_factor.Checked) -> None:
    """The second person's word is the one approval that an emergency under break-glass needs."""
    if ticket.state == states.DRAFT:
        movement.move(ticket, states.SUBMITTED)
        ticket.submitted_at = now()
    sealing.void(ticket, actor, gettext_noop("break-glass took the place of the usual stages"))
    ticket.stages = defaults.BREAK_GLASS_STAGES
    sealing.seal(ticket)
    ticket.save()
    seat = approvers.Seat(stages.parse(ticket.stages)[0])
    deciding.record_vote(actor, ticket, seat, reason, checked)
    movement.approve(ticket)
    ticket.save()


def _require_second(actor: Any, glass: BreakGlass, reason: str, seen: str) -> None:
    ticket = glass.ticket
    rights.require(actor, "change.approve", ticket)
    if glass.confirmed_at is not None or glass.closed_at is not None:
        raise RuleViolation(_("This break-glass of %(ticket)s is decided already.") % {"ticket": ticket.number})
    if actor.pk == glass.opened_by_id:
        raise Forbidden(_("You opened it: another person must confirm."), code="own_change")
    holding = approvers.delegators(actor)
    approvers.require_outsider(actor, ticket, holding)
    if glass.opened_by_id in {other.pk for other in holding}:
        raise Forbidden(_("You act for whoever opened it: another person must confirm."), code="own_change")
    if not reason.strip():
        raise InvalidInput(_("The reason is missing: say what you looked at."), field="reason")
    if seen != ticket.content_digest:
        raise Conflict(_("%(ticket)s was changed since you opened it: read it again.") % {"ticket": ticket.number})


@transaction.atomic
def glass_close(*, actor: Any, glass: BreakGlass, reason: str = "") -> BreakGlass:
    """End it before its time: anybody who could have opened or confirmed it."""
    if not rights.allowed(actor, "change.approve", glass.ticket):
        rights.require(actor, "change.break_glass", glass.ticket)
    glass = BreakGlass.objects.select_for_update(of=("self",)).select_related("ticket").get(pk=glass.pk)
    if glass.closed_at is None:
        glass.closed_at = now()
        glass.save(update_fields=["closed_at"])
        _loud("close", actor, glass, reason)
    return glass


@transaction.atomic
def glass_review(*, actor: Any, glass: BreakGlass, review: str) -> BreakGlass:
    """Say afterwards whether it was right, as a third person. What was found becomes part of the evidence."""
    rights.require(actor, "change.review")
    glass = BreakGlass.objects.select_for_update(of=("self",)).select_related("ticket").get(pk=glass.pk)
    if actor.pk in (glass.opened_by_id, glass.confirmed_by_id) or actor.pk in approvers.involved(glass.ticket):
        raise Forbidden(_("Who took part does not review it: ask a third person."), code="own_change")
    if not review.strip():
        raise InvalidInput(_("Say what the review found."), field="review")
    if glass.confirmed_at is None or glass.reviewed_at is not None:
        raise RuleViolation(_("There is nothing to review."))
    glass.reviewed_by, glass.reviewed_at, glass.review = actor, now(), review.strip()
    glass.save(update_fields=["reviewed_by", "reviewed_at", "review"])
    _loud("review", actor, glass, review)
    return glass


def _loud(what: str, actor: Any, glass: BreakGlass, reason: str, checked: second_factor.Checked | None = None) -> None:
    """Evidence under a name of its own, a line in the log, and every open page of the ticket told."""
    details = {
        "ticket": glass.ticket.number, "incident": glass.incident, "opened_by": glass.opened_by.username,
        "confirmed_by": glass.confirmed_by.username if glass.confirmed_by else None, "expires_at": glass.expires_at,
        "content_digest": glass.ticket.content_digest, "second_factor": checked.method if checked else None,
    }  # fmt: skip
    audit.record(actor=actor, action=f"break_glass.{what}", obj=glass.ticket, reason=reason, after=details)
    log.warning("break-glass %s", what, extra={"ticket": glass.ticket.number, "incident": glass.incident})
    movement.tell(glass.ticket)
    announce("releases", "alerts")
