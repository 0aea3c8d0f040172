"""What breaks if: parts that other pages load, and the page where the question is asked freely."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from seeops.accounts import rights
from seeops.core.errors import InvalidInput
from seeops.inventory import selectors as inventory
from seeops.topology import selectors


def read_counts(params: QueryDict) -> dict[tuple[str, str], int]:
    """`down=service@centre:k` parameters. Raises InvalidInput."""
    counts = {}
    for text in params.getlist("down"):
        place, _colon, number = text.partition(":")
        service, at, centre = place.partition("@")
        if not at or not number.isdigit():
            raise InvalidInput(_("“%(text)s”: write service@centre:number.") % {"text": text[:60]}, field="down")
        if int(number):
            counts[service, centre] = int(number)
    return counts


@require_POST
def part(request: HttpRequest) -> HttpResponse:
    """The impact of taking the nodes `pick` away, short: for dialogs."""
    rights.require(request.user, "topology.view")
    report = selectors.impact(nodes=request.POST.getlist("pick"))
    return render(request, "topology/impact_part.html", {"report": report})


@require_GET
def service(request: HttpRequest, name: str) -> HttpResponse:
    """The panel beside the map: redundancy of one service per centre, and what happens with k of its nodes down.

    `GET …?down=service@centre:k…`; without, the whole service is lost.
    """
    rights.require(request.user, "topology.view")
    found = inventory.services().filter(name=name).first()
    if found is None:
        raise Http404(name)
    counts = read_counts(request.GET)
    report = selectors.impact(counts=counts) if counts else selectors.impact(services=[name])
    cells = inventory.cells(found)
    after = {(cell.service, cell.centre): cell for cell in report.cells}
    context: dict[str, Any] = {
        "service": found,
        "report": report,
        "asked": bool(counts),
        "rows": [
            {
                "cell": cell,
                "down": counts.get((name, cell.centre), 0),
                "choices": _choices(cell, counts.get((name, cell.centre), 0)),
                "after": after.get((name, cell.centre)),
            }
            for cell in cells
        ],
    }
    return render(request, "topology/impact_service.html", context)


def _choices(cell: inventory.Cell, chosen: int) -> list[int]:
    """Numbers of nodes worth asking about: few, half, all that are spare, one more, all."""
    wanted = {0, 1, 2, 3, 5, 10, cell.serving // 2, cell.spare, cell.spare + 1, cell.serving, chosen}
    return sorted(k for k in wanted if 0 <= k <= max(cell.serving, chosen))


@require_GET
def what_if(request: HttpRequest) -> HttpResponse:
    """`GET /topology/impact/?service=…&centre=…&node=…&down=service@centre:k&basis=observed|planned`."""
    rights.require(request.user, "topology.view")
    basis = request.GET.get("basis", "observed")
    targets = {
        "services": request.GET.getlist("service"),
        "centres": request.GET.getlist("centre"),
        "nodes": [name for text in request.GET.getlist("node") for name in text.replace(",", " ").split()],
    }
    counts = read_counts(request.GET)
    given = any(targets.values()) or bool(counts)
    context = {
        "basis": basis,
        "targets": targets,
        "nodes_text": " ".join(targets["nodes"]),
        "all_services": inventory.services().order_by("name"),
        "all_centres": inventory.centres(),
        "freshness": inventory.freshness(),
        "report": selectors.impact(**targets, counts=counts, basis=basis) if given else None,
    }
    return render(request, "topology/what_if.html", context)
