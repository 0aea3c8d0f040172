"""Which replica leads each shard now, as the replicas themselves say it."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass

from seeops.cluster import door
from seeops.core.errors import SeeOpsError

# Together the questions may take this long; shards that were not asked by then are not known.
BUDGET_S = 3.0
REPLICA_TIMEOUT_S = 0.7


@dataclass(frozen=True)
class Lead:
    """The centre of the replica that leads a shard, and the term in which it does."""

    centre: str
    term: int


def leaders(shards: Collection[int]) -> dict[int, str]:
    """Centre of the leading replica by shard, as far as it is known (see `leads`)."""
    return {shard: lead.centre for shard, lead in leads(shards).items()}


def leads(shards: Collection[int]) -> dict[int, Lead]:
    """Who leads each shard. A shard of which nobody says that he leads, or that does not answer in time, is absent: not known.
    Of several that claim it, the one of the highest term leads."""
    ends = time.monotonic() + BUDGET_S
    found: dict[int, Lead] = {}
    known = replicated()
    for shard in sorted(shards):
        for centre in known.get(shard, ()):
            if time.monotonic() >= ends:
                break
            term = _leads_in_term(shard, centre)
            if term is not None and (shard not in found or term > found[shard].term):
                found[shard] = Lead(centre, term)
    return found


def replicated() -> dict[int, tuple[str, ...]]:
    """Centres of the replicas that the running cluster has, by shard; empty when it runs none, or was never started."""
    try:
        with door.translated():
            return {int(shard): tuple(places) for shard, places in door.client(REPLICA_TIMEOUT_S).shards().items()}
    except SeeOpsError:
        return {}


def _leads_in_term(shard: int, centre: str) -> int | None:
    """The term in which this replica leads; None when it does not, or does not answer."""
    try:
        with door.translated():
            status = door.client(REPLICA_TIMEOUT_S).shard_status(shard, centre)
    except SeeOpsError:
        return None
    return int(status["term"]) if status.get("role") == "leader" else None
