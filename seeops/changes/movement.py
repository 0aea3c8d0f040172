"""How a ticket's row is held and moved from state to state, and who hears of it."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from seeops.accounts import rights
from seeops.changes import states
from seeops.changes.models import ChangeTicket
from seeops.core.clock import now
from seeops.core.errors import Forbidden, InvalidInput, RuleViolation
from seeops.core.live import announce

# What the requester writes, and the relations of a ticket to its configuration items.
FIELDS = ("title", "kind", "reason", "window_start", "window_end", "reversibility", "incident", "template")
ITEMS = ("services", "nodes", "chains")


def locked(ticket: ChangeTicket) -> ChangeTicket:
    """The ticket as it is now, held until the end of the transaction."""
    held = ChangeTicket.objects.select_for_update(of=("self",)).select_related("requester", "planner", "template")
    return held.get(pk=ticket.pk)


def named(ticket: ChangeTicket) -> dict[str, str]:
    return {"ticket": ticket.number, "state": ticket.get_state_display()}


def require_requester(actor: Any, ticket: ChangeTicket) -> None:
    rights.require(actor, "change.request", ticket)
    if actor.pk != ticket.requester_id:
        raise Forbidden(
            _("%(ticket)s belongs to %(requester)s: only they may change it.")
            % {"ticket": ticket.number, "requester": ticket.requester}
        )


def require_reason(reason: str) -> None:
    if not reason.strip():
        raise InvalidInput(_("The reason is missing: say why."), field="reason")


def require_move(ticket: ChangeTicket, state: str) -> None:
    if not states.may_follow(ticket.state, state):
        raise RuleViolation(_("%(ticket)s is %(state)s: this is not possible now.") % named(ticket))


def move(ticket: ChangeTicket, state: str) -> None:
    require_move(ticket, state)
    ticket.state = state


def approve(ticket: ChangeTicket) -> None:
    """Every stage is passed: approved, or scheduled when the window opens later."""
    later = ticket.window_start is not None and ticket.window_start > now()
    move(ticket, states.SCHEDULED if later else states.APPROVED)


def tell(ticket: ChangeTicket) -> None:
    announce(f"ticket-{ticket.pk}", "tickets")
