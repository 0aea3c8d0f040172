"""An imported inventory, people to use it, and a real centre with agents, for tests of what looks after nodes."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.embedded import free_row
from tests.polling import eventually
from trading_sim.protocol import topology_file
from trading_sim.protocol.topology import Topology

PASSWORD = "a long enough phrase"
SCALE = 0.05


def person(username: str, *roles: str) -> Any:
    from seeops.accounts import services

    return services.person_create(
        actor=None, username=username, display_name=username.title(), roles=list(roles), password=PASSWORD
    )


@functools.cache
def _topology(scale: float) -> Topology:
    """The bundled cluster file, read once: hundreds of tests ask for it."""
    return topology_file.load(scale=scale)


def import_estate(scale: float) -> dict[str, Any]:
    """Inventory and topology of the bundled cluster file at a scale; answers its description."""
    from seeops.inventory.services import inventory_import
    from seeops.topology.services import topology_import

    described = _topology(scale).describe()
    inventory_import(actor=None, description=described)
    topology_import(actor=None, description=described)
    return described


def observed_up() -> None:
    """As if every centre had just answered that all its nodes are up."""
    from seeops.core.clock import now
    from seeops.inventory.models import Node

    just_observed()
    Node.objects.update(state="up", state_at=now(), version="1.0.0")


def just_observed() -> None:
    """As if every centre had just answered and told nothing new: on a busy machine an observation grows old within a test."""
    from seeops.core.clock import now
    from seeops.inventory.models import Centre

    Centre.objects.update(observed_at=now(), problem="")


@pytest.fixture
def small_estate(db: None) -> dict[str, Any]:
    """Some 90 nodes, all up."""
    described = import_estate(SCALE)
    observed_up()
    return described


@pytest.fixture
def estate(db: None) -> dict[str, Any]:
    """The 1,204 nodes of the bundled cluster, all up."""
    described = import_estate(1.0)
    observed_up()
    return described


@dataclass
class RunningCentre:
    """The process of SZ-A, with real agents; the other centres are not running."""

    url: str
    endpoints: Path
    process: subprocess.Popen[bytes]

    def agent(self, node: str, path: str) -> dict[str, Any]:
        return requests.get(f"{self.url}/nodes/{node}/{path}", timeout=5).json()


@pytest.fixture(scope="session")
def centre_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCentre]:
    state = tmp_path_factory.mktemp("centre")
    base = free_row(4)
    url = f"http://127.0.0.1:{base + 1}"
    command = [sys.executable, "-m", "trading_sim.cluster.centre_process", "--centre", "SZ-A", "--state", str(state)]
    command += ["--base-port", str(base), "--scale", str(SCALE), "--without-shards"]
    endpoints = state / "endpoints.json"
    centres = {"SZ-A": url, "SZ-B": f"http://127.0.0.1:{base + 2}", "WH-A": f"http://127.0.0.1:{base + 3}"}
    endpoints.write_text(json.dumps({"scale": SCALE, "centres": centres, "load": "http://127.0.0.1:1", "shards": {}}))
    with (state / "centre.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        running = RunningCentre(url, endpoints, process)
        eventually(lambda: process.poll() is not None or _answers(running), "the centre comes up", 90, interval_s=0.1)
        assert process.poll() is None, (state / "centre.log").read_text()
        yield running
        process.terminate()


def _answers(running: RunningCentre) -> bool:
    try:
        listing = requests.get(f"{running.url}/nodes", timeout=2).json()["nodes"]
    except requests.RequestException:
        return False
    return all(node["state"] == "up" for node in listing)


@pytest.fixture
def centre(centre_process: RunningCentre, settings: Any) -> RunningCentre:
    """The running centre, as the console's cluster."""
    settings.CLUSTER_ENDPOINTS = str(centre_process.endpoints)
    return centre_process
