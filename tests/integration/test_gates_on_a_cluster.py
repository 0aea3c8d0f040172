"""Both gates of a release on a real small cluster: its journals, its nodes, its customers. A package with a wrong price collar does not pass,
one without changed rules does, and a killed node of the first batch is survived without losing an order."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from seeops.capacity import services as capacity
from seeops.capacity.models import ShadowRun
from seeops.changes import services as changes
from seeops.core.clock import now
from seeops.inventory.models import Node, Service, Version
from seeops.releases import gates, states
from seeops.releases.gates.models import Gate
from seeops.releases.models import Batch, BatchNode, Release, ReleasePart
from seeops.resilience import services as resilience
from seeops.resilience.models import ExperimentRun
from tests.chaos.conftest import SCALE, cluster
from tests.estate import import_estate, observed_up
from tests.polling import eventually
from tests.seeops.changes.control import colleague
from trading_sim.client import ClusterClient
from trading_sim.nodes.packages import write_repository

__all__ = ["cluster"]
pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]
GATE_S = 240
ENOUGH = 2_000


@pytest.fixture
def beside(cluster: Path, db: None, settings: Any, tmp_path: Path) -> ClusterClient:
    """The console's inventory beside the running cluster, and the packages of its repository."""
    settings.CLUSTER_ENDPOINTS, settings.VAR_DIR, settings.PACKAGES_DIR = str(cluster), tmp_path, tmp_path / "packages"
    import_estate(SCALE)
    observed_up()
    for entry in write_repository(["matching", "access-mobile"], tmp_path / "packages"):
        file = tmp_path / "packages" / entry["file"]
        Version.objects.create(
            service=Service.objects.get(name=entry["service"]), number=entry["version"], file=entry["file"],
            digest=hashlib.sha256(file.read_bytes()).hexdigest(),
        )  # fmt: skip
    return ClusterClient(cluster)


def release_of(service: str, version: str, wish: dict[str, Any]) -> Release:
    """A running release whose first batch is one node, which has passed."""
    lin = colleague(f"lin-{version}", "operator")
    found = Service.objects.get(name=service)
    ticket = changes.ticket_create(actor=lin, title=version, kind="normal", services=[found], reason="gates")
    release = Release.objects.create(
        number=f"REL-{version}", ticket=ticket, plan={"gates": wish}, plan_digest="d" * 64, created_by=lin,
        started_by=lin, started_at=now(),
    )  # fmt: skip
    part = ReleasePart.objects.create(
        release=release, position=1, service=found, version=Version.objects.get(service=found, number=version),
        expression="1, rest",
    )  # fmt: skip
    batch = Batch.objects.create(release=release, part=part, number=1, term="1", state=states.PASSED)
    node = Node.objects.filter(service=found, centre__code="SZ-A").order_by("name").first()
    BatchNode.objects.create(
        batch=batch, release=release, node=node, position=1, from_version="1.0.0", state=states.NODE_DONE
    )
    Release.objects.filter(pk=release.pk).update(state=states.RUNNING)
    release.refresh_from_db()
    return release


def ended(release: Release) -> None:
    """Make room for the next release of the service."""
    for state in (states.ROLLING_BACK, states.ABORTED):
        Release.objects.filter(pk=release.pk).update(
            state=state, finished_at=now() if state == states.ABORTED else None
        )


def decided(ask: Any) -> gates.GateAnswer:
    """What workers and beat do until the gate is decided; observing the nodes, which age otherwise, is one of it."""

    def look() -> gates.GateAnswer | None:
        observed_up()
        for pk in ShadowRun.objects.filter(active=True).values_list("pk", flat=True):
            capacity.shadow_advance(pk)
        for pk in ExperimentRun.objects.filter(active=True).values_list("pk", flat=True):
            resilience.run_advance(pk)
        answer = ask()
        return answer if answer.state != gates.WAITS else None

    return eventually(look, lambda: str(Gate.objects.values_list("state", "text")), GATE_S, interval_s=0.5)


def traded(client: ClusterClient) -> bool:
    """Whether every shard's journal holds so many commands that some order lies beyond the wrong collar."""
    return all(client.shard_status(shard, "SZ-A")["last_seq"] > ENOUGH for shard in client.shards())


def test_both_gates_decide_on_what_the_cluster_really_did(beside: ClusterClient) -> None:
    beside.set_load(rate_factor=1.0)
    eventually(lambda: traded(beside), "orders in every shard", GATE_S, interval_s=0.5)
    beside.set_load(rate_factor=SCALE)
    wrong = release_of("matching", "1.6.0", {})
    answer = decided(lambda: gates.before_part(wrong, wrong.parts.get()))
    assert answer.state == gates.FAILED
    assert "refused by pre-trade risk: price collar" in answer.text
    ended(wrong)

    right = release_of("matching", "1.5.0", {})
    answer = decided(lambda: gates.before_part(right, right.parts.get()))
    assert answer.state == gates.PASSED
    assert "identical events on 2 shards" in answer.text

    before = beside.load_status()
    tried = release_of("access-mobile", "1.1.0", {"chaos": {"fault": "kill", "duration_s": 10}})
    answer = decided(lambda: gates.after_batch(tried, tried.batches.get()))
    assert answer.state == gates.PASSED, Gate.objects.get(release=tried).evidence
    gate = Gate.objects.get(release=tried)
    assert gate.evidence["trial"]["lost"] == gate.evidence["trial"]["duplicates"] == 0
    after = beside.load_status()
    assert (after["lost"], after["duplicates"]) == (before["lost"], before["duplicates"])
    assert not [fault for centre in beside.endpoints["centres"] for fault in beside.faults(centre)]
