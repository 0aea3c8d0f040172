"""The grid of a run: its frame (for any page that shows a run), its data, and what is behind one cell."""

from __future__ import annotations

import json

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from seeops.accounts import rights
from seeops.automation import grid
from seeops.automation.models import Run
from seeops.automation.selectors import runs


def _run(request: HttpRequest, pk: int) -> Run:
    rights.require(request.user, "automation.view")
    return get_object_or_404(runs(), pk=pk)


def _number(request: HttpRequest, name: str, default: int) -> int:
    given = request.GET.get(name, "")
    return int(given) if given.isdigit() and len(given) < 10 else default


@require_GET
def run_grid(request: HttpRequest, pk: int) -> HttpResponse:
    """The grid's frame (a fragment)."""
    return render(request, "automation/grid.html", {"run": _run(request, pk)})


@require_GET
def grid_data(request: HttpRequest, pk: int) -> JsonResponse:
    """With `after` what was reported since that event; otherwise the cells of a range of hosts (`from`, `count`)."""
    run, after = _run(request, pk), _number(request, "after", -1)
    if after >= 0:
        return JsonResponse(grid.changes(run, after=after))
    count = _number(request, "count", grid.MOST_HOSTS)
    return JsonResponse(grid.grid(run, start=_number(request, "from", 0), count=count))


@require_GET
def grid_cell(request: HttpRequest, pk: int) -> HttpResponse:
    """What one task reported of one node (a fragment)."""
    run = _run(request, pk)
    host, task = request.GET.get("host", ""), request.GET.get("task", "")
    events = [
        (event, json.dumps(event.data, indent=2, ensure_ascii=False, sort_keys=True) if event.data else "")
        for event in grid.cell(run, host=host, task=task)
    ]
    return render(request, "automation/grid_cell.html", {"run": run, "host": host, "task": task, "events": events})
