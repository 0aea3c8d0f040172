"""The locks of a run that changes nodes: its nodes and the shards of their replicas, until it has ended.

They are freed by a trigger when the run's state says that it has ended, whichever process writes that.
"""

from __future__ import annotations

from seeops.automation.models import Run
from seeops.core.errors import Conflict
from seeops.inventory import locks
from seeops.inventory.models import Node


def take(run: Run) -> None:
    """Hold what the run changes. Raises Conflict naming who holds one of its nodes."""
    if not run.changes_nodes:
        return
    names = [target["name"] for target in run.targets]
    wanted = locks.of_nodes(Node.objects.filter(name__in=names).only("name", "shard"))
    got = locks.acquire(
        owner=run.number, wanted=wanted, fence=run.fence, reason=run.title, url=f"/automation/runs/{run.pk}/"
    )
    if isinstance(got, locks.Busy):
        raise Conflict(got.sentence, code="locked")


def keep(run: Run) -> bool:
    """Renew what the run holds. False when it was taken over while nobody looked: the run must not go on."""
    return not run.changes_nodes or locks.renew(run.number, run.fence)
