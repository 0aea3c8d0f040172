"""Pages of alerts: what is wrong, since when, what it touches, and who looks after it."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from seeops.accounts import rights
from seeops.alerts import runbooks, selectors, services
from seeops.alerts.filters import OPEN, AlertGroupFilter
from seeops.alerts.models import AlertGroup, GroupState, Severity
from seeops.core.clock import now
from seeops.core.http import done, required
from seeops.topology import selectors as topology

PAGE_ROWS = 100
TABS = ("summary", "relations", "metrics", "history", "audit")
SORTS = {
    "urgency": ("state_rank", "severity_rank", "-started_at", "-pk"),
    "newest": ("-started_at", "-pk"),
    "oldest": ("started_at", "pk"),
    "alerts": ("-firing", "-started_at", "-pk"),
}
COLUMNS = (
    "pk",
    "name",
    "severity",
    "state",
    "service",
    "centre",
    "chain",
    "started_at",
    "resolved_at",
    "firing",
    "total",
)


@require_GET
def group_list(request: HttpRequest) -> HttpResponse:
    """What needs somebody first. The address restores filters, order and page; `format=csv` exports what is filtered."""
    rights.require(request.user, "alert.view")
    parameters = request.GET.copy()
    parameters.setdefault("state", OPEN)
    found = AlertGroupFilter(parameters, queryset=selectors.groups())
    rows = found.qs.order_by(*SORTS.get(parameters.get("sort", ""), SORTS["urgency"]))
    if parameters.get("format") == "csv":
        return StreamingHttpResponse(
            _csv(rows),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="alerts.csv"'},
        )
    page = Paginator(rows, PAGE_ROWS).get_page(parameters.get("page"))
    chains = selectors.chains_by_service()
    names = dict(topology.chains().values_list("code", "name"))
    groups = list(page.object_list)
    for group in groups:
        group.chains = [names[group.chain]] if group.chain in names else chains.get(group.service, [])
    context = {
        "page": page,
        "groups": groups,
        "parameters": parameters,
        "states": [(OPEN, _("open")), *GroupState.choices],
        "severities": Severity.choices,
        "sorts": [
            ("urgency", _("urgency")),
            ("newest", _("newest")),
            ("oldest", _("oldest")),
            ("alerts", _("most alerts")),
        ],
        "watch": selectors.watch(),
        "moment": now(),
    }
    return render(request, "alerts/rows.html" if request.htmx else "alerts/list.html", context)


class _Echo:
    """What csv.writer needs to hand each line on instead of storing it."""

    def write(self, line: str) -> str:
        return line


def _csv(rows: QuerySet[AlertGroup]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield "\ufeff" + writer.writerow(COLUMNS)
    for row in rows.values_list(*COLUMNS).iterator(2000):
        yield writer.writerow(row)


@require_GET
def group_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One group: its alerts, what it touches, its runbook, its history."""
    rights.require(request.user, "alert.view")
    group = get_object_or_404(selectors.groups(), pk=pk)
    alerts = list(selectors.alerts_of(group)[:500])
    tab = request.GET.get("tab", "summary")
    context = {
        "group": group,
        "alerts": alerts,
        "chains": selectors.chains_affected(group, alerts),
        "nodes": selectors.nodes_of(alerts),
        "service": selectors.service_of(group),
        "pages": selectors.pages_of(alerts),
        "runbook": runbooks.of(group.name),
        "tab": tab if tab in TABS else "summary",
        "tabs": _tabs(),
        "events": group.events.select_related("actor")[:200] if tab == "history" else [],
        "moment": now(),
    }
    return render(request, "alerts/part.html" if request.htmx else "alerts/detail.html", context)


def _tabs() -> list[tuple[str, str]]:
    words = {
        "summary": _("Summary"),
        "relations": _("Relations"),
        "metrics": _("Metrics"),
        "history": _("History"),
        "audit": _("Audit"),
    }
    return [(tab, words[tab]) for tab in TABS]


@require_GET
def runbook(request: HttpRequest, name: str) -> HttpResponse:
    """What to look at and what to do when this alert fires."""
    rights.require(request.user, "alert.view")
    found = runbooks.of(name)
    if found is None:
        raise Http404(name)
    return render(request, "alerts/runbook.html", {"runbook": found})


@require_POST
def acknowledge(request: HttpRequest, pk: int) -> HttpResponse:
    group = services.group_acknowledge(
        actor=request.user, group=get_object_or_404(AlertGroup, pk=pk), note=request.POST.get("note", "")
    )
    return done(request, _("“%(group)s” is yours now.") % {"group": group}, _back(request, group))


@require_POST
def resolve(request: HttpRequest, pk: int) -> HttpResponse:
    group = services.group_resolve(
        actor=request.user, group=get_object_or_404(AlertGroup, pk=pk), note=required(request.POST, "note")
    )
    return done(request, _("“%(group)s” is resolved.") % {"group": group}, _back(request, group))


@require_POST
def silence(request: HttpRequest, pk: int) -> HttpResponse:
    minutes = required(request.POST, "minutes", int)
    group = services.group_silence(
        actor=request.user,
        group=get_object_or_404(AlertGroup, pk=pk),
        minutes=minutes,
        note=required(request.POST, "note"),
    )
    text = _("“%(group)s” is silent for %(minutes)d minutes.") % {"group": group, "minutes": minutes}
    return done(request, text, _back(request, group))


def _back(request: HttpRequest, group: AlertGroup) -> str:
    """From the list back to the list, from the group's page back to it."""
    return reverse("alerts:list") if request.POST.get("from") == "list" else group.get_absolute_url()
