"""Writes of the approval stages and of the groups that decide in them. Tickets keep the stages they were submitted with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from seeops.accounts import rights
from seeops.accounts.models import Person, Role
from seeops.audit import services as audit
from seeops.changes import approvers
from seeops.changes.models import ApprovalRule, ApproverGroup, RiskLevel, TicketKind
from seeops.core.errors import InvalidInput

MOST_STAGES = 5


@transaction.atomic
def stages_set(*, actor: Any, kind: str, risk: str, stages: list[dict[str, Any]], reason: str) -> list[ApprovalRule]:
    """Replace the stages of one kind and risk. `stages` in order: {"title", "group" (code), "needed", "step_up"}; at least one."""
    rights.require(actor, "change.control")
    if kind not in TicketKind.values or risk not in RiskLevel.values:
        raise InvalidInput(_("There is no such kind or risk."), field="kind")
    if not 1 <= len(stages) <= MOST_STAGES:
        raise InvalidInput(_("Between one and five stages: nothing goes without an approval."), field="stages")
    if not reason.strip():
        raise InvalidInput(_("The reason is missing: say why."), field="reason")
    before = approvers.stages_for(kind, risk)
    groups = {group.code: group for group in ApproverGroup.objects.all()}
    rows = [_rule(kind, risk, number, stage, groups) for number, stage in enumerate(stages, 1)]
    ApprovalRule.objects.filter(kind=kind, risk=risk).delete()
    ApprovalRule.objects.bulk_create(rows)
    audit.record(
        actor=actor, action="change.stages", obj=("changes.approvalrule", f"{kind}/{risk}", f"{kind}/{risk}"),
        reason=reason, before={"stages": before}, after={"stages": approvers.stages_for(kind, risk)},
    )  # fmt: skip
    return rows


def _rule(kind: str, risk: str, number: int, stage: dict[str, Any], groups: dict[str, ApproverGroup]) -> ApprovalRule:
    group = groups.get(stage["group"])
    if group is None:
        raise InvalidInput(_("There is no group “%(group)s”.") % {"group": stage["group"]}, field="group")
    needed = int(stage["needed"])
    if not 1 <= needed <= 10:
        raise InvalidInput(_("Between one and ten people must approve."), field="needed")
    title = str(stage.get("title", "")).strip() or group.name
    return ApprovalRule(
        kind=kind, risk=risk, number=number, title=title[:80], group=group, needed=needed,
        step_up=bool(stage.get("step_up")),
    )  # fmt: skip


@transaction.atomic
def group_save(
    *, actor: Any, code: str, name: str, roles: Iterable[str], people: Iterable[Person], reason: str
) -> ApproverGroup:
    """Make a group of approvers or change who is in it. Nobody puts themselves into a group."""
    rights.require(actor, "change.control")
    chosen, members = sorted(set(roles)), list(people)
    if set(chosen) - set(Role.values) or Role.MACHINE in chosen:
        raise InvalidInput(_("Unknown role: %(roles)s.") % {"roles": ", ".join(chosen)}, field="roles")
    if not chosen and not members:
        raise InvalidInput(_("The group is empty: nobody could approve."), field="people")
    if not reason.strip():
        raise InvalidInput(_("The reason is missing: say why."), field="reason")
    group = ApproverGroup.objects.filter(code=code).first()
    before = _of(group) if group else None
    joined = {person.pk for person in members} - set(group.people.values_list("pk", flat=True) if group else ())
    new_roles = set(chosen) - set(group.roles if group else ())
    if actor.pk in joined or set(actor.roles) & new_roles:
        raise InvalidInput(
            _("Nobody puts themselves into a group of approvers: ask another administrator."), field="people"
        )
    group = group or ApproverGroup(code=code)
    group.name, group.roles = name.strip(), chosen
    group.full_clean(validate_unique=False)
    group.save()
    group.people.set(members)
    audit.record(actor=actor, action="change.group", obj=group, reason=reason, before=before, after=_of(group))
    return group


def _of(group: ApproverGroup) -> dict[str, Any]:
    return {
        "name": group.name, "roles": group.roles, "people": sorted(group.people.values_list("username", flat=True)),
    }  # fmt: skip
