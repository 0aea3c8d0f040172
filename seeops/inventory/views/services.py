"""Services: what each is for, how redundant it is where, which versions it runs."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from seeops.accounts import rights
from seeops.audit import selectors as audit
from seeops.inventory import selectors
from seeops.inventory.models import Service

TABS = {
    "summary": gettext_lazy("Summary"),
    "relations": gettext_lazy("Relations"),
    "metrics": gettext_lazy("Metrics"),
    "history": gettext_lazy("History"),
    "audit": gettext_lazy("Audit"),
}
_WORST = ["bad", "unknown", "attention", "good"]


def rows(domain: str = "", q: str = "") -> list[dict[str, Any]]:
    """Every service with its cells, the worst of their states, its versions in use and how many nodes drifted."""
    found = selectors.services().order_by("domain__name", "name")
    if domain:
        found = found.filter(domain__code=domain)
    if q:
        found = found.filter(name__icontains=q) | found.filter(title__icontains=q)
    cells = defaultdict(list)
    for cell in selectors.cells():
        cells[cell.service].append(cell)
    versions: dict[int, dict[str, int]] = defaultdict(dict)
    counted = selectors.active_nodes().order_by().values("service_id", "version").annotate(n=Count("pk"))
    for row in counted:
        if row["version"]:
            versions[row["service_id"]][row["version"]] = row["n"]
    drifted = dict(
        selectors.drifted().order_by().values("service_id").annotate(n=Count("pk")).values_list("service_id", "n")
    )
    return [
        {
            "service": service,
            "cells": cells[service.name],
            "state": min((cell.state for cell in cells[service.name]), key=_WORST.index, default="unknown"),
            "versions": sorted(versions[service.pk].items(), key=lambda item: -item[1]),
            "drifted": drifted.get(service.pk, 0),
            "nodes": sum(cell.total for cell in cells[service.name]),
        }
        for service in found
    ]


@require_GET
def services(request: HttpRequest) -> HttpResponse:
    """`GET /estate/services/?domain=&q=`."""
    rights.require(request.user, "estate.view")
    domain, q = request.GET.get("domain", ""), request.GET.get("q", "").strip()
    context = {
        "rows": rows(domain, q),
        "centres": selectors.centres(),
        "all_domains": selectors.domains(),
        "freshness": selectors.freshness(),
        "domain": domain,
        "q": q,
    }
    return render(request, "inventory/services.html", context)


@require_GET
def service(request: HttpRequest, name: str) -> HttpResponse:
    """`GET /estate/services/<name>/?tab=…`."""
    rights.require(request.user, "estate.view")
    try:
        found = selectors.service_by_name(name)
    except Service.DoesNotExist as error:
        raise Http404(name) from error
    sees_audit = rights.allowed(request.user, "audit.view")
    tab = request.GET.get("tab", "summary")
    if tab not in TABS or (tab == "audit" and not sees_audit):
        tab = "summary"
    cells = selectors.cells(found)
    context: dict[str, Any] = {
        "service": found,
        "tab": tab,
        "tabs": [(key, title) for key, title in TABS.items() if key != "audit" or sees_audit],
        "cells": cells,
        "state": min((cell.state for cell in cells), key=_WORST.index, default="unknown"),
        "total": sum(cell.total for cell in cells),
        "freshness": selectors.freshness(),
    }
    if tab == "summary":
        context["board"] = _board(found)
        context["versions"] = selectors.versions_in_use(found)
    elif tab == "history":
        context["actions"] = selectors.actions_of_service(found)[:50]
    elif tab == "audit":
        context["records"] = audit.history(found).order_by("-seq")[:50]
    return render(request, "inventory/service.html", context)


def _board(found: Service) -> list[dict[str, Any]]:
    """One small square per node, by centre."""
    centres: dict[str, list[Any]] = defaultdict(list)
    for node in selectors.nodes_of(found).order_by("centre__position", "name"):
        centres[node.centre.code].append(node)
    return [{"centre": centre, "nodes": nodes} for centre, nodes in centres.items()]
