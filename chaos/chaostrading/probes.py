"""What clients see, and whether the cluster is whole. A probe without data raises ActivityFailed: no data never passes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

from chaoslib.exceptions import ActivityFailed
from chaoslib.types import Configuration, Secrets

from chaos.chaostrading import sampling
from chaos.chaostrading.surroundings import attempt, cluster

__all__ = [
    "client_p99_ms",
    "client_success",
    "duplicate_orders",
    "feed_gaps",
    "leaderless_shards",
    "longest_wait_s",
    "lost_orders",
    "nodes_serving",
    "replicas_disagreeing",
]
COMPARISONS = 6
COMPARE_EVERY_S = 0.5
_gaps_before: dict[str, int] = {}


def _samples(over_s: float) -> list[sampling.Sample]:
    sampler = sampling.current()
    if sampler is None:
        raise ActivityFailed("the clients' view is not being sampled: run the experiment with chaos.runner")
    found = [sample for sample in sampler.since(over_s) if not sample.gap]
    if not found:
        raise ActivityFailed(f"no sample of the clients' view in the last {over_s:g} s")
    return found


def client_success(
    chain: str = "", over_s: float = 5.0, configuration: Configuration = None, secrets: Secrets = None
) -> float:
    """Share of requests that ended well for the customer (a rejection by rule is an answer): of one chain, or of the kind
    of request (orders, all others) that fared worse. While the market is closed nobody sends orders; then others decide."""
    samples = _samples(over_s)
    if chain:
        pairs = [sampling.total(sample.by_chain.get(chain, (0, 0)) for sample in samples)]
    else:
        pairs = [sampling.total(sample.orders for sample in samples), sampling.total(s.others for s in samples)]
    share = sampling.worst_share(pairs)
    if share is None:
        raise ActivityFailed(f"customers asked too little of {chain or 'any chain'} in the last {over_s:g} s to tell")
    return share


def longest_wait_s(over_s: float = 5.0, configuration: Configuration = None, secrets: Secrets = None) -> float:
    """The longest that orders without an answer had been waiting, in seconds, as seen lately."""
    return max(sample.waiting_s for sample in _samples(over_s))


def client_p99_ms(
    chain: str, over_s: float = 5.0, configuration: Configuration = None, secrets: Secrets = None
) -> float:
    """The worst p99 in milliseconds that customers of a chain saw lately."""
    values = [sample.p99_ms[chain] for sample in _samples(over_s) if chain in sample.p99_ms]
    if not values:
        raise ActivityFailed(f"no latency of {chain} in the last {over_s:g} s")
    return max(values)


def lost_orders(configuration: Configuration = None, secrets: Secrets = None) -> int:
    """Acknowledged orders that the shards do not know, counted since the load began."""
    return _samples(10.0)[-1].lost


def duplicate_orders(configuration: Configuration = None, secrets: Secrets = None) -> int:
    """Orders executed twice, counted since the load began."""
    return _samples(10.0)[-1].duplicates


def feed_gaps(configuration: Configuration = None, secrets: Secrets = None) -> int:
    """How often the gateway found a gap in the sequence of a shard's events, counted since this was first asked."""
    client = cluster(configuration)
    shards = attempt("ask the gateway", client.gateway_status)["shards"]
    gaps = {str(shard): int(found["feed_gaps"]) for shard, found in shards.items()}
    if not gaps:
        raise ActivityFailed("the gateway follows no shard")
    for shard, count in gaps.items():
        # A gateway that was started again counts anew.
        _gaps_before[shard] = min(_gaps_before.get(shard, count), count)
    return sum(count - _gaps_before[shard] for shard, count in gaps.items())


def leaderless_shards(configuration: Configuration = None, secrets: Secrets = None) -> int:
    """How many shards have no leader now."""
    return sum(
        all(status["role"] != "leader" for status in replicas) for replicas in _shard_status(configuration).values()
    )


def replicas_disagreeing(configuration: Configuration = None, secrets: Secrets = None) -> int:
    """How many shards have replicas whose state hashes differ after the same commands.

    Replicas are never at the same command when asked one after the other, so the hashes of their last checkpoints count as
    well, and the differences that the replicas noticed among themselves.
    """
    for _ in range(COMPARISONS):
        shards = _shard_status(configuration)
        verdicts = [agreement(replicas) for replicas in shards.values()]
        if any(verdict is False for verdict in verdicts) or all(verdict is True for verdict in verdicts):
            return sum(verdict is False for verdict in verdicts)
        time.sleep(COMPARE_EVERY_S)
    silent = [shard for shard, verdict in zip(shards, verdicts, strict=True) if verdict is None]
    raise ActivityFailed(f"no two replicas of shard {', '.join(silent)} were seen at the same command")


def agreement(replicas: Sequence[Mapping[str, Any]]) -> bool | None:
    """Whether replicas of a shard agree, from their status; None when no two of them could be compared."""
    if any(status["hash_mismatches"] for status in replicas):
        return False
    hashes: dict[int, list[str]] = {}
    for status in replicas:
        points = {int(status["state_index"]): str(status["state_hash"])}
        points.setdefault(int(status["checkpoint"]["index"]), str(status["checkpoint"]["hash"]))
        for index, state_hash in points.items():
            hashes.setdefault(index, []).append(state_hash)
    compared = [found for found in hashes.values() if len(found) > 1]
    if any(len(set(found)) > 1 for found in compared):
        return False
    return True if compared else None


def _shard_status(configuration: Configuration) -> dict[str, list[dict[str, Any]]]:
    """Status of every shard's replicas that answer. Raises ActivityFailed when none of all answers."""
    client = cluster(configuration)
    found: dict[str, list[dict[str, Any]]] = {}
    for shard, replicas in client.shards().items():
        found[shard] = []
        for place in replicas:
            with contextlib.suppress(ActivityFailed):
                found[shard].append(attempt("", lambda s=shard, p=place: client.shard_status(s, p)))
    if not any(found.values()):
        raise ActivityFailed("no replica of any shard answers")
    return found


def nodes_serving(service: str, centre: str, configuration: Configuration = None, secrets: Secrets = None) -> int:
    """How many nodes of a service serve in a centre."""
    client = cluster(configuration)
    nodes = attempt(f"list the nodes of {centre}", lambda: client.nodes(centre))
    own = [node for node in nodes if node["service"] == service]
    if not own:
        raise ActivityFailed(f"{service} has no node in {centre}")
    return sum(node["state"] == "up" for node in own)
