"""Pages of the experiments: what can be run, what runs, what it proved."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from seeops.accounts import rights
from seeops.core.errors import Unavailable
from seeops.core.http import done, required
from seeops.resilience import catalogue, figure, guard, process, selectors, services
from seeops.resilience.models import ExperimentRun

PAGE_ROWS = 50


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
    prediction, _digest = selectors.predict(experiment)
    return render(
        request,
        "resilience/detail.html",
        {
            "experiment": experiment,
            "refusals": guard.refusals(selectors.facts(experiment)),
            "prediction": prediction,
            "runs": selectors.runs().filter(code=code)[:20],
        },
    )


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
    rights.require(request.user, "experiment.view")
    run = get_object_or_404(ExperimentRun.objects.select_related("started_by"), pk=pk)
    return render(request, "resilience/run.html", {"run": run, **_live(run)})


@require_GET
def run_live(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of a run's page that changes while it runs."""
    rights.require(request.user, "experiment.view")
    run = get_object_or_404(ExperimentRun.objects.select_related("started_by"), pk=pk)
    return render(request, "resilience/run_live.html", {"run": run, **_live(run)})


def _live(run: ExperimentRun) -> dict[str, Any]:
    events = process.lines(run, "events.jsonl")
    for event in events:
        event["moment"] = dt.datetime.fromtimestamp(event["at"], dt.UTC)
    missed = [event for event in events if event["kind"] == "steady-state-missed"]
    return {
        "events": [event for event in events if event["kind"] != "steady-state-missed"],
        "missed": len(missed),
        "last_missed": missed[-1] if missed else None,
        "about_s": run.declared["about_s"],
    }


@require_GET
def run_figure(request: HttpRequest, pk: int) -> JsonResponse:
    """What customers saw, second by second, with the time of the fault marked (a Plotly figure)."""
    rights.require(request.user, "experiment.view")
    run = get_object_or_404(ExperimentRun, pk=pk)
    samples = process.lines(run, "samples.jsonl")
    if not samples:
        raise Unavailable(_("No second was measured yet."))
    return JsonResponse(figure.clients_view(samples, process.lines(run, "events.jsonl")))


@require_GET
def run_journal(request: HttpRequest, pk: int) -> FileResponse:
    """The journal as chaostoolkit wrote it; its digest stands on the run's page."""
    rights.require(request.user, "experiment.view")
    run = get_object_or_404(ExperimentRun, pk=pk)
    path = Path(run.spool) / "journal.json"
    if not path.exists():
        raise Http404(run.number)
    return FileResponse(path.open("rb"), as_attachment=True, filename=f"{run.number}.journal.json")


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
