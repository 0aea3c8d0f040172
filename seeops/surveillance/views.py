"""Pages of market surveillance: cases, one case with its evidence, one account with its status and history."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from seeops.accounts import rights
from seeops.core.clock import now
from seeops.core.errors import SeeOpsError
from seeops.core.http import done, required
from seeops.surveillance import selectors, services, wording
from seeops.surveillance.models import AccountAction, AccountStatus, Outcome


@require_GET
def case_list(request: HttpRequest) -> HttpResponse:
    """Cases, newest first. The address restores filters and page. When the surveillance does not answer, the page says so."""
    rights.require(request.user, "surveillance.view")
    parameters = request.GET.copy()
    parameters.setdefault("state", "open")
    context: dict[str, Any] = {
        "parameters": parameters,
        "patterns": wording.PATTERNS.items(),
        "steps": wording.STEPS.items(),
        "states": wording.STATES.items(),
        "moment": now(),
    }
    try:
        context["found"] = selectors.cases(parameters.dict(), parameters.get("before", ""))
        context["status"] = selectors.status()
        context["restricted"] = selectors.restricted()
    except SeeOpsError as error:
        context["problem"] = str(error)
    return render(request, "surveillance/rows.html" if request.htmx else "surveillance/list.html", context)


@require_GET
def case_detail(request: HttpRequest, number: int) -> HttpResponse:
    """One case: why, the evidence, how it went on, what was done."""
    rights.require(request.user, "surveillance.view")
    context: dict[str, Any] = {"number": number, "moment": now(), "key": uuid.uuid4()}
    try:
        case = selectors.case(number)
        if case is None:
            raise Http404(number)
        context["case"] = case
        context["ours"] = selectors.actions().filter(case=number)[:50]
    except SeeOpsError as error:
        context["problem"] = str(error)
    return render(request, "surveillance/case.html", context)


@require_GET
def account_detail(request: HttpRequest, number: int) -> HttpResponse:
    """One account: status on every shard, cases, who did what to it."""
    rights.require(request.user, "surveillance.view")
    context: dict[str, Any] = {"number": number, "moment": now(), "key": uuid.uuid4()}
    context["ours"] = selectors.actions_of(number)[:50]
    try:
        context["account"] = selectors.account(number)
    except SeeOpsError as error:
        context["problem"] = str(error)
    return render(request, "surveillance/account.html", context)


@require_POST
def set_status(request: HttpRequest, number: int) -> HttpResponse:
    """Restrict, suspend or release an account. Only an executed action is told as done."""
    case = required(request.POST, "case", int) if request.POST.get("case") else None
    action = services.account_set_status(
        actor=request.user,
        account=number,
        status=required(request.POST, "status", int),
        reason=required(request.POST, "reason"),
        case=case,
        key=request.POST.get("key", ""),
    )
    back = reverse("surveillance:case", args=[case]) if case else reverse("surveillance:account", args=[number])
    if action.outcome == Outcome.EXECUTED:
        return done(request, _told(action), back)
    level = messages.ERROR if action.outcome == Outcome.REFUSED else messages.WARNING
    messages.add_message(request, level, _told(action))
    if request.htmx:
        return HttpResponse(status=204, headers={"HX-Redirect": back})
    return redirect(back)


def _told(action: AccountAction) -> str:
    values = {"account": action.account, "status": AccountStatus(action.status).label}
    if action.outcome == Outcome.EXECUTED:
        return _("Account %(account)d is now “%(status)s” on every shard.") % values
    if action.outcome == Outcome.REFUSED:
        detail = action.detail.get("error") or _("a shard refused; look at the account")
        return _("Account %(account)d was not made “%(status)s”: %(detail)s") % {**values, "detail": detail}
    return (
        _("Whether account %(account)d is “%(status)s” now is not known. It is asked again with the same key.") % values
    )


@require_POST
def close(request: HttpRequest, number: int) -> HttpResponse:
    services.case_close(actor=request.user, case=number, note=required(request.POST, "note"))
    text = _("Case %(case)d is closed.") % {"case": number}
    return done(request, text, reverse("surveillance:case", args=[number]))
