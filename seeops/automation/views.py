"""Pages of automation: the catalogue, a playbook's form, runs and their logs."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from seeops.accounts import rights
from seeops.automation import catalogue, selectors, services
from seeops.automation.filters import RunFilter
from seeops.automation.models import Run, RunState
from seeops.core.errors import InvalidInput
from seeops.core.export import csv_response
from seeops.core.http import done
from seeops.inventory import selectors as inventory

PAGE_ROWS = 100
MOST_SHOWN = 300
COLUMNS = ("number", "playbook", "title", "purpose", "state", "hosts_total", "hosts_done", "hosts_failed",
           "created_by__username", "started_at", "finished_at", "reason")  # fmt: skip
EFFECTS = {
    "reads": gettext_lazy("reads only"), "changes": gettext_lazy("changes nodes"),
    "takes-out": gettext_lazy("takes nodes out of service"),
}  # fmt: skip


@require_GET
def playbook_list(request: HttpRequest) -> HttpResponse:
    """The catalogue, with the last runs below."""
    rights.require(request.user, "automation.view")
    books = [
        {"book": book, "effect": EFFECTS[book.effect]} for book in catalogue.playbooks().values() if book.from_form
    ]
    return render(request, "automation/list.html", {"books": books, "rows": selectors.runs()[:20]})


@require_http_methods(["GET", "POST"])
def playbook_run(request: HttpRequest, code: str) -> HttpResponse:
    """The form of a playbook, made from its argument specs; `?service=`, `?centre=` and `?node=` choose nodes."""
    rights.require(request.user, "automation.run")
    book = catalogue.playbook(code)
    context: dict[str, Any] = {"book": book, "effect": EFFECTS[book.effect], **_choice(request)}
    if request.method == "POST":
        try:
            run = _start(request, book, context)
        except InvalidInput as error:
            context |= {"problem": str(error), "given": request.POST}
            return render(request, "automation/form.html", context, status=400)
        return done(request, _("%(run)s was started.") % {"run": run.number}, reverse("automation:run", args=[run.pk]))
    return render(request, "automation/form.html", context)


def _choice(request: HttpRequest) -> dict[str, Any]:
    """The nodes that service, centre or name choose: all of them are shown and counted before anything starts."""
    data = request.POST or request.GET
    service, centre, named = data.get("service", ""), data.get("centre", ""), data.getlist("node")
    nodes = inventory.active_nodes().select_related("centre").order_by("name")
    if named:
        nodes = nodes.filter(name__in=named)
    elif service or centre:
        nodes = nodes.filter(**{k: v for k, v in {"service__name": service, "centre__code": centre}.items() if v})
    else:
        nodes = nodes if data.get("all") else nodes.none()
    names = list(nodes.values_list("name", flat=True))
    return {
        "names": names, "shown": names[:MOST_SHOWN], "service": service, "centre": centre, "named": named,
        "everything": bool(data.get("all")), "services": inventory.services(), "centres": inventory.centres(),
    }  # fmt: skip


def _start(request: HttpRequest, book: catalogue.Playbook, context: dict[str, Any]) -> Run:
    inputs = {option.name: request.POST.get(option.name) for option in book.options}
    for option in book.options:
        if option.type == "bool":
            inputs[option.name] = option.name in request.POST
    if request.POST.get("count") != str(len(context["names"])):
        raise InvalidInput(
            _("%(n)d nodes are chosen now: look at them and start again.") % {"n": len(context["names"])}, field="nodes"
        )
    return services.run_start(
        actor=request.user, playbook=book.code, nodes=context["names"], inputs=inputs,
        reason=request.POST.get("reason", ""),
    )  # fmt: skip


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
