"""The chaostoolkit extension of the trading cluster: `actions` inject faults by lease, `probes` measure what clients see."""

from __future__ import annotations

from chaoslib.discovery.discover import discover_actions, discover_probes, initialize_discovery_result
from chaoslib.types import DiscoveredActivities, Discovery

__version__ = "1.0.0"


def discover(discover_system: bool = True) -> Discovery:
    """What chaostoolkit's discovery shows of this extension; the console draws its fault forms from it."""
    discovery = initialize_discovery_result("chaostrading", __version__, "trading cluster")
    discovery["activities"].extend(load_activities())
    return discovery


def load_activities() -> list[DiscoveredActivities]:
    """Every action and probe with its parameters."""
    return [
        *discover_actions("chaos.chaostrading.actions"),
        *discover_probes("chaos.chaostrading.probes"),
    ]
