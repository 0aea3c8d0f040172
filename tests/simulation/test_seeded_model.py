"""How well do verdicts tell good versions from bad ones? Thousands of releases of a modelled cluster, walked as the engine does."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from seeops.releases.judge_settings import JudgeSettings
from seeops.releases.verdict import FAIL, PASS, judge
from tests.simulation.seeded_model import Service, nodes
from tests.simulation.seeded_releases import CAUGHT, HELD, PASSED, SOAK_S, Walk, table, verdict_counts
from trading_sim.nodes.packages import MEASURING

TRIALS = int(os.environ.get("SEEDED_TRIALS", "100"))
MOST_PEERS = 60
#: A large, a middling and a small busy service, and a quiet one (requests per second and node as measured on the cluster).
SERVICES = (
    Service("access-mobile", 200, 6.5, 0.0006, 420 * 2**20),
    Service("session", 56, 6.0, 0.0003, 640 * 2**20),
    Service("order-router", 36, 3.6, 0.0004, 340 * 2**20),
    Service("fund", 24, 0.9, 0.0007, 600 * 2**20),
)
BAD_ENOUGH = ("slow 30 %", "failing 1 %", "leaking 3 MiB/s")


def walked(job: tuple[int, int, int, float]) -> Walk:
    """One release: (seed, which of the ladder, which service, spread between nodes)."""
    seed, at, which, between = job
    edition, service = MEASURING[at], replace(SERVICES[which], between=between)
    kind = edition.notes.removeprefix("For measuring: ").rstrip(".")
    sizes = [1, max(2, -(-service.nodes * 5 // 100)), max(3, service.nodes * 3 // 10)]
    walk = Walk(seed, service.name, edition.version, kind, [["node"] * size for size in sizes])
    rng = np.random.default_rng((seed, at, which))
    peers = max(4, min(MOST_PEERS, service.nodes - sum(sizes)))
    while not walk.outcome:
        sides = [nodes(rng, service, sizes[walk.stage], edition.behaviour, "c"), nodes(rng, service, peers, {}, "p")]
        then = "longer"
        while then == "longer":
            for one in (*sides[0], *sides[1]):
                one.soak(SOAK_S)
            then = walk.decide(judge(*([one.sample() for one in side] for side in sides), JudgeSettings()))
    return walk


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("between", [0.0, 0.02])
def test_bad_versions_are_caught_and_good_ones_left_alone(between: float) -> None:
    jobs = [
        (seed, at, which, between)
        for at in range(len(MEASURING))
        for seed in range(TRIALS)
        for which in range(len(SERVICES))
    ]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        walks = list(pool.map(walked, jobs, chunksize=16))
    for service in SERVICES:
        print(
            f"\n{service.name}: {service.nodes} nodes, {service.rate:g} requests a second and node, nodes differ by {between:.0%}"
        )
        print(table(walk for walk in walks if walk.service == service.name))
    busy = [walk for walk in walks if walk.service != "fund"]
    print(f"\nthe three busy services together, {len(busy)} releases")
    print(table(busy))
    looks = verdict_counts(walks)
    healthy = {
        outcome: sum(n for (kind, _, o), n in looks.items() if kind == "healthy" and o == outcome)
        for outcome in (PASS, FAIL)
    }
    assert healthy[FAIL] <= 0.005 * sum(healthy.values())
    assert not [walk for walk in walks if walk.kind in BAD_ENOUGH and walk.outcome == PASSED]
    sound = [walk for walk in busy if walk.kind == "healthy"]
    assert sum(walk.outcome == PASSED for walk in sound) >= (0.9 if not between else 0.6) * len(sound)
    assert {walk.outcome for walk in walks} <= {CAUGHT, HELD, PASSED}
