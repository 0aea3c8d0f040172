"""Pages of the experiments: what can be run, what runs, what it proved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from seeops.accounts import rights
from seeops.core.clock import now
from seeops.core.errors import Unavailable
from seeops.core.http import done, required
from seeops.resilience import catalogue, figure, guard, process, selectors, services, story
from seeops.resilience.conclude import alerts_between
from seeops.resilience.models import ExperimentRun

PAGE_ROWS = 50
KEPT_RUNS = 50


@require_GET
def experiment_list(request: HttpRequest) -> HttpResponse:
    """Every experiment with its last run, the lever, and which families of faults were tested."""
    rights.require(request.user, "experiment.view")
    found = catalogue.catalogue()
    last = selectors.last_runs()
    return render(
        request,
        "resilience/list.html",
        {
            "rows": [(entry, last.get(entry.code)) for entry in found.experiments.values()],
            "problems": found.problems,
            "active": list(selectors.active_runs()),
            "lever": selectors.lever(),
            "coverage": selectors.coverage(found.experiments),
        },
    )


@require_GET
def experiment_detail(request: HttpRequest, code: str) -> HttpResponse:
    """What an experiment does step by step, whether it may start now, what it would hit, how it went before."""
    rights.require(request.user, "experiment.view")
    experiment = catalogue.experiment(code)
    tabs = [
        ("summary", _("Summary")), ("relations", _("Relations")), ("metrics", _("Metrics")), ("history", _("History")),
    ]  # fmt: skip
    tab = chosen(request, tabs)
    runs = list(selectors.runs().filter(code=code)[:KEPT_RUNS])
    return render(
        request,
        "resilience/detail.html",
        {
            "experiment": experiment,
            "tabs": tabs,
            "tab": tab,
            "refusals": guard.refusals(selectors.facts(experiment)),
            "prediction": selectors.predict(experiment)[0],
            "allowed_s": experiment.declared["recovery_s"],
            "runs": runs,
            "last": runs[0] if runs else None,
            "trend": figure.embedded(figure.trend(runs)) if tab == "metrics" else "",
        },
    )


def chosen(request: HttpRequest, tabs: list[tuple[str, str]]) -> str:
    """The tab that the address names, else the first."""
    asked = request.GET.get("tab", "")
    return asked if asked in dict(tabs) else tabs[0][0]


@require_POST
def experiment_start(request: HttpRequest, code: str) -> HttpResponse:
    run = services.experiment_start(
        actor=request.user, experiment=catalogue.experiment(code), reason=required(request.POST, "reason")
    )
    return done(request, _("%(run)s was started.") % {"run": run.number}, reverse("resilience:run", args=[run.pk]))


@require_POST
def run_stop(request: HttpRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(ExperimentRun, pk=pk)
    services.experiment_stop(actor=request.user, run=run, reason=required(request.POST, "reason"))
    return done(request, _("%(run)s is being stopped.") % {"run": run.number}, reverse("resilience:run", args=[pk]))


@require_POST
def lever(request: HttpRequest) -> HttpResponse:
    """Pull or release the safety lever."""
    reason = required(request.POST, "reason")
    if request.POST.get("pull") == "1":
        services.lever_pull(actor=request.user, reason=reason)
        text = _("The safety lever is pulled: running experiments stop, none starts.")
    else:
        services.lever_release(actor=request.user, reason=reason)
        text = _("The safety lever is released.")
    return done(request, text, reverse("resilience:list"))


@require_GET
def run_list(request: HttpRequest) -> HttpResponse:
    """All runs, newest first, filtered by outcome or experiment."""
    rights.require(request.user, "experiment.view")
    rows = selectors.runs()
    for name in ("outcome", "code"):
        if request.GET.get(name):
            rows = rows.filter(**{name: request.GET[name]})
    page = Paginator(rows, PAGE_ROWS).get_page(request.GET.get("page"))
    outcomes = ExperimentRun._meta.get_field("outcome").choices
    return render(request, "resilience/runs.html", {"page": page, "outcomes": outcomes})


@require_GET
def run_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """A run: how far it is, what customers saw, what was predicted, how it was found, and the proof of it."""
    rights.require(request.user, "experiment.view")
    run = _run(pk)
    tabs = [
        ("summary", _("Summary")), ("relations", _("Relations")), ("metrics", _("Metrics")), ("history", _("History")),
        ("audit", _("Audit")),
    ]  # fmt: skip
    tab = chosen(request, tabs)
    context: dict[str, Any] = {"run": run, "tabs": tabs, "tab": tab}
    if tab == "summary":
        context |= _live(run)
    elif tab == "relations" and run.injected_at:
        context["alerts"] = alerts_between(run.injected_at, run.ended_at or now())
    elif tab == "history":
        context["runs"] = selectors.runs().filter(code=run.code)[:KEPT_RUNS]
    return render(request, "resilience/run.html", context)


def _run(pk: int) -> ExperimentRun:
    return get_object_or_404(ExperimentRun.objects.select_related("started_by").defer("document"), pk=pk)


@require_GET
def run_live(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of a run's page that changes while it runs."""
    rights.require(request.user, "experiment.view")
    run = _run(pk)
    return render(request, "resilience/run_live.html", {"run": run, **_live(run)})


def _live(run: ExperimentRun) -> dict[str, Any]:
    events = process.lines(run, "events.jsonl")
    # The runner watches for some seconds before and after what the file asks for.
    about_s = run.declared["about_s"]
    elapsed_s = ((run.ended_at or now()) - run.created_at).total_seconds()
    return {
        "events": story.tell(events),
        "stages": story.stages(events, ended=not run.active),
        "measured": len(process.lines(run, "samples.jsonl")),
        "about_s": about_s,
        "elapsed_s": elapsed_s,
        "done_percent": round(min(100.0, 100 * elapsed_s / about_s)),
        "slow_recovery": run.recovered_s is not None and run.recovered_s > run.declared["recovery_s"],
    }


@require_GET
def run_figure(request: HttpRequest, pk: int) -> JsonResponse:
    """What customers saw, second by second, with the time of the fault marked (a Plotly figure); ?view=waits: their waiting."""
    rights.require(request.user, "experiment.view")
    run = _run(pk)
    samples = process.lines(run, "samples.jsonl")
    if not samples:
        raise Unavailable(_("No second was measured yet."))
    draw = figure.waits if request.GET.get("view") == "waits" else figure.clients_view
    return JsonResponse(draw(samples, process.lines(run, "events.jsonl")))


@require_GET
def run_journal(request: HttpRequest, pk: int) -> HttpResponse:
    """The journal as chaostoolkit wrote it; its digest stands on the run's page."""
    rights.require(request.user, "experiment.view")
    run = get_object_or_404(ExperimentRun, pk=pk)
    path = Path(run.spool) / "journal.json"
    if not path.exists():
        raise Http404(run.number)
    name = f"{run.number}.journal.json"
    return HttpResponse(
        path.read_bytes(),
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@require_GET
def faults(request: HttpRequest) -> HttpResponse:
    """Every action and probe that an experiment file may call, with its parameters, from the extension's own discovery."""
    rights.require(request.user, "experiment.view")
    activities = catalogue.catalogue().activities
    return render(
        request,
        "resilience/faults.html",
        {
            "groups": [
                {"title": _("Actions"), "entries": [entry for entry in activities if entry["type"] == "action"]},
                {"title": _("Probes"), "entries": [entry for entry in activities if entry["type"] == "probe"]},
            ]
        },
    )
