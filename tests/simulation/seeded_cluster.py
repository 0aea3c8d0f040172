"""Seeded releases on a running cluster: many services at once, each with canaries of its own against the same unchanged peers.

A slot is a part of a service's nodes in which one release after the other is walked through its batches. The nodes that no slot
has are the peers and never change. Versions, nodes and their order come from the seed; measurements from Prometheus; verdicts
from the very functions that the engine calls.
"""

from __future__ import annotations

import datetime as dt
import json
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from seeops.releases import collect, surroundings, verdict
from seeops.releases.judge_settings import JudgeSettings
from tests.polling import eventually
from tests.simulation.measured_cluster import MeasuredCluster, versions
from tests.simulation.seeded_releases import CUT, SOAK_S, Walk
from trading_sim.protocol.topology import Topology

STABLE = "1.0.0"
LEAST_PEERS, PEERS_SHARE = 4, 0.3
LARGEST_BATCH = 12
MOST_SLOTS = 6
LEAST_RATE = 0.4  # requests per second and node: below, no soak of minutes decides anything
USUAL_LOAD = 0.7  # of the chains' peak rates
GRID_S = 10.0  # soaks begin together, so that slots of a service share their queries
HEALTHY_WEIGHT = 6
ROUND_S = 60.0  # a round of looks at all slots is over long before
DEPLOYING, SOAKING, ROLLING_BACK = "deploying", "soaking", "rolling back"


@dataclass
class Slot:
    service: str
    nodes: list[str]
    sizes: list[int]
    peers: list[str]
    walk: Walk | None = None
    state: str = ""
    work: Future[None] | None = None
    began: float = 0.0
    soak_from: float = 0.0
    until: float = 0.0

    def begin(self, seed: int, version: str, kind: str) -> None:
        names = self.nodes[:]
        random.Random(seed).shuffle(names)
        stages, at = [], 0
        for size in self.sizes:
            stages.append(names[at : at + size])
            at += size
        self.walk = Walk(seed, self.service, version, kind, stages)


def sizes_of(count: int) -> list[int]:
    """Nodes of the batches `1, 5%, 30%`, the last one cut so that several releases fit beside each other."""
    return [1, max(2, -(-count * 5 // 100)), max(3, min(LARGEST_BATCH, count * 15 // 100))]


def usual_rates(topology: Topology) -> dict[str, float]:
    """Requests per second of each service when its chains are as busy as they usually are."""
    rates: dict[str, float] = defaultdict(float)
    for chain in topology.chains.values():
        for hop in chain.hops:
            rates[hop.service] += USUAL_LOAD * chain.peak_rate_per_s
    return rates


def slots(cluster: MeasuredCluster) -> list[Slot]:
    found, rates = [], usual_rates(cluster.client.topology)
    for service in cluster.client.topology.services.values():
        names = [name for name, _ in cluster.nodes_of(service.name)]
        random.Random(service.name).shuffle(names)
        sizes = sizes_of(len(names))
        count = min(MOST_SLOTS, (len(names) - max(LEAST_PEERS, int(len(names) * PEERS_SHARE))) // sum(sizes))
        if service.kind == "shard" or rates[service.name] / len(names) < LEAST_RATE or count < 1:
            continue
        peers = names[count * sum(sizes) :]
        parts = [names[i * sum(sizes) : (i + 1) * sum(sizes)] for i in range(count)]
        found += [Slot(service.name, part, sizes, peers) for part in parts]
    return found


def kinds(seed: int) -> Iterator[tuple[str, str]]:
    """(version, kind) without end: every bad one once per round, the healthy one HEALTHY_WEIGHT times, in seeded order."""
    rng, ladder = random.Random(seed), versions()
    while True:
        round_of = [item for item in ladder.items() for _ in range(HEALTHY_WEIGHT if item[1] == "healthy" else 1)]
        rng.shuffle(round_of)
        yield from round_of


@dataclass
class Campaign:
    """`walks` are those that ended or were cut off; evidence of every look is written to `evidence`."""

    cluster: MeasuredCluster
    settings: JudgeSettings
    seed: int
    evidence: Path
    note: Callable[[str], None] = print
    walks: list[Walk] = field(default_factory=list)
    looks: int = 0
    chains_of: dict[str, list[str]] = field(default_factory=dict)

    def run(self, seconds: float) -> list[Walk]:
        """Walk releases for so long; those still under way at the end are cut off."""
        topology = self.cluster.client.topology
        for chain in topology.chains.values():
            for hop in chain.hops:
                self.chains_of.setdefault(hop.service, []).append(chain.name)
        all_slots, wanted = slots(self.cluster), kinds(self.seed)
        self.note(f"{len(all_slots)} slots in {len({slot.service for slot in all_slots})} services")
        ends, number = time.time() + seconds, self.seed
        with ThreadPoolExecutor(6) as pool, self.evidence.open("w") as out:

            def walked_to_the_end() -> bool:
                nonlocal number
                for slot in sorted(all_slots, key=lambda slot: (slot.service, slot.began)):
                    if slot.walk is None and not slot.state:
                        number += 1
                        slot.begin(number, *next(wanted))
                    self._step(slot, pool, out)
                return time.time() >= ends

            eventually(walked_to_the_end, "the time of the campaign is over", seconds + ROUND_S, interval_s=0.2)
        for slot in all_slots:
            if slot.walk is not None:
                slot.walk.outcome = CUT
                self.walks.append(slot.walk)
        return self.walks

    def _step(self, slot: Slot, pool: ThreadPoolExecutor, out: Any) -> None:
        walk = slot.walk
        if slot.work is not None:
            if not slot.work.done():
                return
            slot.work.result()
            slot.work = None
            if slot.state == ROLLING_BACK:
                slot.state, slot.walk = "", None
                return
            slot.soak_from = (time.time() // GRID_S + 1) * GRID_S
            slot.until, slot.state = slot.soak_from + SOAK_S, SOAKING
        elif walk is not None and not slot.state:
            self._deploy(slot, pool)
        elif slot.state == SOAKING and walk is not None and time.time() >= slot.until:
            then = walk.decide(self._judge(slot, walk, out))
            if then == "longer":
                slot.until += SOAK_S
            elif then == "next":
                self._deploy(slot, pool)
            else:
                self.walks.append(walk)
                touched = [name for stage in walk.stages[: walk.stage + 1] for name in stage]
                slot.walk, slot.state = None, ROLLING_BACK
                slot.work = pool.submit(self.cluster.deploy, slot.service, STABLE, touched)

    def _deploy(self, slot: Slot, pool: ThreadPoolExecutor) -> None:
        assert slot.walk is not None
        slot.state, slot.began = DEPLOYING, time.time()
        slot.work = pool.submit(self.cluster.deploy, slot.service, slot.walk.version, slot.walk.stages[slot.walk.stage])

    def _judge(self, slot: Slot, walk: Walk, out: Any) -> verdict.Verdict:
        changed = [collect.Wanted(name, "", walk.version) for name in walk.stages[walk.stage]]
        peers = [collect.Wanted(name, "", STABLE) for name in slot.peers]
        began, start, end = (dt.datetime.fromtimestamp(at, dt.UTC) for at in (slot.began, slot.soak_from, slot.until))
        measured = collect.measure(slot.service, [*changed, *peers], start, end)
        around = surroundings.measure(
            slot.service, self.chains_of.get(slot.service, []), [*changed, *peers], began, start, end
        )
        ours, theirs = ([measured.samples[one.name] for one in side] for side in (changed, peers))
        found = verdict.judge(ours, theirs, self.settings, around)
        self.looks += 1
        kept = {
            "seed": walk.seed, "kind": walk.kind, "service": walk.service, "stage": walk.stage, "look": walk.looks,
            "outcome": found.outcome, "summary": found.summary, "metrics": found.as_json(), "settings": asdict(self.settings),
            "changed": [one.as_json() for one in ours], "peers": [one.as_json() for one in theirs], "around": around.as_json(),
        }  # fmt: skip
        out.write(json.dumps(kept) + "\n")
        return found
