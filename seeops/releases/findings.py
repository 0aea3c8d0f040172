"""What stands against a plan right now: nodes that are missing, versions that moved, too little to spare. Pure.

A finding blocks (the release cannot start like this), warns (it can, and somebody should know), or informs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seeops.releases.forecast import Forecast
from seeops.releases.judge_settings import JudgeSettings
from seeops.releases.sample_size import requests_needed
from seeops.topology.snapshot import Snapshot

BLOCKS, WARNS, INFO = "blocks", "warns", "info"
_LEVELS = (BLOCKS, WARNS, INFO)
MARK = {BLOCKS: "bad", WARNS: "attention", INFO: "absent"}
NODES, CAPACITY, LOCKS, WINDOW, TIME, PACKAGE = "nodes", "capacity", "locks", "window", "time", "package"
VERDICT = "verdict"
_SHOWN = 3


@dataclass(frozen=True)
class Finding:
    """`text` is an English sentence that core.sentences reads; `about` one of NODES, CAPACITY, LOCKS, WINDOW, TIME, PACKAGE,
    VERDICT."""

    level: str
    about: str
    text: str

    @property
    def mark(self) -> str:
        return MARK[self.level]


def ordered(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """What blocks first; otherwise as they were found."""
    return tuple(sorted(findings, key=lambda finding: _LEVELS.index(finding.level)))


@dataclass(frozen=True)
class Room:
    """How many nodes of a service serve in a centre, of which nobody knows, how many are needed, and how many may leave now."""

    serving: int
    unknown: int
    needed: int
    spare: int


def of_nodes(plan: Mapping[str, Any], versions_now: Mapping[str, str]) -> list[Finding]:
    """Nodes that left the inventory since the plan was made, or run something else. `versions_now`: of active nodes."""
    found = []
    for part in plan["parts"]:
        nodes = [node for batch in part["batches"] for node in batch["nodes"]]
        gone = [node["name"] for node in nodes if node["name"] not in versions_now]
        moved = [node["name"] for node in nodes if versions_now.get(node["name"], node["from"]) != node["from"]]
        if gone:
            found.append(
                Finding(BLOCKS, NODES, f"{_few(gone)} left the inventory since the plan was made: plan again.")
            )
        if moved:
            text = f"{len(moved)} nodes run another version than planned ({_few(moved)}): plan again."
            found.append(Finding(BLOCKS, NODES, text))
    return found


def of_leaders(plan: Mapping[str, Any], leading: Mapping[int, str]) -> list[Finding]:
    """Shards that are led by another replica than the plan was made for. `leading`: centre by shard, as far as it is known."""
    found = []
    for part in plan["parts"]:
        replicas = [node for batch in part["batches"] for node in batch["nodes"] if "shard" in node]
        for shard in sorted({node["shard"] for node in replicas}):
            planned = next((node["centre"] for node in replicas if node["shard"] == shard and node["leads"]), None)
            now = leading.get(shard)
            if now is None:
                text = f"It is not known which replica leads shard {shard} of {part['service']} now."
                found.append(Finding(WARNS, NODES, text))
            elif planned is not None and planned != now:
                text = (
                    f"Shard {shard} of {part['service']} is led in {now} now, and the plan leaves {planned} to the end: plan "
                    f"again, or its lead is handed over twice."
                )
                found.append(Finding(WARNS, NODES, text))
    return found


def of_room(plan: Mapping[str, Any], rooms: Mapping[str, Mapping[str, Room]]) -> list[Finding]:
    """Where the plan takes more nodes away at the same time than may leave now. `rooms`: by service and centre."""
    found = []
    for part in plan["parts"]:
        service = part["service"]
        for centre, out in sorted(out_at_once(part).items()):
            room = rooms.get(service, {}).get(centre)
            if room is None:
                continue
            if room.spare < 1 and not part.get("short"):
                text = (
                    f"{service} has no node to spare in {centre} now: {room.serving} serve, {room.needed} are needed. Wait until "
                    f"more serve there."
                )
                found.append(Finding(BLOCKS, CAPACITY, text))
            elif out > max(1, room.spare):
                text = (
                    f"The plan takes {out} nodes of {service} away in {centre} at the same time, and only {room.spare} may leave "
                    f"now: plan again, or wait until more serve there."
                )
                found.append(Finding(BLOCKS, CAPACITY, text))
            if room.unknown:
                text = f"{room.unknown} nodes of {service} in {centre} are in an unknown state: they do not count as serving."
                found.append(Finding(WARNS, CAPACITY, text))
    return found


def of_peak(plan: Mapping[str, Any], snapshot: Snapshot, rooms: Mapping[str, Mapping[str, Room]]) -> list[Finding]:
    """Where what is left could not carry the peak of the day while the plan's nodes are out of service."""
    demand: Counter[tuple[str, str]] = Counter()
    for chain in snapshot.chains:
        for hop in chain.hops:
            for centre in snapshot.centres:
                demand[hop.service, centre.code] += chain.peak_rate_per_s * centre.flow_share
    found = []
    for part in plan["parts"]:
        service = part["service"]
        for centre, out in sorted(out_at_once(part).items()):
            room, wanted = rooms.get(service, {}).get(centre), demand[service, centre]
            if room is None or not wanted:
                continue
            left = max(0, room.serving - out) * snapshot.service_by_name[service].capacity_per_s
            if left < wanted:
                text = (
                    f"At the peak of the day {service} in {centre} would carry {left / wanted * 100:.0f} % of its requests with "
                    f"{out} nodes away: release outside of the trading session, or fewer at the same time."
                )
                found.append(Finding(WARNS, CAPACITY, text))
    return found


def of_time(plan: Mapping[str, Any], course: Forecast, sites: Mapping[str, str]) -> list[Finding]:
    """What was never measured, and services whose versions would differ between the sites for longer than the plan permits. `sites`
    by centre."""
    found = [
        Finding(
            INFO,
            TIME,
            f"{service} was not measured yet: {course.paces[service].turn_s:.0f} s for each turn are assumed.",
        )
        for service in course.unmeasured
    ]
    most = plan.get("versions_differ_at_most_s")
    for part in plan["parts"] if most is not None else ():
        usual, slow = course.differ_s(part, sites)
        if slow > most:
            text = (
                f"The versions of {part['service']} would differ between the sites for {minutes(usual)} to {minutes(slow)}, and "
                f"the plan permits {minutes(most)}: use fewer batches, a shorter soak, or permit more."
            )
            found.append(Finding(BLOCKS if usual > most else WARNS, TIME, text))
    return found


def of_requests(plan: Mapping[str, Any], rates: Mapping[tuple[str, str], float] | None) -> list[Finding]:
    """Batches that would see too few requests for a verdict, however often their soak is extended. `rates`: requests a second of one
    node, by service and centre, as they come now; None when that is not known."""
    if rates is None:
        text = "It is not known how many requests come now, so nobody can say whether the batches can be judged."
        return [Finding(INFO, VERDICT, text)]
    settings, longest_s = JudgeSettings.of(plan["judge"]), plan["soak_s"] * (1 + plan["most_extensions"])
    found = []
    for part in plan["parts"]:
        for batch in part["batches"]:
            rate = sum(rates.get((part["service"], node["centre"]), 0.0) for node in batch["nodes"])
            needed, expected = requests_needed(settings, len(batch["nodes"])), rate * longest_s
            if expected < needed:
                text = (
                    f"Batch {batch['number']} of {part['service']} would see about {expected:.0f} requests in {minutes(longest_s)} of "
                    f"soak, as they come now, and a verdict needs {needed}: it would hold for a person. Use more nodes, or a longer soak."
                )
                found.append(Finding(WARNS, VERDICT, text))
    return found


def out_at_once(part: Mapping[str, Any]) -> dict[str, int]:
    """By centre: the most nodes that one batch of the part takes out of service there at the same time."""
    most: dict[str, int] = {}
    for batch in part["batches"]:
        for centre, count in Counter(node["centre"] for node in batch["nodes"]).items():
            most[centre] = max(most.get(centre, 0), min(count, batch["concurrency"]))
    return most


def minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")
