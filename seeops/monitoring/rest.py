"""REST resources of monitoring: the state of the business, and the figures of named panels (no raw queries)."""

from __future__ import annotations

from typing import Any

from django.urls import path
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSetMixin

from seeops.accounts import rights
from seeops.core.errors import InvalidInput
from seeops.monitoring import definitions, panels, selectors

_RANGE = [
    OpenApiParameter("range", OpenApiTypes.STR, description="5m, 15m, 1h or 3h, ending now"),
    OpenApiParameter("from", OpenApiTypes.DATETIME),
    OpenApiParameter("to", OpenApiTypes.DATETIME),
    *(OpenApiParameter(name, OpenApiTypes.STR) for name in ("chain", "service", "centre", "node")),
]


class Overview(APIView):
    """The state of the business now: headline figures and chains. A figure that is not known is null."""

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        rights.require(request.user, "estate.view")
        now = selectors.overview()
        return Response(
            {
                "measured_at": now.measured_at,
                "stale": now.stale,
                "problem": now.problem,
                "figures": {key: {"value": f.value, "state": f.state} for key, f in now.figures.items()},
                "chains": [
                    {
                        "code": chain.code,
                        "state": chain.judgement.state,
                        "reason": chain.judgement.reason,
                        "rate": chain.rate,
                        "error_ratio": chain.error_ratio,
                        "p99_s": chain.p99_s,
                        "failing_hop": chain.failing,
                    }
                    for chain in now.chains
                ],
            }
        )


class Dashboards(APIView):
    """Names of the dashboards, their variables and panels."""

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        rights.require(request.user, "watch.view")
        found = [
            {
                "key": board.key,
                "title": board.title,
                "variables": [{"name": v.name, "optional": v.optional} for v in board.variables],
                "panels": [
                    {"key": panel.key, "title": panel.title, "unit": panel.unit}
                    for row in board.rows
                    for panel in row.panels
                ],
            }
            for board in definitions.all_of_them().values()
        ]
        return Response({"count": len(found), "next": None, "results": found})


class PanelSeries(APIView):
    """The lines of one panel, in its base unit; a value is null where nothing was measured."""

    @extend_schema(parameters=_RANGE, responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, dashboard: str, panel: str) -> Response:
        rights.require(request.user, "watch.view")
        board = panels.dashboard(dashboard)
        found = board.panel(panel)
        if found is None:
            raise InvalidInput(
                _("The dashboard “%(board)s” has no panel “%(panel)s”.") % {"board": dashboard, "panel": panel},
                field="panel",
            )
        span = panels.time_range(request.GET)
        lines, left_out = panels.lines(found, panels.values(board, request.GET), span)
        body: dict[str, Any] = {"unit": found.unit, "from": span.start, "to": span.end, "left_out": left_out}
        body["lines"] = [{"name": line.name, "times": line.times, "values": line.values} for line in lines]
        return Response(body)


routes: list[tuple[str, type[ViewSetMixin], str]] = []
extra_patterns = [
    path("overview/", Overview.as_view(), name="overview"),
    path("dashboards/", Dashboards.as_view(), name="dashboards"),
    path("dashboards/<slug:dashboard>/panels/<slug:panel>/", PanelSeries.as_view(), name="dashboard-panel"),
]
