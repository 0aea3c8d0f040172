"""The list of nodes."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from seeops.accounts import rights
from seeops.core.export import csv_response
from seeops.core.http import done
from seeops.inventory import listing, selectors, services
from seeops.inventory.models import Redundancy

PAGE = "nodes"
COLUMNS = ("name", "service", "centre", "state", "version", "since")


@require_GET
def nodes(request: HttpRequest) -> HttpResponse:
    """`GET /estate/nodes/?service=&domain=&centre=&state=&version=&drift=1&q=&sort=-state&after=&format=csv`."""
    rights.require(request.user, "estate.view")
    filters = listing.Filters.read(request.GET)
    found = filters.apply(selectors.active_nodes())
    if request.GET.get("format") == "csv":
        return _csv(request, found)
    facets = listing.facets()
    sort = request.GET.get("sort", "name")
    page = listing.page(
        found, sort=sort, after=request.GET.get("after", ""), total=None if filters.active else facets.total
    )
    context = {
        "filters": filters,
        "facets": facets,
        "page": page,
        "sort": sort,
        "columns": [_column(name, sort) for name in COLUMNS],
        "views": selectors.saved_views(request.user, PAGE),
        "most_at_once": services.MOST_AT_ONCE,
        **_choices(),
    }
    return render(request, "inventory/nodes.html", context)


def _choices() -> dict[str, Any]:
    """What can be filtered by, and how fresh the states are: one query for all of it."""
    rows = list(
        Redundancy.objects.select_related("service__domain", "centre").order_by("service__name", "centre__position")
    )
    centres = {row.centre_id: row.centre for row in rows}
    return {
        "all_services": list({row.service_id: row.service for row in rows}.values()),
        "all_domains": sorted({row.service.domain for row in rows}, key=lambda domain: domain.name),
        "all_centres": sorted(centres.values(), key=lambda centre: centre.position),
        "freshness": selectors.freshness(centres.values()),
    }


def _column(name: str, sort: str) -> dict[str, Any]:
    titles = {
        "name": _("Node"),
        "service": _("Service"),
        "centre": _("Data centre"),
        "state": _("State"),
        "version": _("Version"),
        "since": _("Since"),
    }
    falling = sort == f"-{name}"
    current = falling or sort == name
    return {
        "title": titles[name],
        "sort": name if falling or not current else f"-{name}",
        "mark": ("▼" if falling else "▲") if current else "",
        "aria": ("descending" if falling else "ascending") if current else "none",
        "narrow": name in ("name", "state", "version"),
    }


def _csv(request: HttpRequest, found: Any) -> HttpResponse:
    fields = (
        "name", "service__name", "service__domain__code", "centre__code", "state_now", "state_at", "version",
        "desired_version", "epoch", "config_digest", "process_started_at", "agent_url",
    )  # fmt: skip
    header = (
        "node", "service", "domain", "centre", "state", "since", "version", "desired_version", "epoch", "config_digest",
        "process_started_at", "agent_url",
    )  # fmt: skip
    return csv_response(request, "nodes.csv", header, found.order_by("name").values_list(*fields))


@require_POST
def view_save(request: HttpRequest) -> HttpResponse:
    """Keep the filters of the list under a name."""
    view = services.saved_view_put(
        actor=request.user, page=PAGE, name=request.POST.get("name", ""), query=_query(request.POST.get("query", ""))
    )
    return done(request, _("View “%(name)s” saved.") % {"name": view.name}, reverse("inventory:nodes") + view.query)


@require_POST
def view_delete(request: HttpRequest) -> HttpResponse:
    name = request.POST.get("name", "")
    services.saved_view_delete(actor=request.user, page=PAGE, name=name)
    return done(request, _("View “%(name)s” deleted.") % {"name": name}, reverse("inventory:nodes"))


def _query(text: str) -> str:
    """The filters of an address, without the place in the list."""
    from django.http import QueryDict

    params = QueryDict(text.removeprefix("?"), mutable=True)
    for place in ("after", "format"):
        params.pop(place, None)
    return f"?{params.urlencode()}" if params else ""
