"""What the console tells Prometheus: what it expects of the estate, and how it does itself, in the text format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.db.models import Count
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from seeops.accounts import rights
from seeops.alerts import selectors as alerts
from seeops.automation import inspection_selectors as inspections
from seeops.changes import selectors as changes
from seeops.inventory import selectors as inventory
from seeops.monitoring.prometheus import escaped

Sample = tuple[Mapping[str, str], float]


class Metrics(APIView):
    """`GET /metrics`, for machines and people who may watch."""

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        if not getattr(request.user, "is_machine", False):
            rights.require(request.user, "watch.view")
        return HttpResponse(text(), content_type="text/plain; version=0.0.4; charset=utf-8")


def text() -> str:
    """All gauges. What is not known is left out, never zero."""
    families: list[tuple[str, str, Iterable[Sample]]] = [
        (
            "seeops_redundancy_needed",
            "Nodes of a service that a data centre needs to carry its share.",
            (
                ({"service": service, "centre": centre}, count)
                for (service, centre), count in sorted(inventory.needed().items())
            ),
        ),
        (
            "seeops_nodes",
            "Nodes of the inventory by observed state.",
            (({"state": state}, count) for state, count in inventory.state_counts().items()),
        ),
        (
            "seeops_alert_groups_open",
            "Open groups of alerts.",
            (
                ({"severity": row["severity"], "state": row["state"]}, row["n"])
                for row in alerts.open_groups()
                .order_by()
                .values("severity", "state")
                .annotate(n=Count("pk", distinct=True))
            ),
        ),
        (
            "seeops_break_glass_in_force",
            "Changes that go past freezes now, on the word of two people.",
            (({"ticket": row.ticket.number, "incident": row.incident}, 1) for row in changes.open_glasses()),
        ),
        (
            "seeops_inspection_missing",
            "Schedules of inspections whose last report is not there.",
            [({}, float(inspections.missing_bookings()))],
        ),
        ("seeops_inspection_findings", "Findings of the last inspection of the whole estate.", _inspection()),
        ("seeops_alert_heartbeat_age_seconds", "Seconds since the last heartbeat of the alert path.", _heartbeat()),
    ]
    return "".join(_family(name, words, samples) for name, words, samples in families)


def _inspection() -> list[Sample]:
    report = inspections.latest()
    if report is None:
        return []
    return [({"severity": name}, getattr(report, name)) for name in ("bad", "unknown", "attention")]


def _heartbeat() -> list[Sample]:
    age_s = alerts.watch().age_s
    return [] if age_s is None else [({}, age_s)]


def _family(name: str, words: str, samples: Iterable[Sample]) -> str:
    lines = [f"# HELP {name} {words}", f"# TYPE {name} gauge"]
    for labels, value in samples:
        inner = ",".join(f'{label}="{escaped(str(text))}"' for label, text in labels.items())
        lines.append(f"{name}{{{inner}}} {value:g}" if inner else f"{name} {value:g}")
    return "\n".join(lines) + "\n"
