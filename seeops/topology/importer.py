"""Business chains and dependencies from the cluster's description of itself. Can be run again at any time."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from seeops.accounts import rights
from seeops.audit import services as audit
from seeops.cluster import door
from seeops.inventory import selectors as inventory
from seeops.topology.models import BusinessChain, Dependency, DependencyMode, Hop, HopMode

# A synchronous call that is declared fails with its callee; a replica that is behind only degrades.
_DECLARED = {
    HopMode.SYNC.value: DependencyMode.HARD,
    HopMode.ASYNC.value: DependencyMode.ASYNC,
    HopMode.REPLICATION.value: DependencyMode.SOFT,
}
_OF_A_CHAIN = ["name", "domain", "kind", "criticality", "critical", "peak_rate_per_s"]
_STRENGTH = [DependencyMode.ASYNC.value, DependencyMode.SOFT.value, DependencyMode.HARD.value]


def chain_edges(hops: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """(caller, callee, mode) between the hops of a chain: a synchronous hop calls the next synchronous one and hands
    over to the asynchronous ones behind it."""
    edges = []
    caller: str | None = None
    for hop in hops:
        mode = _DECLARED[hop["mode"]].value
        if caller is not None and caller != hop["service"]:
            edges.append((caller, hop["service"], mode))
        if hop["mode"] == HopMode.SYNC:
            caller = hop["service"]
    return edges


def dependency_table(described: dict[str, Any]) -> dict[tuple[str, str, bool], str]:
    """(caller, callee, derived from a chain) → the strongest mode, of declared and of chain dependencies."""
    table: dict[tuple[str, str, bool], str] = {}
    found = [
        (row["name"], callee, False, _DECLARED[mode].value)
        for row in described["services"]
        for callee, mode in row["uses"].items()
    ]
    found += [
        (caller, callee, True, mode)
        for chain in described["chains"]
        for caller, callee, mode in chain_edges(chain["hops"])
    ]
    for caller, callee, derived, mode in found:
        before = table.get((caller, callee, derived), mode)
        table[caller, callee, derived] = max(before, mode, key=_STRENGTH.index)
    return table


def _chain(row: dict[str, Any], domains: dict[str, Any]) -> BusinessChain:
    return BusinessChain(
        code=row["name"],
        name=row["title"],
        domain=domains[row["domain"]],
        kind=row["kind"],
        criticality=row["criticality"],
        critical=row["criticality"] == 1,
        peak_rate_per_s=row["peak_rate_per_s"],
    )


@transaction.atomic
def topology_import(*, actor: Any, description: dict[str, Any] | None = None) -> dict[str, int]:
    """Create and update chains, hops and dependencies; what the cluster no longer has is removed. Returns the counts.

    Needs the inventory to be imported before. `actor` None is the set-up itself.
    """
    if actor is not None:
        rights.require(actor, "inventory.discover")
    described = description or door.describe()
    services = {service.name: service for service in inventory.services()}
    domains = {domain.code: domain for domain in inventory.domains()}
    before = BusinessChain.objects.count()
    chains = {row["name"]: _chain(row, domains) for row in described["chains"]}
    BusinessChain.objects.bulk_create(
        chains.values(), update_conflicts=True, unique_fields=["code"], update_fields=_OF_A_CHAIN
    )
    Hop.objects.all().delete()
    Hop.objects.bulk_create(
        Hop(
            chain=chains[row["name"]],
            position=hop["order"],
            name=hop["name"],
            service=services[hop["service"]],
            mode=hop["mode"],
        )
        for row in described["chains"]
        for hop in row["hops"]
    )
    BusinessChain.objects.exclude(code__in=[row["name"] for row in described["chains"]]).delete()
    table = dependency_table(described)
    Dependency.objects.all().delete()
    Dependency.objects.bulk_create(
        Dependency(caller=services[caller], callee=services[callee], mode=mode, from_chain=derived)
        for (caller, callee, derived), mode in sorted(table.items())
    )
    counts = {"chains": len(described["chains"]), "dependencies": len(table)}
    if before != counts["chains"]:
        audit.record(actor=actor, action="topology.import", obj=("topology", "chains", "chains"), after=counts)
    return counts
