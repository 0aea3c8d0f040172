"""What an activity needs to know of its run: the cluster, who owns the faults, and the clients' view so far."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from chaoslib.exceptions import ActivityFailed

from trading_sim.client import ClusterClient
from trading_sim.client.errors import ClusterError

T = TypeVar("T")
TIMEOUT_S = 5.0


def cluster(configuration: dict[str, Any] | None) -> ClusterClient:
    """The cluster named by the run. Raises ActivityFailed when the run names none."""
    if not configuration or not configuration.get("endpoints"):
        raise ActivityFailed("the run names no cluster: configuration.endpoints is missing")
    return ClusterClient(configuration["endpoints"], timeout_s=TIMEOUT_S)


def owner(configuration: dict[str, Any] | None) -> str:
    """Under whose name faults are injected, so that all of them can be cleared at once."""
    if not configuration or not configuration.get("owner"):
        raise ActivityFailed("the run has no name: configuration.owner is missing")
    return str(configuration["owner"])


def attempt(what: str, call: Callable[[], T]) -> T:
    """Call the cluster; whatever goes wrong becomes ActivityFailed that says what was tried."""
    try:
        return call()
    except ClusterError as error:
        raise ActivityFailed(f"{what}: {error}") from error
