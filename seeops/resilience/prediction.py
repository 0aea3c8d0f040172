"""What an experiment's steps should do to customers, by what they hit. Pure: steps and topology in, expectation out.

none          redundancy carries it: nobody should notice
slower        the nodes stay, but answer late: requests get slower, none should fail
interruption  the primary of a shard is hit: orders wait until another replica leads, within the declared recovery time
loss          the topology has nothing to take over with: some flow is lost while the fault lasts
unknown       too many nodes have not been seen lately to say
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seeops.topology.snapshot import Snapshot

# Faults that take the node, replica or centre away; all others leave it in place.
TAKING = frozenset(
    {"kill", "pause", "crash-loop", "host", "leak", "centre-loss", "centre-partition", "net_partition", "disk_error"}
)
# Faults that make requests fail, so that others must answer them; the rest only costs time.
FAILING = frozenset({"errors", "centre-drop", "workers"})
# A replica can suffer these without its shard noticing.
HARMLESS = frozenset({"clock_jump"})
# Loss of success that customers notice, for comparing what was expected with what was measured.
NOTICED = 0.1
# With a larger part of the nodes unseen nothing can be predicted.
MOST_UNSEEN = 0.1


class Effect(enum.StrEnum):
    NONE = "none"
    SLOWER = "slower"
    INTERRUPTION = "interruption"
    LOSS = "loss"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Hit:
    """What one step hits. `fraction` is a part of the service's nodes in the centre; `nodes` are named ones."""

    kind: str
    service: str = ""
    centre: str = ""
    fraction: float = 0.0
    nodes: tuple[str, ...] = ()
    shard: int | None = None
    primary: bool = False
    factor: float = 1.0
    chains: tuple[str, ...] = ()

    @property
    def takes(self) -> bool:
        return self.kind in TAKING


def hits(steps: Sequence[Mapping[str, Any]]) -> list[Hit]:
    """What the steps of a method hit, in order."""
    found = (_hit(step["function"], step["arguments"]) for step in steps if step["type"] == "action")
    return [hit for hit in found if hit is not None]


def _hit(function: str, arguments: Mapping[str, Any]) -> Hit | None:
    kind, params = str(arguments.get("kind", "")), arguments.get("params") or {}
    match function:
        case "inject_node_fault":
            return Hit(
                kind,
                service=arguments.get("service", ""),
                centre=arguments["centre"],
                fraction=float(arguments.get("fraction") or 0.0),
                nodes=tuple(arguments.get("nodes") or ()),
            )
        case "inject_centre_fault":
            return Hit(kind, centre=arguments["centre"])
        case "inject_replica_fault":
            return Hit(
                kind,
                shard=arguments["shard"],
                centre=arguments.get("centre", ""),
                primary=not arguments.get("centre") and arguments.get("role") == "primary",
            )
        case "kill_shard_primary" | "pause_shard_primary":
            return Hit("kill" if function.startswith("kill") else "pause", shard=arguments["shard"], primary=True)
        case "kill_process":
            return _process(arguments["name"])
        case "inject_load_fault":
            return Hit(kind, factor=float(params.get("factor", 1.0)), chains=tuple(params.get("chains") or ()))
    return None


def _process(name: str) -> Hit:
    if name.startswith("shard-"):
        _, shard, centre = name.split("-", 2)
        return Hit("kill", shard=int(shard), centre=centre, primary=True)
    if name.startswith("centre-"):
        return Hit("centre-loss", centre=name.removeprefix("centre-"))
    return Hit("load-restart")


@dataclass(frozen=True)
class Overload:
    """A service in a centre that would get more requests per second than its serving nodes can take."""

    service: str
    centre: str
    demand_per_s: float
    capacity_per_s: float


def overloads(snapshot: Snapshot, rates: Mapping[str, float], surges: Sequence[Hit]) -> list[Overload]:
    """Where the requests of the surge exceed what serving nodes can take. `rates` are requests per second by chain now."""
    demand: dict[tuple[str, str], float] = {}
    for chain in snapshot.chains:
        rate = rates.get(chain.code, chain.peak_rate_per_s)
        for surge in surges:
            rate *= surge.factor if not surge.chains or chain.code in surge.chains else 1.0
        for hop in chain.hops:
            for centre in snapshot.centres:
                place = (hop.service, centre.code)
                demand[place] = demand.get(place, 0.0) + rate * centre.flow_share
    serving: dict[tuple[str, str], int] = {}
    for node in snapshot.nodes:
        serving[node.service, node.centre] = serving.get((node.service, node.centre), 0) + node.serving
    found = []
    for (service, centre), wanted in sorted(demand.items()):
        capacity = serving.get((service, centre), 0) * snapshot.service_by_name[service].capacity_per_s
        if wanted > capacity:
            found.append(Overload(service, centre, wanted, capacity))
    return found


def touched(snapshot: Snapshot, found: Sequence[Hit], counts: Mapping[tuple[str, str], int]) -> list[dict[str, Any]]:
    """Chains whose requests pass hit nodes, and the part of each that does: [{code, name, share}], most first."""
    shares = {centre.code: centre.flow_share for centre in snapshot.centres}
    serving: dict[tuple[str, str], int] = {}
    for node in snapshot.nodes:
        serving[node.service, node.centre] = serving.get((node.service, node.centre), 0) + node.serving
    whole = {hit.centre for hit in found if hit.centre and not hit.service and not hit.nodes and hit.shard is None}
    rows = []
    for chain in snapshot.chains:
        passed: dict[str, float] = dict.fromkeys(whole, 1.0)
        for (service, centre), count in counts.items():
            if any(hop.service == service for hop in chain.hops) and serving.get((service, centre)):
                passed[centre] = max(passed.get(centre, 0.0), count / serving[service, centre])
        share = sum(shares.get(centre, 0.0) * part for centre, part in passed.items())
        if share:
            rows.append({"code": chain.code, "name": chain.name, "share": round(share, 4)})
    return sorted(rows, key=lambda row: (-row["share"], row["code"]))


def effect(found: Sequence[Hit], *, lost: bool, lost_without_hit: bool, overloaded: bool) -> Effect:
    """What customers should feel. `lost`: the topology loses flow with what is taken away; `lost_without_hit`: it would if
    everything that is hit, slow ones included, had to leave."""
    if lost or overloaded:
        return Effect.LOSS
    if any(hit.kind in FAILING for hit in found) and lost_without_hit:
        return Effect.LOSS
    if any(hit.primary and hit.kind not in HARMLESS for hit in found):
        return Effect.INTERRUPTION
    staying = [hit for hit in found if not hit.takes and hit.kind not in FAILING | HARMLESS and hit.factor == 1.0]
    # A slow follower is outvoted by the two fast replicas.
    if any(hit.shard is None for hit in staying) or (staying and lost_without_hit):
        return Effect.SLOWER
    return Effect.NONE


def right(
    expected: str, *, worst_success: float | None, recovered_s: float | None, allowed_s: float, measured: bool
) -> bool | None:
    """Whether customers felt what was expected; None when what they felt is not known."""
    if expected in ("", Effect.UNKNOWN) or not measured or worst_success is None:
        return None
    noticed = 1 - worst_success > NOTICED
    if expected == Effect.LOSS:
        return noticed
    if expected == Effect.INTERRUPTION:
        return recovered_s is not None and recovered_s <= allowed_s
    return not noticed


def digest(prediction: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON, hex."""
    text = json.dumps(prediction, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
