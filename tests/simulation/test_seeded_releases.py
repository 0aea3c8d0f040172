"""How well do verdicts tell good versions from bad ones? Releases with known faults on a whole running cluster, measured."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from seeops.monitoring import prometheus
from seeops.releases.judge_settings import JudgeSettings
from seeops.releases.samples import NodeSample, Surroundings
from seeops.releases.verdict import judge
from tests.simulation import measured_cluster
from tests.simulation.seeded_cluster import Campaign
from tests.simulation.seeded_releases import CAUGHT, CUT, PASSED, decided, table, verdict_counts

BASE_PORT = int(os.environ.get("SEEDED_BASE_PORT", "18900"))
MINUTES = float(os.environ.get("SEEDED_MINUTES", "18"))
SEED = int(os.environ.get("SEEDED_SEED", "20261122"))
LEAST = 200
BAD_ENOUGH = ("slow 30 %", "failing 1 %", "leaking 3 MiB/s")


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_bad_versions_are_caught_and_good_ones_left_alone(tmp_path: Path, settings: Any) -> None:
    """Prints the table of the README. At least 200 releases; the seed, minutes and ports come from the environment."""
    with measured_cluster.running(tmp_path, BASE_PORT) as cluster:
        settings.PROMETHEUS_URL = cluster.prometheus_url
        prometheus.forget()
        campaign = Campaign(cluster, JudgeSettings(), SEED, tmp_path / "evidence.jsonl")
        walks = campaign.run(60 * MINUTES)
    ended = [walk for walk in walks if walk.outcome != CUT]
    print(f"\nseed {SEED}: {len(ended)} releases ended, {campaign.looks} looks, load {os.getloadavg()}")
    print(table(walks))
    for (kind, batch, outcome), count in sorted(verdict_counts(walks).items()):
        print(f"{kind:20} batch {batch} {outcome:13} {count}")
    assert len(ended) >= LEAST
    assert not [walk for walk in ended if walk.kind in BAD_ENOUGH and walk.outcome == PASSED]
    healthy = decided(walks, "healthy")
    print(f"batches of healthy releases: {dict(healthy)}")
    assert healthy[CAUGHT] <= 0.02 * healthy.total()
    assert healthy[PASSED] >= 0.7 * healthy.total()
    _judged_again_alike(tmp_path / "evidence.jsonl")


def _judged_again_alike(evidence: Path) -> None:
    """What was stored of every look gives the same verdict without the cluster."""
    with evidence.open() as lines:
        for line in lines:
            kept = json.loads(line)
            sides = [[NodeSample.from_json(sample) for sample in kept[side]] for side in ("changed", "peers")]
            again = judge(*sides, JudgeSettings.of(kept["settings"]), Surroundings.from_json(kept["around"]))
            assert (again.outcome, again.summary) == (kept["outcome"], kept["summary"]), kept["seed"]
