"""A release of two parts in the rows of the database, and ports whose answers a test sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from seeops.changes import services as changes
from seeops.core.clock import now
from seeops.inventory.models import Node, Service, Version
from seeops.inventory.services import inventory_import
from seeops.releases import states
from seeops.releases.gates import ports
from seeops.releases.gates.ports import Busy, Replay, Trial
from seeops.releases.models import Batch, BatchNode, Release, ReleasePart
from tests.estate import SCALE, observed_up, person
from trading_sim.client import ClusterClient

SERVICES = ("matching", "session")


@pytest.fixture
def small_estate(db: None) -> None:
    """Two services of the bundled cluster, all of their nodes up: importing all of them for every row of a table takes too long."""
    described = ClusterClient(None, scale=SCALE).describe()
    kept = {
        "services": [service for service in described["services"] if service["name"] in SERVICES],
        "nodes": [node for node in described["nodes"] if node["service"] in SERVICES],
        "chains": [],
    }
    inventory_import(actor=None, description={**described, **kept})
    observed_up()


@dataclass
class Replays:
    """Shadow runs as a test wants them: `answers` by shard, everything else counted."""

    known: list[int] = field(default_factory=lambda: [0, 1])
    answers: dict[int, Replay] = field(default_factory=dict)
    runs: dict[str, int] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)
    usable: dict[int, str] = field(default_factory=dict)
    busy: str = ""

    def shards(self) -> list[int]:
        return self.known

    def fresh(self, *, version: str, digest: str, shard: int, since: Any) -> str:
        return self.usable.get(shard, "")

    def start(self, *, version: str, digest: str, shard: int, reason: str) -> str:
        if self.busy:
            raise Busy(self.busy)
        number = f"SHD-{len(self.runs) + 1:04d}"
        self.runs[number] = shard
        return number

    def look(self, number: str) -> Replay:
        shard = self.runs[number]
        waiting = Replay(number, shard, "/shadow/", ended=False)
        return replace(self.answers.get(shard, waiting), number=number, shard=shard)

    def stop(self, number: str, reason: str) -> None:
        if not self.look(number).ended:
            self.stopped.append(number)

    def same(self, *shards: int) -> None:
        for shard in shards:
            self.answers[shard] = Replay("", shard, "/shadow/", ended=True, same=True, proven=True, commands=500)


@dataclass
class Injected:
    """Trials as a test wants them."""

    started: list[dict[str, Any]] = field(default_factory=list)
    answer: Trial | None = None
    stopped: list[str] = field(default_factory=list)
    busy: str = ""

    def start(
        self, *, release: str, service: str, nodes: Sequence[tuple[str, str]], options: Mapping[str, Any], reason: str
    ) -> str:
        if self.busy:
            raise Busy(self.busy)
        self.started.append({"release": release, "service": service, "nodes": list(nodes), "options": dict(options)})
        return f"EXP-{len(self.started):04d}"

    def look(self, number: str) -> Trial:
        return replace(self.answer or Trial("", "/run/", ended=False), number=number)

    def stop(self, number: str, reason: str) -> None:
        self.stopped.append(number)

    def held(self, **changes: Any) -> None:
        told = {"outcome": "held", "undo_ok": True, "restored": True, "recovered_s": 3.0, "unmeasured_s": 0, "lost": 0,
                "duplicates": 0}  # fmt: skip
        self.answer = Trial("", "/run/", ended=True, **{**told, **changes})


@pytest.fixture
def replays(monkeypatch: pytest.MonkeyPatch) -> Replays:
    port = Replays()
    monkeypatch.setattr(ports, "_shadow", [port])
    return port


@pytest.fixture
def injected(monkeypatch: pytest.MonkeyPatch) -> Injected:
    port = Injected()
    monkeypatch.setattr(ports, "_faults", [port])
    return port


def release_of(*services: str, gates: dict[str, Any] | None = None) -> Release:
    """A running release of these services, two batches each: one node, then another."""
    lin = person("lin", "operator")
    found = [Service.objects.get(name=name) for name in services]
    ticket = changes.ticket_create(actor=lin, title="new versions", kind="normal", services=found, reason="test")
    release = Release.objects.create(
        number="REL-000001", ticket=ticket, plan={"gates": gates or {}, "most_extensions": 1}, plan_digest="d" * 64,
        created_by=lin, started_by=lin, started_at=now(),
    )  # fmt: skip
    number = 0
    for position, service in enumerate(found, start=1):
        version = Version.objects.create(service=service, number="9.9.0", digest="e" * 64, file="absent.tar.gz")
        part = ReleasePart.objects.create(
            release=release, position=position, service=service, version=version, expression="1, 1"
        )
        for node in Node.objects.filter(service=service).order_by("name")[:2]:
            number += 1
            batch = Batch.objects.create(release=release, part=part, number=number, term="1")
            BatchNode.objects.create(batch=batch, release=release, node=node, position=number, from_version="1.0.0")
    Release.objects.filter(pk=release.pk).update(state=states.RUNNING)
    release.refresh_from_db()
    return release


def passed(release: Release, number: int) -> Batch:
    """The batch as if its verdict had been PASS."""
    batch = release.batches.get(number=number)
    batch.nodes.update(state=states.NODE_DONE)
    for state in (states.DEPLOYING, states.SOAKING, states.JUDGING, states.PASSED):
        Batch.objects.filter(pk=batch.pk).update(state=state)
    batch.refresh_from_db()
    return batch
