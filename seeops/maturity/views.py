"""Pages of the maturity assessment: levels, the criteria behind them, the evidence behind those, and the exports."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from seeops.accounts import rights
from seeops.audit import services as audit
from seeops.core.http import done, required
from seeops.maturity import selectors, services
from seeops.maturity.framework import Criterion, Framework, frameworks
from seeops.maturity.measures import MEASURES
from seeops.maturity.models import Attestation, Evidence, Export
from seeops.maturity.rating import CriterionResult, Rating, State

DRAWN = {State.MET: "good", State.NOT_MET: "attention", State.NOT_EVALUATED: "unknown"}
HISTORY_ROWS = 50


def _framework(code: str) -> Framework:
    try:
        return frameworks()[code]
    except KeyError as error:
        raise Http404(code) from error


@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """Levels by domain, criteria by item, and what was exported."""
    rights.require(request.user, "maturity.view")
    chosen = request.GET.get("framework") or next(iter(frameworks()))
    framework = _framework(chosen)
    rated = selectors.rate_now(framework)
    return render(
        request,
        "maturity/overview.html",
        {
            "framework": framework,
            "frameworks": [(entry.code, entry.name.in_language(get_language())) for entry in frameworks().values()],
            "name": framework.name.in_language(get_language()),
            "disclaimer": framework.disclaimer.in_language(get_language()),
            "rated": rated,
            "level_name": level_name(rated, rated.level),
            "domains": [_domain(rated, domain) for domain in rated.domains],
            "counts": {state.value: rated.count(state) for state in State},
            "exports": Export.objects.select_related("person")[:20],
        },
    )


def level_name(rated: Rating, level: int) -> str:
    return rated.framework.levels[level - 1].in_language(get_language()) if level else _("below level 1")


def _domain(rated: Rating, domain: Any) -> dict[str, Any]:
    language = get_language()
    return {
        "name": domain.domain.name.in_language(language),
        "level": domain.level,
        "level_name": level_name(rated, domain.level),
        "median": domain.median,
        "steps": range(1, len(rated.framework.levels) + 1),
        "items": [
            {
                "name": item.item.name.in_language(language),
                "level": item.level,
                "criteria": [_row(result) for result in item.criteria],
            }
            for item in domain.items
        ],
    }


def _row(result: CriterionResult) -> dict[str, Any]:
    return {
        "code": result.criterion.code,
        "level": result.criterion.level,
        "text": result.criterion.text.in_language(get_language()),
        "drawn": DRAWN[result.state],
        "word": _word(result),
        "fact": result.fact,
        "bound": bound(result.criterion),
        "attested": result.criterion.attested,
    }


def _word(result: CriterionResult) -> str:
    if result.state is State.MET:
        return _("met")
    if result.state is State.NOT_MET:
        return _("not met")
    reasons = {
        "no evidence": _("not evaluated: no evidence"),
        "evidence is too old": _("not evaluated: evidence is too old"),
    }
    return reasons.get(
        result.why,
        _("not evaluated: sample of %(n)d, %(needed)d needed")
        % {"n": result.fact.sample if result.fact else 0, "needed": result.criterion.sample_at_least},
    )


def bound(criterion: Criterion) -> str:
    """The bound in signs; empty for attested criteria."""
    if criterion.at_least is not None:
        return f"≥ {criterion.at_least:g}"
    return f"≤ {criterion.at_most:g}" if criterion.at_most is not None else ""


@require_GET
def criterion(request: HttpRequest, code: str, criterion: str) -> HttpResponse:
    """One criterion: its bound, its evidence over time, who attested it."""
    rights.require(request.user, "maturity.view")
    framework = _framework(code)
    result = next(
        (found for found in selectors.rate_now(framework).results() if found.criterion.code == criterion), None
    )
    if result is None:
        raise Http404(criterion)
    return render(
        request,
        "maturity/criterion.html",
        {
            "framework": framework,
            "result": _row(result),
            "criterion": result.criterion,
            "evidence": Evidence.objects.filter(measure=result.criterion.measure or "-")[:HISTORY_ROWS],
            "attestations": Attestation.objects.filter(framework=code, criterion=criterion).select_related("person"),
        },
    )


@require_GET
def evidence(request: HttpRequest) -> HttpResponse:
    """The newest evidence of every measure, and which measures have none."""
    rights.require(request.user, "maturity.view")
    rows = list(Evidence.objects.order_by("measure", "-collected_at", "-pk").distinct("measure"))
    missing = sorted(set(MEASURES) - {row.measure for row in rows})
    return render(request, "maturity/evidence.html", {"rows": rows, "missing": missing})


@require_POST
def collect(request: HttpRequest) -> HttpResponse:
    rights.require(request.user, "maturity.collect")
    rows = services.evidence_collect(actor=request.user)
    return done(request, _("%(n)d pieces of evidence were collected.") % {"n": len(rows)}, reverse("maturity:overview"))


@require_POST
def attest(request: HttpRequest, code: str, criterion: str) -> HttpResponse:
    services.criterion_attest(
        actor=request.user, framework=_framework(code), code=criterion, statement=required(request.POST, "statement")
    )
    return done(request, _("The attestation was recorded."), reverse("maturity:criterion", args=[code, criterion]))


@require_POST
def export_create(request: HttpRequest) -> HttpResponse:
    framework = _framework(request.POST.get("framework", ""))
    services.export_create(actor=request.user, framework=framework, language=get_language())
    return done(request, _("The export is ready to download."), reverse("maturity:overview") + "#exports")


@require_GET
def export_download(request: HttpRequest, pk: int) -> HttpResponse:
    """Hand the ZIP out; that it was handed out is recorded."""
    rights.require(request.user, "maturity.export")
    export = get_object_or_404(Export, pk=pk)
    audit.note(actor=request.user, action="maturity.download", obj=export, sha256=export.sha256)
    return FileResponse(export.file.open("rb"), as_attachment=True, filename=export.file.name.rsplit("/", 1)[-1])
