"""Reads of the topology that other apps build on."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext as _

from seeops.core.errors import InvalidInput
from seeops.inventory import selectors as inventory
from seeops.inventory.models import Centre, NodeState, Service
from seeops.inventory.redundancy import spare
from seeops.topology import impact as pure
from seeops.topology.models import BusinessChain, Dependency, Hop
from seeops.topology.snapshot import (
    CentreFact,
    ChainFact,
    DependencyFact,
    HopFact,
    NodeFact,
    ServiceFact,
    Snapshot,
)


def chains() -> QuerySet[BusinessChain]:
    """All chains with their hops and services, in a fixed number of queries."""
    hops = Hop.objects.select_related("service").order_by("position")
    return BusinessChain.objects.select_related("domain").prefetch_related(Prefetch("hops", queryset=hops))


def chains_of(service: Service) -> QuerySet[BusinessChain]:
    """The chains that pass the service."""
    return chains().filter(pk__in=Hop.objects.filter(service=service).values("chain"))


def dependencies_of(service: Service) -> tuple[QuerySet[Dependency], QuerySet[Dependency]]:
    """(what it needs, who needs it)."""
    rows = Dependency.objects.select_related("caller", "callee").order_by("caller__name", "callee__name")
    return rows.filter(caller=service), rows.filter(callee=service)


def snapshot(basis: str = "observed") -> Snapshot:
    """The topology now, in 6 queries. `basis` "observed": a node serves when it was seen up lately and nobody has asked it to
    leave; "planned": every node that is not decommissioned serves."""
    if basis not in ("observed", "planned"):
        raise InvalidInput(
            _("The basis is “observed” or “planned”, not “%(basis)s”.") % {"basis": basis}, field="basis"
        )
    leaving = inventory.leaving_soon() if basis == "observed" else set()
    rows = inventory.active_nodes().values_list("name", "service__name", "centre__code", "state_now", "shard")
    return Snapshot(
        basis=basis,
        centres=tuple(CentreFact(c.code, c.role, c.flow_share) for c in Centre.objects.all()),
        services=tuple(
            ServiceFact(s.name, s.title, s.domain.code, s.tier, s.kind, s.capacity_per_s)
            for s in inventory.services().order_by("name")
        ),
        nodes=tuple(
            NodeFact(
                name,
                service,
                centre,
                serving=basis == "planned" or (state == NodeState.UP and name not in leaving),
                known=basis == "planned" or state != NodeState.UNKNOWN,
                shard=shard,
            )
            for name, service, centre, state, shard in rows.order_by("name")
        ),
        needed=tuple(sorted((service, centre, count) for (service, centre), count in inventory.needed().items())),
        chains=tuple(
            ChainFact(
                chain.code,
                chain.name,
                chain.domain.code,
                chain.kind,
                chain.critical,
                chain.peak_rate_per_s,
                tuple(HopFact(hop.position, hop.service.name, hop.mode) for hop in chain.hops.all()),
            )
            for chain in chains().order_by("code")
        ),
        dependencies=tuple(
            DependencyFact(caller, callee, mode, derived)
            for caller, callee, mode, derived in Dependency.objects.order_by(
                "caller__name", "callee__name", "from_chain"
            ).values_list("caller__name", "callee__name", "mode", "from_chain")
        ),
    )


def impact(
    *,
    nodes: Collection[str] = (),
    services: Collection[str] = (),
    centres: Collection[str] = (),
    counts: Mapping[tuple[str, str], int] | None = None,
    rates: Mapping[str, float] | None = None,
    basis: str = "observed",
) -> pure.ImpactReport:
    """The impact on the topology as it is now (see topology.impact). Raises InvalidInput for names that do not exist."""
    try:
        return pure.impact(snapshot(basis), nodes=nodes, services=services, centres=centres, counts=counts, rates=rates)
    except pure.UnknownTarget as error:
        raise InvalidInput(_("Not in the inventory: %(names)s.") % {"names": error}, field="targets") from error


def max_unavailable(service: Service, centre: Centre) -> int:
    """How many more nodes of the service may leave this centre now without it falling short. For a replicated service: 1
    when every shard keeps a majority after losing one more replica, else 0."""
    members = inventory.members([service.pk])
    if not service.replicated:
        members = [member for member in members if member.centre == centre.code]
    needed = inventory.needed().get((service.name, centre.code), 0)
    return spare(members, needed)
