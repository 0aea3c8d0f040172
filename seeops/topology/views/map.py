"""The map of services and business chains."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from seeops.accounts import rights
from seeops.inventory import selectors as inventory
from seeops.inventory.selectors import Cell
from seeops.topology import selectors
from seeops.topology.criticality import criticality
from seeops.topology.models import BusinessChain
from seeops.topology.picture import picture, worst
from seeops.topology.snapshot import Snapshot


def _asked(request: HttpRequest) -> dict[str, str]:
    return {name: request.GET.get(name, "") for name in ("chain", "domain", "centre", "focus")}


def _states(cells: list[Cell], centre: str = "") -> dict[str, str]:
    """The worst state of each service, in one centre or over all."""
    grouped: dict[str, list[str]] = defaultdict(list)
    for cell in cells:
        if centre in ("", cell.centre):
            grouped[cell.service].append(cell.state)
    return {service: worst(states) for service, states in grouped.items()}


def _spofs(snapshot: Snapshot) -> set[str]:
    from seeops.topology.impact import impact

    return {spof.service for spof in impact(snapshot).old_single_points}


def _shown(snapshot: Snapshot, asked: dict[str, str]) -> set[str] | None:
    """The services of a business line: its own, and those its chains pass."""
    if not asked["domain"]:
        return None
    own = {service.name for service in snapshot.services if service.domain == asked["domain"]}
    passed = {hop.service for chain in snapshot.chains if chain.domain == asked["domain"] for hop in chain.hops}
    return own | passed


@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """`GET /topology/?chain=&domain=&centre=&focus=`: the picture and, below it, the same as a table."""
    rights.require(request.user, "topology.view")
    asked = _asked(request)
    snapshot = selectors.snapshot()
    shown = _shown(snapshot, asked)
    chains = list(selectors.chains())
    passing = {hop.service.name for chain in chains if chain.code == asked["chain"] for hop in chain.hops.all()}
    cells = inventory.cells()
    states, spofs = _states(cells, asked["centre"]), _spofs(snapshot)
    facts, domains = snapshot.service_by_name, {domain.code: domain for domain in inventory.domains()}
    rows = [
        {
            "service": facts[item.service],
            "domain": domains[facts[item.service].domain].name,
            "state": states.get(item.service, "unknown"),
            "spof": item.service in spofs,
            "weight": item,
        }
        for item in criticality(snapshot)
        if (shown is None or item.service in shown) and (not passing or item.service in passing)
    ]
    context = {
        "asked": asked,
        "chains": chains,
        "domains": domains.values(),
        "centres": inventory.centres(),
        "freshness": inventory.freshness(),
        "rows": rows,
        "snapshot": snapshot,
    }
    return render(request, "topology/map.html", context)


@require_GET
def graph(request: HttpRequest) -> JsonResponse:
    """The picture as JSON: {things, edges, hidden, gathered_by, digest}."""
    rights.require(request.user, "topology.view")
    asked = _asked(request)
    snapshot = selectors.snapshot()
    found = picture(
        snapshot,
        _states(inventory.cells(), asked["centre"]),
        chains=[asked["chain"]] if asked["chain"] else [],
        services=_shown(snapshot, asked),
        spofs=_spofs(snapshot),
    )
    return JsonResponse(found.as_dict(), json_dumps_params={"separators": (",", ":")})


@require_GET
def chains(request: HttpRequest) -> HttpResponse:
    """Every business chain with its hops."""
    rights.require(request.user, "topology.view")
    states = _states(inventory.cells())
    context = {"chains": [_row(chain, states) for chain in selectors.chains()], "freshness": inventory.freshness()}
    return render(request, "topology/chains.html", context)


def _row(chain: BusinessChain, states: dict[str, str]) -> dict[str, Any]:
    hops = [{"hop": hop, "state": states.get(hop.service.name, "unknown")} for hop in chain.hops.all()]
    return {"chain": chain, "hops": hops, "state": worst(hop["state"] for hop in hops)}


@require_GET
def chain(request: HttpRequest, code: str) -> HttpResponse:
    """One chain: its hops with their redundancy per centre."""
    rights.require(request.user, "topology.view")
    found = selectors.chains().filter(code=code).first()
    if found is None:
        raise Http404(code)
    cells: dict[str, list[Cell]] = defaultdict(list)
    for cell in inventory.cells():
        cells[cell.service].append(cell)
    row = _row(found, _states([cell for group in cells.values() for cell in group]))
    for hop in row["hops"]:
        hop["cells"] = cells[hop["hop"].service.name]
    context = {**row, "centres": inventory.centres(), "freshness": inventory.freshness()}
    return render(request, "topology/chain.html", context)


@require_GET
def service_chains(request: HttpRequest, name: str) -> HttpResponse:
    """Part of a service's page: the chains it is in, what it needs and who needs it."""
    rights.require(request.user, "topology.view")
    service = inventory.services().filter(name=name).first()
    if service is None:
        raise Http404(name)
    needs, needed_by = selectors.dependencies_of(service)
    states = _states(inventory.cells())
    context = {
        "service": service,
        "chains": [_row(chain, states) for chain in selectors.chains_of(service)],
        "needs": needs,
        "needed_by": needed_by,
    }
    return render(request, "topology/service_chains.html", context)
