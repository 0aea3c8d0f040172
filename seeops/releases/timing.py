"""How long the next batch of a release will take, from what batches of the same service took before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Count

from seeops.changes import closing
from seeops.inventory.models import Service
from seeops.releases.forecast import Forecast, Pace, forecast, pace
from seeops.releases.models import Batch, Release

EARLIER_BATCHES = 12


def batch_needs_s(release: Release, batch: Batch) -> float:
    """Seconds until the batch is deployed and judged."""
    return closing.batch_needs_s(
        nodes=batch.nodes.count(), at_once=batch.concurrency, soak_s=release.soak_s, turn_s=measured_turn_s(batch)
    )


def measured_turn_s(batch: Batch) -> float | None:
    """Median seconds per turn of the batches of the same part; of the last ones of its service while it has none; else None."""
    deployed = Batch.objects.filter(
        part__service=batch.part.service_id, started_at__isnull=False, deployed_at__isnull=False
    ).annotate(count=Count("nodes"))
    own = [_measured(item) for item in deployed.filter(part=batch.part_id)]
    found = own or [_measured(item) for item in deployed.order_by("-pk")[:EARLIER_BATCHES]]
    return closing.per_turn_s(found)


def paces(services: Iterable[Service]) -> dict[str, Pace]:
    """The pace of each service from its last batches in any release; one query for each service."""
    found = {}
    for service in services:
        deployed = Batch.objects.filter(
            part__service=service.pk, started_at__isnull=False, deployed_at__isnull=False
        ).annotate(count=Count("nodes"))
        last = list(deployed.order_by("-pk")[:EARLIER_BATCHES])
        found[service.name] = pace([_measured(batch) for batch in last], [batch.extensions for batch in last])
    return found


def course(plan: Mapping[str, Any], services: Iterable[Service]) -> Forecast:
    """How long a plan takes by what its services took before."""
    return forecast(plan, paces(services))


def _measured(batch: Batch) -> closing.Measured:
    return closing.Measured(batch.count, batch.concurrency, (batch.deployed_at - batch.started_at).total_seconds())
