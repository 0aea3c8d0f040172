"""Pages of automation: runs and their logs. The catalogue and its forms are in book_views."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from seeops.accounts import rights
from seeops.automation import catalogue, selectors, services
from seeops.automation.filters import RunFilter
from seeops.automation.models import Run, RunState
from seeops.core.export import csv_response
from seeops.core.http import done

PAGE_ROWS = 100
COLUMNS = ("number", "playbook", "title", "purpose", "state", "hosts_total", "hosts_done", "hosts_failed",
           "created_by__username", "started_at", "finished_at", "reason")  # fmt: skip


@require_GET
def run_list(request: HttpRequest) -> HttpResponseBase:
    rights.require(request.user, "automation.view")
    found = RunFilter(request.GET, queryset=selectors.runs()).qs
    if request.GET.get("format") == "csv":
        return csv_response(request, "runs.csv", COLUMNS, found.values_list(*COLUMNS))
    before = request.GET.get("before", "")
    if before.isdigit():
        found = found.filter(pk__lt=int(before))
    rows = list(found[: PAGE_ROWS + 1])
    context = {
        "rows": rows[:PAGE_ROWS],
        "next_before": rows[PAGE_ROWS - 1].pk if len(rows) > PAGE_ROWS else None,
        "states": RunState.choices,
        "books": catalogue.playbooks().values(),
    }
    return render(request, "automation/rows.html" if request.htmx else "automation/runs.html", context)  # type: ignore[attr-defined]


@require_GET
def run_detail(request: HttpRequest, pk: int) -> HttpResponse:
    rights.require(request.user, "automation.view")
    run = get_object_or_404(Run.objects.select_related("created_by"), pk=pk)
    tab = request.GET.get("tab", "log")
    context: dict[str, Any] = {"run": run, "tab": tab if tab in ("log", "nodes", "report", "audit") else "log"}
    if context["tab"] == "nodes":
        context["results"] = selectors.last_results(run)
    elif context["tab"] == "report":
        context["report"] = selectors.inspection(run)
    return render(request, "automation/run.html", context)


@require_GET
def run_live(request: HttpRequest, pk: int) -> HttpResponse:
    rights.require(request.user, "automation.view")
    run = get_object_or_404(Run.objects.select_related("created_by").defer("targets"), pk=pk)
    return render(request, "automation/run_live.html", {"run": run})


@require_GET
def run_log(request: HttpRequest, pk: int) -> HttpResponse:
    """Events after `after`, and the place where the next ones will be asked for."""
    rights.require(request.user, "automation.view")
    run = get_object_or_404(Run.objects.defer("targets"), pk=pk)
    after = request.GET.get("after", "0")
    lines = selectors.log_lines(run, after=int(after) if after.isdigit() else 0)
    context = {
        "run": run, "lines": lines, "next_after": lines[-1].seq if lines else after,
        "more": len(lines) == selectors.LOG_PAGE,
    }  # fmt: skip
    return render(request, "automation/log_lines.html", context)


@require_GET
def run_proof(request: HttpRequest, pk: int) -> HttpResponse:
    """Recompute the log's digest (a fragment)."""
    rights.require(request.user, "automation.view")
    run = get_object_or_404(Run, pk=pk)
    return render(request, "automation/proof.html", {"run": run, "report": selectors.log_verify(run)})


@require_POST
def run_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(Run, pk=pk)
    services.run_cancel(actor=request.user, run=run, reason=request.POST.get("reason", ""))
    return done(request, _("%(run)s is asked to stop.") % {"run": run.number}, reverse("automation:run", args=[pk]))
