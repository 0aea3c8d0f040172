"""Pages of what rules the changes: calendar and freezes, approval stages, groups, delegations and templates."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from seeops.accounts import rights
from seeops.accounts import selectors as accounts
from seeops.accounts.models import Role
from seeops.changes import approvers, calendar, delegations, freezes, stage_rules, standard
from seeops.changes.forms import DelegationForm, FreezeForm, TemplateForm
from seeops.changes.models import (
    ApproverGroup,
    CalendarDay,
    ChangePolicy,
    Delegation,
    FreezeInterval,
    FreezeRule,
    RiskLevel,
    StandardTemplate,
    TicketKind,
)
from seeops.core.clock import now, shanghai
from seeops.core.errors import InvalidInput
from seeops.core.http import done, required

DAYS_SHOWN = 21
MOST_STAGES = stage_rules.MOST_STAGES


@require_GET
def calendar_page(request: HttpRequest) -> HttpResponse:
    """The coming days as the exchange trades, every freeze, and when each holds next."""
    rights.require(request.user, "change.view")
    moment = now()
    known = freezes.trading_calendar()
    rules = list(FreezeRule.objects.prefetch_related("services", "domains", "chains"))
    ahead = (
        FreezeInterval.objects.filter(ends_at__gt=moment)
        .select_related("rule")
        .order_by("rule_id", "starts_at")
        .distinct("rule_id")
    )
    following = {item.rule_id: item for item in ahead}
    context = {
        "policy": ChangePolicy.load(),
        "phase": known.phase(moment),
        "known_until": known.known_until,
        "days": _days(known, moment),
        "rules": [{"rule": rule, "next": following.get(rule.pk)} for rule in rules],
        "frozen_now": [item for item in following.values() if item.starts_at <= moment],
        "overrides": CalendarDay.objects.all(),
        "may_control": rights.allowed(request.user, "change.control"),
    }
    return render(request, "changes/calendar.html", context)


def _days(known: calendar.TradingCalendar, moment: dt.datetime) -> list[dict[str, Any]]:
    """The coming days: {day, trading, corrected}; trading None where nothing is announced."""
    first = shanghai(moment).date()
    days = [first + ahead * calendar.DAY for ahead in range(DAYS_SHOWN)]
    return [{"day": day, "trading": known.trading(day), "corrected": day in known.overrides} for day in days]


@require_POST
def policy_set(request: HttpRequest) -> HttpResponse:
    freezes.policy_set(
        actor=request.user, calendar_in_force=request.POST.get("calendar_in_force") == "1",
        approval_valid_h=required(request.POST, "approval_valid_h", int),
        break_glass_h=required(request.POST, "break_glass_h", int), reason=request.POST.get("reason", ""),
    )  # fmt: skip
    return done(request, _("The settings were changed."), reverse("changes:calendar"))


@require_POST
def day_set(request: HttpRequest) -> HttpResponse:
    day = required(request.POST, "day", dt.date.fromisoformat)
    trading = request.POST.get("trading") == "1"
    freezes.day_set(actor=request.user, day=day, trading=trading, note=request.POST.get("note", ""))
    return done(request, _("The calendar was corrected."), reverse("changes:calendar"))


@require_POST
def day_remove(request: HttpRequest, pk: int) -> HttpResponse:
    freezes.day_remove(actor=request.user, day=get_object_or_404(CalendarDay, pk=pk))
    return done(request, _("What was announced holds again."), reverse("changes:calendar"))


@require_http_methods(["GET", "POST"])
def freeze_edit(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """Make a freeze, or change one."""
    rights.require(request.user, "change.control")
    rule = get_object_or_404(FreezeRule, pk=pk) if pk else None
    form = FreezeForm(request.POST or None, rule=rule)
    if request.method == "POST" and form.is_valid():
        values = {name: form.cleaned_data[name] for name in freezes.RULE_FIELDS}
        scope = {name: form.cleaned_data[name] for name in freezes.SCOPES}
        try:
            freezes.rule_save(
                actor=request.user, rule=rule, values=values, scope=scope, reason=form.cleaned_data["change_reason"]
            )
        except InvalidInput as error:
            form.add_error(error.field if error.field in form.fields else None, str(error))
        else:
            return done(request, _("The freeze was saved."), reverse("changes:calendar"))
    return render(request, "changes/freeze.html", {"form": form, "rule": rule}, status=400 if form.errors else 200)


@require_POST
def freeze_remove(request: HttpRequest, pk: int) -> HttpResponse:
    rule = get_object_or_404(FreezeRule, pk=pk)
    freezes.rule_remove(actor=request.user, rule=rule, reason=request.POST.get("reason", ""))
    return done(request, _("The freeze was removed."), reverse("changes:calendar"))


@require_GET
def approval_page(request: HttpRequest) -> HttpResponse:
    """Which stages a change needs, who is in the groups, who decides for whom, and what is approved beforehand."""
    rights.require(request.user, "change.view")
    return _approval_page(request, DelegationForm(), TemplateForm())


def _approval_page(
    request: HttpRequest, delegation: DelegationForm, template: TemplateForm, status: int = 200
) -> HttpResponse:
    moment = now()
    groups = {group.code: group for group in ApproverGroup.objects.prefetch_related("people")}
    given = Delegation.objects.filter(revoked_at__isnull=True, ends_at__gt=moment)
    context = {
        "rows": [_stages_of(kind, risk, groups) for kind in TicketKind for risk in RiskLevel],
        "groups": groups.values(),
        "roles": [role for role in Role if role != Role.MACHINE],
        "people": accounts.people().filter(is_active=True),
        "delegations": given.select_related("delegator", "delegate"),
        "templates": StandardTemplate.objects.filter(retired_at__isnull=True, valid_until__gt=moment)
        .select_related("author", "approved_by").prefetch_related("services"),
        "delegation_form": delegation,
        "template_form": template,
        "may_control": rights.allowed(request.user, "change.control"),
    }  # fmt: skip
    return render(request, "changes/approval.html", context, status=status)


def _stages_of(kind: TicketKind, risk: RiskLevel, groups: dict[str, ApproverGroup]) -> dict[str, Any]:
    stages = [
        {**stage, "group_name": groups[stage["group"]].name if stage["group"] in groups else stage["group"]}
        for stage in approvers.stages_for(kind, risk)
    ]
    by_number = {stage["number"]: stage for stage in stages}
    slots = [{"number": number, "stage": by_number.get(number)} for number in range(1, MOST_STAGES + 1)]
    return {"kind": kind, "risk": risk, "stages": stages, "slots": slots, "id": f"{kind.value}-{risk.value}"}


@require_POST
def stages_set(request: HttpRequest) -> HttpResponse:
    """Replace the stages of a kind and risk; a stage without a group is left out."""
    stages = []
    for number in range(1, MOST_STAGES + 1):
        group = request.POST.get(f"group-{number}", "")
        if group:
            stages.append({
                "title": request.POST.get(f"title-{number}", ""), "group": group,
                "needed": required(request.POST, f"needed-{number}", int),
                "step_up": request.POST.get(f"step_up-{number}") == "1",
            })  # fmt: skip
    stage_rules.stages_set(
        actor=request.user, kind=required(request.POST, "kind"), risk=required(request.POST, "risk"), stages=stages,
        reason=request.POST.get("reason", ""),
    )  # fmt: skip
    return done(request, _("The stages were changed."), reverse("changes:approval"))


@require_POST
def group_save(request: HttpRequest) -> HttpResponse:
    people = accounts.people().filter(username__in=request.POST.getlist("people"))
    stage_rules.group_save(
        actor=request.user, code=required(request.POST, "code"), name=required(request.POST, "name"),
        roles=request.POST.getlist("roles"), people=people, reason=request.POST.get("reason", ""),
    )  # fmt: skip
    return done(request, _("The group was saved."), reverse("changes:approval"))


@require_POST
def delegation_create(request: HttpRequest) -> HttpResponse:
    form = DelegationForm(request.POST)
    if form.is_valid():
        try:
            delegations.delegation_create(actor=request.user, **form.cleaned_data)
        except InvalidInput as error:
            form.add_error(error.field if error.field in form.fields else None, str(error))
        else:
            return done(request, _("Your right to approve is passed on."), reverse("changes:approval"))
    return _approval_page(request, form, TemplateForm(), 400)


@require_POST
def delegation_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    delegations.delegation_revoke(actor=request.user, delegation=get_object_or_404(Delegation, pk=pk))
    return done(request, _("The delegation was taken back."), reverse("changes:approval"))


@require_POST
def template_create(request: HttpRequest) -> HttpResponse:
    form = TemplateForm(request.POST)
    if form.is_valid():
        try:
            standard.template_create(actor=request.user, **form.cleaned_data)
        except InvalidInput as error:
            form.add_error(error.field if error.field in form.fields else None, str(error))
        else:
            return done(request, _("The template waits for an approval by somebody else."), reverse("changes:approval"))
    return _approval_page(request, DelegationForm(), form, 400)


@require_POST
def template_decide(request: HttpRequest, pk: int) -> HttpResponse:
    template = get_object_or_404(StandardTemplate, pk=pk)
    reason = request.POST.get("reason", "")
    if request.POST.get("decision") == "approve":
        standard.template_approve(actor=request.user, template=template, reason=reason)
        return done(request, _("The template holds."), reverse("changes:approval"))
    standard.template_retire(actor=request.user, template=template, reason=reason)
    return done(request, _("The template is retired."), reverse("changes:approval"))
