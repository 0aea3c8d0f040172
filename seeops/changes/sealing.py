"""What an approval covers: the impact, the risk and the stages of a ticket as they are now, and the digest over all of it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils.translation import gettext_noop

from seeops.audit import services as audit
from seeops.changes import approvers, content, figures, freezes, movement, risk, standard, states
from seeops.changes.models import ChangePolicy, ChangeTicket, Decision
from seeops.core.clock import now
from seeops.inventory import selectors as inventory
from seeops.inventory.models import Service
from seeops.topology import selectors as topology

# How long a change without an end of its window is taken to last.
OPEN_WINDOW = dt.timedelta(hours=72)


def touched(ticket: ChangeTicket) -> list[Service]:
    """Every service that the ticket's configuration items stand for."""
    pks = set(ticket.services.values_list("pk", flat=True))
    pks |= set(ticket.nodes.values_list("service_id", flat=True))
    pks |= set(ticket.chains.values_list("hops__service_id", flat=True)) - {None}
    return list(Service.objects.filter(pk__in=pks).order_by("name"))


def freeze_impact(ticket: ChangeTicket) -> None:
    """What breaks if the change takes its configuration items away altogether: the worst that can happen."""
    services = set(ticket.services.values_list("name", flat=True))
    services |= set(ticket.chains.values_list("hops__service__name", flat=True)) - {None}
    nodes = set(ticket.nodes.values_list("name", flat=True))
    report = topology.impact(services=sorted(services), nodes=sorted(nodes), basis="observed")
    ticket.impact, ticket.impact_digest, ticket.impact_at = report.as_dict(), report.digest, now()


def assess(ticket: ChangeTicket) -> None:
    """Compute the risk from the frozen impact, the window and history, and the stages that follow from it."""
    found = risk.assess(_inputs(ticket))
    ticket.risk, ticket.risk_level = found.as_dict(), found.level
    ticket.stages = [] if standard.stands(ticket) else approvers.stages_for(ticket.kind, ticket.risk_level)


def _inputs(ticket: ChangeTicket) -> risk.Inputs:
    services = touched(ticket)
    active = inventory.active_nodes().filter(service__in=services)
    impact = ticket.impact
    critical = sum(1 for chain in impact.get("chains", []) if chain["critical"] and chain["lost_share"] > 0)
    changes, failed = figures.history([service.pk for service in services])
    return risk.Inputs(
        lost_share=impact.get("lost_share", 1.0),
        critical_chains=critical + len(impact.get("uncertain", [])),
        single_points=len(impact.get("new_single_points", [])),
        unknown_nodes=active.filter(state_now="unknown").count(),
        nodes=standard.nodes_changed(ticket),
        nodes_of_services=active.count(),
        phases=_phases(ticket),
        changes=changes,
        failed=failed,
        reversibility=_reversibility(ticket),
        emergency=ticket.kind == "emergency",
    )


def _phases(ticket: ChangeTicket) -> frozenset[str] | None:
    if not ChangePolicy.load().calendar_in_force:
        return None
    start = ticket.window_start or now()
    return freezes.trading_calendar().phases(start, ticket.window_end or start + OPEN_WINDOW)


def _reversibility(ticket: ChangeTicket) -> str:
    """The harder of what the ticket and its plan say."""
    said = [ticket.reversibility, ticket.plan.get("reversibility", risk.AUTO)]
    return max(said, key=lambda name: risk.REVERSIBILITY_POINTS.get(name, risk.REVERSIBILITY_POINTS[risk.FORWARD_ONLY]))


def seal(ticket: ChangeTicket) -> None:
    """Compute the digest of what an approval covers: intent, window, risk, stages and plan. The impact is context: it is frozen
    with a digest of its own and part of the sealed content."""

    def moment(value: dt.datetime | None) -> str:
        return value.astimezone(dt.UTC).isoformat() if value else ""

    ticket.content_digest = content.digest(
        {
            "number": ticket.number,
            "title": ticket.title,
            "kind": ticket.kind,
            "reason": ticket.reason,
            "services": sorted(ticket.services.values_list("name", flat=True)),
            "nodes": sorted(ticket.nodes.values_list("name", flat=True)),
            "chains": sorted(ticket.chains.values_list("code", flat=True)),
            "window": [moment(ticket.window_start), moment(ticket.window_end)],
            "reversibility": ticket.reversibility,
            "incident": ticket.incident,
            "template": ticket.template_id,
            "risk": [ticket.risk_level, ticket.risk.get("points", 0)],
            "stages": ticket.stages,
            "impact_digest": ticket.impact_digest,
            "plan_digest": ticket.plan_digest,
        }
    )


def changed(ticket: ChangeTicket, actor: Any, why: str) -> None:
    """After a change of content: assess and seal it anew, void approvals of the old content, ask for new ones."""
    before = ticket.content_digest
    assess(ticket)
    seal(ticket)
    if ticket.content_digest != before:
        void(ticket, actor, why)
        if ticket.state in states.APPROVAL_NEEDED:
            ticket.state = states.SUBMITTED
    if ticket.state == states.SUBMITTED and standard.stands(ticket):
        movement.approve(ticket)
    ticket.save()
    movement.tell(ticket)


def void(ticket: ChangeTicket, actor: Any, why: str) -> int:
    """Approvals so far do not hold any more."""
    holding = ticket.approvals.filter(voided_at__isnull=True, decision=Decision.APPROVE)
    voided = holding.update(voided_at=now(), voided_because=why[:200])
    if voided:
        audit.record(actor=actor, action="change.approval_void", obj=ticket, reason=why, after={"approvals": voided})
    return voided


EXPIRED = gettext_noop("it expired before the change began")


def audited(ticket: ChangeTicket) -> dict[str, Any]:
    return {
        "state": ticket.state,
        "title": ticket.title,
        "kind": ticket.kind,
        "services": sorted(ticket.services.values_list("name", flat=True)),
        "nodes": sorted(ticket.nodes.values_list("name", flat=True))[:200],
        "chains": sorted(ticket.chains.values_list("code", flat=True)),
        "window_start": ticket.window_start,
        "window_end": ticket.window_end,
        "risk": ticket.risk_level,
        "stages": ticket.stages,
        "impact_digest": ticket.impact_digest,
        "plan_digest": ticket.plan_digest,
        "content_digest": ticket.content_digest,
    }
