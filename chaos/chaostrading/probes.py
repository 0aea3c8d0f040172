"""What clients see, and whether the cluster is whole. A probe without data raises ActivityFailed: no data never passes."""

from __future__ import annotations

from chaoslib.exceptions import ActivityFailed
from chaoslib.types import Configuration, Secrets

from chaos.chaostrading import sampling
from chaos.chaostrading.surroundings import attempt, cluster

__all__ = [
    "client_p99_ms",
    "client_success",
    "duplicate_orders",
    "leaderless_shards",
    "lost_orders",
    "nodes_serving",
    "replicas_disagreeing",
]


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
    """Share of requests that ended well for the customer (a rejection by rule is an answer), of one chain or of all."""
    samples = _samples(over_s)
    pairs = [sample.by_chain.get(chain, (0, 0)) if chain else (sample.asked, sample.bad) for sample in samples]
    asked = sum(pair[0] for pair in pairs)
    if not asked:
        raise ActivityFailed(f"customers asked nothing of {chain or 'any chain'} in the last {over_s:g} s")
    return 1 - sum(pair[1] for pair in pairs) / asked


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


def leaderless_shards(configuration: Configuration = None, secrets: Secrets = None) -> int:
    """How many shards have no leader now."""
    client = cluster(configuration)
    missing = 0
    for shard, replicas in client.shards().items():
        roles = []
        for place in replicas:
            try:
                roles.append(attempt("", lambda s=shard, p=place: client.shard_status(s, p))["role"])
            except ActivityFailed:
                roles.append("unreachable")
        missing += "leader" not in roles
    return missing


def replicas_disagreeing(configuration: Configuration = None, secrets: Secrets = None) -> int:
    """How many shards have replicas with different state hashes at the same applied index."""
    client = cluster(configuration)
    disagreeing = 0
    compared = 0
    for shard, replicas in client.shards().items():
        hashes: dict[int, set[str]] = {}
        for place in replicas:
            try:
                status = attempt("", lambda s=shard, p=place: client.shard_status(s, p))
            except ActivityFailed:
                continue
            hashes.setdefault(int(status["applied"]), set()).add(str(status["state_hash"]))
        compared += bool(hashes)
        disagreeing += any(len(found) > 1 for found in hashes.values())
    if not compared:
        raise ActivityFailed("no replica answers, so nothing can be compared")
    return disagreeing


def nodes_serving(service: str, centre: str, configuration: Configuration = None, secrets: Secrets = None) -> int:
    """How many nodes of a service serve in a centre."""
    client = cluster(configuration)
    nodes = attempt(f"list the nodes of {centre}", lambda: client.nodes(centre))
    own = [node for node in nodes if node["service"] == service]
    if not own:
        raise ActivityFailed(f"{service} has no node in {centre}")
    return sum(node["state"] == "up" for node in own)
