"""Parts that the estate's pages load: measurements of nodes and services."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from seeops.accounts import rights
from seeops.console.estate import figures
from seeops.core.clock import now
from seeops.core.errors import SeeOpsError
from seeops.inventory import selectors as inventory
from seeops.inventory.models import Node, Service
from seeops.inventory.views import services as service_pages


def _node(name: str) -> Node:
    try:
        return inventory.node_by_name(name)
    except Node.DoesNotExist as error:
        raise Http404(name) from error


def _service(name: str) -> Service:
    try:
        return inventory.service_by_name(name)
    except Service.DoesNotExist as error:
        raise Http404(name) from error


def _window(request: HttpRequest) -> str:
    chosen = request.GET.get("window", "1h")
    return chosen if chosen in figures.WINDOWS else "1h"


def _panels(request: HttpRequest, name: str, panels: tuple[figures.Panel, ...], url_name: str) -> HttpResponse:
    rights.require(request.user, "watch.view")
    context = {
        "panels": panels,
        "name": name,
        "url_name": url_name,
        "window": _window(request),
        "windows": figures.WINDOWS,
    }
    return render(request, "console/estate/panels.html", context)


def _figure(request: HttpRequest, panels: tuple[figures.Panel, ...], key: str, labels: dict[str, str]) -> JsonResponse:
    """A figure, or the reason why there is none: one failing panel never blanks the others."""
    rights.require(request.user, "watch.view")
    panel = next((panel for panel in panels if panel.key == key), None)
    if panel is None:
        raise Http404(key)
    try:
        return JsonResponse(figures.figure(panel, labels, figures.WINDOWS[_window(request)]))
    except SeeOpsError as error:
        return JsonResponse({"detail": str(error), "code": error.code}, status=error.status)


@require_GET
def node_metrics(request: HttpRequest, name: str) -> HttpResponse:
    return _panels(request, _node(name).name, figures.NODE_PANELS, "estate:node_figure")


@require_GET
def node_figure(request: HttpRequest, name: str, key: str) -> JsonResponse:
    return _figure(request, figures.NODE_PANELS, key, {"node": _node(name).name})


@require_GET
def service_metrics(request: HttpRequest, name: str) -> HttpResponse:
    return _panels(request, _service(name).name, figures.SERVICE_PANELS, "estate:service_figure")


@require_GET
def service_figure(request: HttpRequest, name: str, key: str) -> JsonResponse:
    return _figure(request, figures.SERVICE_PANELS, key, {"service": _service(name).name})


@require_GET
def service_figures(request: HttpRequest, name: str) -> HttpResponse:
    """The figures at the top of a service's page."""
    rights.require(request.user, "watch.view")
    context: dict[str, Any] = {"service": _service(name), "at": now()}
    try:
        context["figures"] = figures.of_service(name)
    except SeeOpsError as error:
        context["problem"] = str(error)
    return render(request, "console/estate/service_figures.html", context)


@require_GET
def services_table(request: HttpRequest) -> HttpResponse:
    """The table of services with what was measured of each."""
    rights.require(request.user, "estate.view")
    rows = service_pages.rows(request.GET.get("domain", ""), request.GET.get("q", "").strip())
    context: dict[str, Any] = {"rows": rows, "centres": inventory.centres()}
    try:
        measured = figures.by_service()
        context["figures_at"] = now()
        for row in rows:
            row["figures"] = measured.get(row["service"].name, {})
    except SeeOpsError as error:
        context["problem"] = str(error)
    return render(request, "inventory/services_table.html", context)
