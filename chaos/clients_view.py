"""Reads the counters of the load process for the sampler."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from chaos.chaostrading.sampling import Counters
from trading_sim.client import ClusterClient

READ_TIMEOUT_S = 0.9


def reader(endpoints: Path) -> Callable[[], Counters]:
    """A function that reads the clients' counters now. It raises when the load does not answer in time: a gap."""
    client = ClusterClient(endpoints, timeout_s=READ_TIMEOUT_S)
    chains = client.topology.chains.values()
    orders = frozenset(chain.name for chain in chains if chain.kind == "orders")

    def read() -> Counters:
        status = client.load_status()
        return Counters(
            requests=status["requests"],
            lost=int(status["lost"]),
            duplicates=int(status["duplicates"]),
            buckets=status["duration_buckets"],
            waiting_s=max((lane["waiting_s"] or 0.0 for lane in status["lanes"]), default=0.0),
            order_chains=orders,
        )

    return read
