"""Reads of alerts."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import Case, Count, IntegerField, Q, QuerySet, Value, When

from seeops.alerts.models import Alert, AlertGroup, AlertStatus, GroupState, Heartbeat, Severity
from seeops.alerts.payload import HEARTBEAT
from seeops.core.clock import now
from seeops.inventory import selectors as inventory
from seeops.inventory.models import Node, Service
from seeops.topology import selectors as topology
from seeops.topology.models import BusinessChain

# The heartbeat comes every 20 to 40 seconds; after this long without one nobody can say that no alert means no trouble.
BLIND_AFTER = dt.timedelta(minutes=2)
# Severity as the console's language of state.
SEVERITY_STATES = {Severity.CRITICAL: "bad", Severity.WARNING: "attention", Severity.INFO: "absent"}


@dataclass(frozen=True)
class Watch:
    """Whether alerts can reach the console at all. `age_s` is None when no heartbeat ever came."""

    last_at: dt.datetime | None
    age_s: float | None

    @property
    def blind(self) -> bool:
        return self.age_s is None or self.age_s > BLIND_AFTER.total_seconds()


def watch() -> Watch:
    """The state of the dead-man's switch."""
    last = Heartbeat.objects.filter(source=HEARTBEAT).values_list("last_at", flat=True).first()
    return Watch(last, (now() - last).total_seconds() if last else None)


def groups() -> QuerySet[AlertGroup]:
    """All groups with `firing` and `total` alerts counted; what needs somebody first: open before closed, firing before
    acknowledged before silenced, critical before the rest, older before newer."""
    return (
        AlertGroup.objects.select_related("acknowledged_by", "resolved_by")
        .annotate(
            firing=Count("alerts", filter=Q(alerts__status=AlertStatus.FIRING)),
            total=Count("alerts"),
            state_rank=_rank("state", GroupState.FIRING, GroupState.ACKNOWLEDGED, GroupState.SILENCED),
            severity_rank=_rank("severity", Severity.CRITICAL, Severity.WARNING),
        )
        .order_by("state_rank", "severity_rank", "-started_at", "-pk")
    )


def _rank(field: str, *worst_first: str) -> Case:
    whens = [When(**{field: value}, then=Value(rank)) for rank, value in enumerate(worst_first)]
    return Case(*whens, default=Value(len(worst_first)), output_field=IntegerField())


def open_groups() -> QuerySet[AlertGroup]:
    return groups().filter(open=True)


def needing_somebody() -> int:
    """How many open groups nobody looks after yet."""
    return AlertGroup.objects.filter(open=True, state=GroupState.FIRING).count()


def firing_by_service() -> dict[str, str]:
    """{service: worst severity} of what fires now."""
    found: dict[str, str] = {}
    for service, severity in (
        AlertGroup.objects.filter(open=True).exclude(service="").values_list("service", "severity")
    ):
        if service not in found or Severity.values.index(severity) < Severity.values.index(found[service]):
            found[service] = severity
    return found


def alerts_of(group: AlertGroup) -> QuerySet[Alert]:
    return group.alerts.all()


def chains_affected(group: AlertGroup, alerts: list[Alert]) -> list[BusinessChain]:
    """The business chains that the group touches: those it names, and those that pass the services it names."""
    named = {group.chain, *(alert.labels.get("chain", "") for alert in alerts)} - {""}
    services = {group.service, *(alert.labels.get("service", "") for alert in alerts)} - {""}
    return list(topology.chains().filter(Q(code__in=named) | Q(hops__service__name__in=services)).distinct())


def chains_by_service() -> dict[str, list[str]]:
    """{service: names of the chains that pass it}."""
    found: dict[str, list[str]] = {}
    for chain in topology.chains():
        for service in dict.fromkeys(hop.service.name for hop in chain.hops.all()):
            found.setdefault(service, []).append(chain.name)
    return found


def nodes_of(alerts: list[Alert]) -> list[Node]:
    """The nodes that the alerts name, as far as the inventory knows them."""
    names = {alert.labels.get("node", "") for alert in alerts if alert.status == AlertStatus.FIRING} - {""}
    return list(inventory.active_nodes().filter(name__in=names).select_related("service", "centre")[:200])


def pages_of(alerts: list[Alert]) -> list[str]:
    """Pages of this console that the alerts' own annotations name; addresses elsewhere are left out."""
    named = {alert.annotations.get("page_url", "") for alert in alerts}
    return sorted(url for url in named if url.startswith("/") and not url.startswith("//"))


def service_of(group: AlertGroup) -> Service | None:
    return inventory.services().filter(name=group.service).first() if group.service else None


def resolved_recently(hours: float = 24) -> QuerySet[AlertGroup]:
    return groups().filter(resolved_at__gte=now() - dt.timedelta(hours=hours))
