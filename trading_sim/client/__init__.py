"""All that outsiders need to work with a cluster; together with `trading_sim.protocol` the only part they may import."""

from trading_sim.client.agent import NodeAgent
from trading_sim.client.cluster import ClusterClient, read_endpoints
from trading_sim.client.errors import ClusterError, EndpointsMissing, Refused, StaleEpoch, UnknownName, Unreachable

__all__ = [
    "ClusterClient",
    "ClusterError",
    "EndpointsMissing",
    "NodeAgent",
    "Refused",
    "StaleEpoch",
    "UnknownName",
    "Unreachable",
    "read_endpoints",
]
