"""Standard changes: does the template that was approved once cover this ticket? And the templates themselves."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from seeops.accounts import rights
from seeops.audit import services as audit
from seeops.changes.models import ChangeTicket, RiskLevel, StandardTemplate, TicketKind
from seeops.core.clock import now
from seeops.core.errors import Forbidden, InvalidInput, RuleViolation
from seeops.inventory.models import Service

LONGEST = dt.timedelta(days=366)


def nodes_changed(ticket: ChangeTicket) -> int:
    """How many nodes the plan changes; without a plan, all that the ticket's items stand for."""
    batches = ticket.plan.get("batches")
    if batches is None:
        return int(ticket.impact.get("nodes_taken", 0))
    return sum(int(batch["count"]) for batch in batches)


def stands(ticket: ChangeTicket) -> bool:
    return ticket.template_id is not None and not outside(ticket)


def outside(ticket: ChangeTicket) -> str:
    """Why the ticket's template does not cover it, as a sentence; empty when it does."""
    template = ticket.template
    if template is None or ticket.kind != TicketKind.STANDARD:
        return _("%(ticket)s has no template.") % {"ticket": ticket.number}
    if not holds(template):
        return _("The template “%(template)s” does not hold (any more).") % {"template": template}
    covered = set(template.services.values_list("pk", flat=True))
    named = set(ticket.services.values_list("pk", flat=True)) | set(ticket.nodes.values_list("service_id", flat=True))
    if not named <= covered or ticket.chains.exists():
        return _("%(ticket)s touches more than the template “%(template)s” covers.") % {
            "ticket": ticket.number, "template": template,
        }  # fmt: skip
    nodes = nodes_changed(ticket)
    if nodes > template.most_nodes:
        return _("%(ticket)s changes %(n)d nodes; the template “%(template)s” covers %(most)d.") % {
            "ticket": ticket.number, "n": nodes, "template": template, "most": template.most_nodes,
        }  # fmt: skip
    if ticket.risk_level != RiskLevel.LOW:
        return _("The risk of %(ticket)s is %(risk)s: only a low one goes without an approval of its own.") % {
            "ticket": ticket.number, "risk": ticket.get_risk_level_display(),
        }  # fmt: skip
    return ""


def holds(template: StandardTemplate) -> bool:
    return bool(template.approved_by_id) and template.retired_at is None and template.valid_until > now()


@transaction.atomic
def template_create(
    *, actor: Any, title: str, procedure: str, services: Iterable[Service], most_nodes: int, valid_until: dt.datetime
) -> StandardTemplate:
    """Propose a template; it holds when somebody else has approved it. Raises Forbidden, InvalidInput."""
    rights.require(actor, "change.control")
    chosen = list(services)
    if not chosen:
        raise InvalidInput(_("No service is chosen: say what the change touches."), field="services")
    if not now() < valid_until <= now() + LONGEST:
        raise InvalidInput(_("A template holds for at most a year from now."), field="valid_until")
    template = StandardTemplate(
        title=title.strip(), procedure=procedure.strip(), most_nodes=most_nodes, valid_until=valid_until, author=actor
    )
    try:
        template.full_clean()
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        raise InvalidInput(" ".join(messages), field=name) from error
    template.save()
    template.services.set(chosen)
    audit.record(
        actor=actor, action="change.template", obj=template,
        after={"title": template.title, "services": [s.name for s in chosen], "most_nodes": most_nodes,
               "valid_until": valid_until},
    )  # fmt: skip
    return template


@transaction.atomic
def template_approve(*, actor: Any, template: StandardTemplate, reason: str) -> StandardTemplate:
    """Approve a template: never one's own."""
    rights.require(actor, "change.approve")
    template = StandardTemplate.objects.select_for_update(of=("self",)).get(pk=template.pk)
    if actor.pk == template.author_id:
        raise Forbidden(_("Nobody approves a template of their own: ask somebody else."), code="own_change")
    if template.approved_by_id or template.retired_at:
        raise RuleViolation(_("“%(template)s” is decided already.") % {"template": template})
    if not reason.strip():
        raise InvalidInput(_("The reason is missing: say what you looked at."), field="reason")
    template.approved_by, template.approved_at = actor, now()
    template.save(update_fields=["approved_by", "approved_at"])
    audit.record(actor=actor, action="change.template_approve", obj=template, reason=reason)
    return template


@transaction.atomic
def template_retire(*, actor: Any, template: StandardTemplate, reason: str) -> StandardTemplate:
    """End a template; tickets that were not begun yet need an approval of their own."""
    if not rights.allowed(actor, "change.approve"):
        rights.require(actor, "change.control")
    if not reason.strip():
        raise InvalidInput(_("The reason is missing: say why."), field="reason")
    template.retired_at = template.retired_at or now()
    template.save(update_fields=["retired_at"])
    audit.record(actor=actor, action="change.template_retire", obj=template, reason=reason)
    return template
