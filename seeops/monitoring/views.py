"""Pages of dashboards. The page itself asks Prometheus nothing: every panel fetches its own figure, so that one that fails
says why and leaves the others alone."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from seeops.accounts import rights
from seeops.core.clock import SHANGHAI
from seeops.core.errors import InvalidInput, SeeOpsError
from seeops.monitoring import definitions, panels, timerange
from seeops.monitoring.definitions import Dashboard
from seeops.monitoring.timerange import TimeRange


@require_GET
def dashboard_list(request: HttpRequest) -> HttpResponse:
    """All dashboards."""
    rights.require(request.user, "watch.view")
    boards = [board for board in definitions.all_of_them().values() if not board.embedded]
    return render(request, "monitoring/list.html", {"boards": boards})


@require_GET
def dashboard(request: HttpRequest, key: str) -> HttpResponse:
    """One dashboard with its variables and time range; the address restores everything."""
    rights.require(request.user, "watch.view")
    board = definitions.all_of_them().get(key)
    if board is None:
        raise Http404(key)
    problem = ""
    chosen: dict[str, str | None] = {}
    span = panels.time_range({})
    try:
        span = panels.time_range(request.GET)
        chosen = panels.values(board, request.GET)
    except InvalidInput as error:
        problem = str(error)
    context = {
        "board": board,
        "problem": problem,
        "rows": [] if problem else drawn_rows(board, chosen, span),
        "variables": _variables(board, chosen),
        "boards": [other for other in definitions.all_of_them().values() if not other.embedded],
        "span": span,
        "start": span.start.astimezone(SHANGHAI),
        "end": span.end.astimezone(SHANGHAI),
        "ranges": list(timerange.CHOICES),
    }
    return render(request, "monitoring/dashboard.html", context, status=400 if problem else 200)


def _variables(board: Dashboard, chosen: dict[str, str | None]) -> list[dict[str, Any]]:
    return [
        {
            "name": variable.name,
            "optional": variable.optional,
            "value": chosen.get(variable.name),
            "choices": panels.choices(variable.name),
        }
        for variable in board.variables
    ]


def drawn_rows(board: Dashboard, chosen: dict[str, str | None], span: TimeRange) -> list[dict[str, Any]]:
    """The rows with every panel's own address."""
    query = urlencode({**{name: value for name, value in chosen.items() if value}, **span.query()})
    return [
        {
            "title": row.title,
            "panels": [
                {"panel": panel, "url": f"{reverse('monitoring:panel', args=[board.key, panel.key])}?{query}"}
                for panel in row.panels
            ],
        }
        for row in board.rows
    ]


@require_GET
def panel(request: HttpRequest, key: str, panel_key: str) -> JsonResponse:
    """The figure of one panel as Plotly's JSON; a problem as {"detail"} with its status."""
    try:
        rights.require(request.user, "watch.view")
        board = panels.dashboard(key)
        found = board.panel(panel_key)
        if found is None:
            raise Http404(panel_key)
        figure = panels.figure(found, panels.values(board, request.GET), panels.time_range(request.GET))
    except SeeOpsError as error:
        return JsonResponse({"detail": str(error), "code": error.code}, status=error.status)
    return JsonResponse(figure)


@require_GET
def node_panels(request: HttpRequest, name: str) -> HttpResponse:
    """The panels of a node, for its own page."""
    return _embedded(request, "node", name)


@require_GET
def service_panels(request: HttpRequest, name: str) -> HttpResponse:
    """The panels of a service, for its own page."""
    return _embedded(request, "service", name)


def _embedded(request: HttpRequest, kind: str, name: str) -> HttpResponse:
    rights.require(request.user, "watch.view")
    board = panels.dashboard(kind)
    span = panels.time_range(request.GET)
    chosen = panels.values(board, {kind: name})
    context = {"board": board, "rows": drawn_rows(board, chosen, span), "span": span, "kind": kind, "name": name}
    return render(request, "monitoring/embedded.html", context)
