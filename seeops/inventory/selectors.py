"""Reads of the inventory that other apps build on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, F, Q, QuerySet

from seeops.inventory.models import (
    ActionState,
    Centre,
    Domain,
    Node,
    NodeAction,
    NodeQuerySet,
    NodeState,
    Redundancy,
    SavedView,
    Service,
    Site,
    Verb,
    Version,
)
from seeops.inventory.redundancy import Member

DRIFTED = ~Q(desired_version="") & ~Q(version="") & ~Q(desired_version=F("version"))


def active_nodes() -> NodeQuerySet:
    """Every node that is not decommissioned, with `state_now`."""
    return Node.objects.active().with_state()


def node_by_name(name: str) -> Node:
    """One node with its service and centre. Raises Node.DoesNotExist."""
    return Node.objects.with_state().select_related("service__domain", "centre__site").get(name=name)


def nodes_of(service: Service) -> NodeQuerySet:
    return active_nodes().filter(service=service).select_related("centre")


def service_by_name(name: str) -> Service:
    """Raises Service.DoesNotExist."""
    return Service.objects.select_related("domain").get(name=name)


def services() -> QuerySet[Service]:
    return Service.objects.select_related("domain")


def centres() -> QuerySet[Centre]:
    return Centre.objects.select_related("site")


def sites() -> QuerySet[Site]:
    return Site.objects.all()


def domains() -> QuerySet[Domain]:
    return Domain.objects.all()


def versions_of(service: Service) -> QuerySet[Version]:
    return Version.objects.filter(service=service)


def version(service: Service, number: str) -> Version:
    """Raises Version.DoesNotExist."""
    return Version.objects.get(service=service, number=number)


def saved_views(person: object, page: str) -> QuerySet[SavedView]:
    return SavedView.objects.filter(person=person, page=page)


def actions_of(node: Node) -> QuerySet[NodeAction]:
    return node.actions.select_related("actor")


def drifted() -> NodeQuerySet:
    """Nodes that run another version than the last finished release wanted."""
    return active_nodes().filter(DRIFTED)


@dataclass(frozen=True)
class Freshness:
    """How old the observation of the nodes is: the oldest answer of all centres, and which centres are silent."""

    observed_at: dt.datetime | None
    silent: list[Centre]

    @property
    def stale(self) -> bool:
        return bool(self.silent)


def freshness(all_centres: Iterable[Centre] | None = None) -> Freshness:
    listing = list(all_centres if all_centres is not None else Centre.objects.all())
    times = [centre.observed_at for centre in listing]
    known = [time for time in times if time is not None]
    return Freshness(
        observed_at=min(known) if known and len(known) == len(times) else None,
        silent=[centre for centre in listing if centre.stale],
    )


def state_counts() -> dict[str, int]:
    """How many nodes are in each state now; every state is a key."""
    rows = active_nodes().order_by().values("state_now").annotate(n=Count("pk")).values_list("state_now", "n")
    return dict.fromkeys(NodeState.values, 0) | dict(rows)


@dataclass(frozen=True)
class Cell:
    """One service in one centre: how many nodes serve, of how many, and how many are needed."""

    service: str
    centre: str
    total: int
    serving: int
    unknown: int
    drained: int
    needed: int

    @property
    def spare(self) -> int:
        return self.serving - self.needed

    @property
    def state(self) -> str:
        """A state of the console's language: short is bad, nothing to spare or some down attention."""
        if self.serving < self.needed:
            return "unknown" if self.serving + self.unknown >= self.needed else "bad"
        if self.unknown:
            return "unknown"
        if self.serving + self.drained < self.total or (self.spare == 0 and self.total > self.needed):
            return "attention"
        return "good"


def cells(service: Service | None = None) -> list[Cell]:
    """Redundancy of every service in every centre (or of one service), in two queries."""
    rows = active_nodes().order_by()
    needs = Redundancy.objects.select_related("service", "centre").order_by("service__name", "centre__position")
    if service is not None:
        rows, needs = rows.filter(service=service), needs.filter(service=service)
    counted = {
        (row["service_id"], row["centre_id"]): row
        for row in rows.values("service_id", "centre_id").annotate(
            total=Count("pk"),
            serving=Count("pk", filter=Q(state_now=NodeState.UP)),
            unknown=Count("pk", filter=Q(state_now=NodeState.UNKNOWN)),
            drained=Count("pk", filter=Q(state_now__in=[NodeState.DRAINED, NodeState.DRAINING])),
        )
    }
    empty = {"total": 0, "serving": 0, "unknown": 0, "drained": 0}
    found = []
    for need in needs:
        row = counted.get((need.service_id, need.centre_id), empty)
        found.append(
            Cell(
                need.service.name,
                need.centre.code,
                row["total"],
                row["serving"],
                row["unknown"],
                row["drained"],
                need.needed,
            )
        )
    return found


def leaving_soon() -> set[str]:
    """Names of nodes that somebody has already asked to leave or restart, with the outcome not known yet."""
    return set(
        NodeAction.objects.filter(
            state__in=[ActionState.REQUESTED, ActionState.UNKNOWN], verb__in=[Verb.DRAIN, Verb.RESTART]
        ).values_list("node__name", flat=True)
    )


def members(service_ids: Iterable[int] | None = None) -> list[Member]:
    """The nodes as redundancy arithmetic needs them; one already on its way out does not count as serving."""
    rows = active_nodes()
    if service_ids is not None:
        rows = rows.filter(service_id__in=service_ids)
    leaving = leaving_soon()
    return [
        Member(name, service, centre, state == NodeState.UP and name not in leaving, shard)
        for name, service, centre, state, shard in rows.values_list(
            "name", "service__name", "centre__code", "state_now", "shard"
        )
    ]


def needed() -> dict[tuple[str, str], int]:
    """Needed nodes by (service, centre)."""
    return {
        (service, centre): count
        for service, centre, count in Redundancy.objects.values_list("service__name", "centre__code", "needed")
    }


def versions_in_use(service: Service) -> list[tuple[str, int]]:
    """(version, nodes that run it), most used first; nodes whose version was never seen are left out."""
    rows = nodes_of(service).order_by().exclude(version="").values("version").annotate(n=Count("pk"))
    return sorted(((row["version"], row["n"]) for row in rows), key=lambda pair: (-pair[1], pair[0]))


def actions_of_service(service: Service) -> QuerySet[NodeAction]:
    return NodeAction.objects.filter(node__service=service).select_related("actor", "node")


def nodes_failing() -> int:
    """How many nodes are down, paused or unknown."""
    return active_nodes().filter(state_now__in=[NodeState.DOWN, NodeState.PAUSED, NodeState.UNKNOWN]).count()
