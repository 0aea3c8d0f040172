"""Pages of the judge: other settings tried on what was judged before, and settings proposed and put in force."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from seeops.accounts import rights
from seeops.core.errors import InvalidInput
from seeops.core.http import done
from seeops.releases import backtest, judge_profiles, judge_wording
from seeops.releases.judge_models import JudgeProfile
from seeops.releases.judge_settings import JudgeSettings, parsed

PROFILES_SHOWN = 20
SIZES = (25, 50, 100)


def wanted_settings(values: Any) -> JudgeSettings:
    """The settings in force with those that `values` changes. Raises InvalidInput."""
    try:
        return parsed(values, judge_profiles.in_force())
    except ValueError as error:
        name, why = error.args
        raise InvalidInput(f"{name}: {why}", field=name) from error


@require_GET
def judge(request: HttpRequest) -> HttpResponse:
    """The settings, and what they would have said about the last verdicts."""
    rights.require(request.user, "release.view")
    problem, used = "", judge_profiles.in_force()
    try:
        used = wanted_settings(request.GET)
    except InvalidInput as error:
        problem = str(error)
    limit, before = request.GET.get("n", ""), request.GET.get("before", "")
    context = {
        "problem": problem,
        "rows": _fields(used),
        "tried": backtest.run(
            used,
            limit=int(limit) if limit.isdigit() else backtest.PAGE,
            before=int(before) if before.isdigit() else None,
        ),
        "n": limit,
        "sizes": SIZES,
        "changed": used != judge_profiles.in_force(),
        "profiles": JudgeProfile.objects.select_related("proposed_by", "in_force_by")[:PROFILES_SHOWN],
        "may_judge": rights.allowed(request.user, judge_profiles.RIGHT),
    }
    return render(request, "releases/judge.html", context)


def _fields(used: JudgeSettings) -> list[dict[str, Any]]:
    """Every setting with its value here, in force, and whether it is a switch."""
    force = asdict(judge_profiles.in_force())
    return [
        {
            "name": item.name,
            "title": judge_wording.WORDS[item.name],
            "value": value,
            "in_force": force[item.name],
            "switch": isinstance(value, bool),
        }
        for item in fields(JudgeSettings)
        for value in [getattr(used, item.name)]
    ]


@require_POST
def propose(request: HttpRequest) -> HttpResponse:
    """Put the settings of the form up for a second person."""
    wanted = wanted_settings(request.POST)
    profile = judge_profiles.judge_profile_propose(
        actor=request.user, wanted=wanted, reason=request.POST.get("reason", "")
    )
    text = _("%(profile)s is proposed; a second person puts it in force.") % {"profile": profile}
    return done(request, text, reverse("releases:judge"))


@require_POST
def put_in_force(request: HttpRequest, pk: int) -> HttpResponse:
    profile = get_object_or_404(JudgeProfile, pk=pk)
    judge_profiles.judge_profile_put_in_force(actor=request.user, profile=profile)
    return done(
        request, _("%(profile)s judges the plans made from now on.") % {"profile": profile}, reverse("releases:judge")
    )
