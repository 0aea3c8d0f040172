"""Who may decide on a ticket, in whose name, and in which stage. Reads only; `stages` decides, `deciding` writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from seeops.accounts import rights
from seeops.accounts.models import Person
from seeops.changes import defaults, stages
from seeops.changes.models import Approval, ApprovalRule, ApproverGroup, ChangeTicket, Decision, Delegation
from seeops.core.clock import now
from seeops.core.errors import Forbidden, RuleViolation


@dataclass(frozen=True)
class Seat:
    """The stage in which a person's approval counts now, and the person they decide for (None: for themselves)."""

    stage: stages.Stage
    on_behalf_of: Person | None = None


def stages_for(kind: str, risk: str) -> list[dict[str, Any]]:
    """The stages that a kind and a risk need, as they are frozen on a ticket; never none."""
    rules = ApprovalRule.objects.filter(kind=kind, risk=risk).select_related("group").order_by("number")
    found = [
        stages.Stage(rule.number, rule.title, rule.group.code, rule.needed, rule.step_up).as_dict() for rule in rules
    ]
    return found or defaults.STAGES[kind, risk]


def valid_votes(ticket: ChangeTicket) -> QuerySet[Approval]:
    """Approvals of exactly the ticket's present content that still hold."""
    unexpired = Q(expires_at__isnull=True) | Q(expires_at__gt=now())
    return ticket.approvals.filter(
        unexpired, decision=Decision.APPROVE, voided_at__isnull=True, content_digest=ticket.content_digest
    )


def votes(ticket: ChangeTicket) -> list[stages.Vote]:
    return [stages.Vote(*row) for row in valid_votes(ticket).values_list("stage", "approver_id", "on_behalf_of_id")]


def progress(ticket: ChangeTicket) -> list[stages.Progress]:
    return stages.progress(stages.parse(ticket.stages), votes(ticket))


def involved(ticket: ChangeTicket) -> frozenset[int]:
    """Requester, planner and executor: none of them decides."""
    return frozenset({ticket.requester_id, ticket.planner_id, ticket.executor_id} - {None})


def delegators(person: Any) -> list[Person]:
    """Everybody whose right to approve the person holds now."""
    moment = now()
    holding = Delegation.objects.filter(
        delegate=person.pk, revoked_at__isnull=True, starts_at__lte=moment, ends_at__gt=moment
    )
    return list(Person.objects.filter(pk__in=holding.values("delegator"), is_active=True).order_by("pk"))


def require_outsider(person: Any, ticket: ChangeTicket, holding: list[Person]) -> None:
    """Raises Forbidden for whoever takes part in the change, or holds the delegation of somebody who does."""
    why = stages.excluded(person.pk, involved=involved(ticket), delegators=[other.pk for other in holding])
    if why == "own_change":
        raise Forbidden(
            _("Nobody decides on their own change: %(ticket)s was asked for or planned by you. Ask somebody else.")
            % {"ticket": ticket.number},
            code="own_change",
        )
    if why:
        raise Forbidden(
            _(
                "You hold the delegation of somebody who takes part in %(ticket)s, so you act for them: ask somebody else."
            )
            % {"ticket": ticket.number},
            code="own_change",
        )


def seat(person: Any, ticket: ChangeTicket) -> Seat:
    """Where the person's approval counts now. Raises Forbidden, or RuleViolation when they count already."""
    if getattr(person, "is_machine", False):
        raise Forbidden(
            _("A machine approves nothing: a person must decide on %(ticket)s.") % {"ticket": ticket.number}
        )
    holding = delegators(person)
    require_outsider(person, ticket, holding)
    cast = votes(ticket)
    stage = stages.current(stages.parse(ticket.stages), cast)
    if stage is None:
        stage = stages.Stage(1, "", defaults.APPROVERS, 1, False)
    if stages.counted(person.pk, cast):
        raise RuleViolation(
            _("You have decided on %(ticket)s already: one person counts once.") % {"ticket": ticket.number}
        )
    if rights.allowed(person, "change.approve", ticket) and in_group(person, stage.group):
        return Seat(stage)
    for other in holding:
        entitled = rights.allowed(other, "change.approve", ticket) and in_group(other, stage.group)
        if entitled and not stages.counted(person.pk, cast, other.pk):
            return Seat(stage, other)
    if not holding:
        rights.require(person, "change.approve", ticket)
    raise Forbidden(
        _("%(ticket)s waits for the stage “%(stage)s”: you are not in the group that decides there.")
        % {"ticket": ticket.number, "stage": stage.title or "1"}
    )


def may_reject(person: Any, ticket: ChangeTicket) -> None:
    """Raises Forbidden unless the person, or somebody who delegated to them, has the right to decide and is no party."""
    holding = delegators(person)
    require_outsider(person, ticket, holding)
    if not any(rights.allowed(other, "change.approve", ticket) for other in holding):
        rights.require(person, "change.approve", ticket)


def in_group(person: Any, code: str) -> bool:
    group = ApproverGroup.objects.filter(code=code).first()
    if group is None:
        return bool(set(person.roles) & set(defaults.GROUPS.get(code, {}).get("roles", ())))
    return bool(set(person.roles) & set(group.roles)) or group.people.filter(pk=person.pk).exists()
