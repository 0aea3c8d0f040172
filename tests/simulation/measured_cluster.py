"""A whole cluster with its own Prometheus and no console, for measuring how well verdicts tell good versions from bad ones."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from seeops.bootstrap import tools
from seeops.bootstrap.paths import ROOT
from tests.polling import eventually
from trading_sim.client.cluster import ClusterClient
from trading_sim.nodes.packages import MEASURING, file_name, write_repository

SCRAPE_S = 10
START_S = 180
SWITCH_S = 30
# Seldom enough not to be a load of its own on what is measured.
DEPLOY_POLL_S = 0.5
START_POLL_S = 1.0


@dataclass
class MeasuredCluster:
    """A running cluster; `deploy` brings a version to nodes through their agents, as the release playbook does."""

    folder: Path
    base_port: int
    client: ClusterClient
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _epoch: int = 1_000

    @property
    def prometheus_url(self) -> str:
        return f"http://127.0.0.1:{self.base_port + 90}"

    def nodes_of(self, service: str) -> list[tuple[str, str]]:
        """(node, centre) of a service."""
        return [(n.name, n.centre) for n in self.client.topology.nodes.values() if n.service == service]

    def deploy(self, service: str, version: str, nodes: Iterable[str]) -> None:
        """Stage and switch, and wait until every node is up in it. Raises what the agents refuse."""
        self._epoch += 1
        package = self.folder / "packages" / file_name(service, version)
        digest = hashlib.sha256(package.read_bytes()).hexdigest()

        def one(name: str) -> None:
            agent, key = self.client.agent(name), f"measure/{self._epoch}/{name}/{version}"
            agent.stage(version, str(package), digest, key=f"{key}/stage", epoch=self._epoch)
            agent.switch(version, key=f"{key}/switch", epoch=self._epoch)
            eventually(
                lambda: agent.health()["state"] == "up",
                f"{name} is up in {version}",
                SWITCH_S,
                interval_s=DEPLOY_POLL_S,
            )

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(one, nodes))


@contextlib.contextmanager
def running(folder: Path, base_port: int, *, scale: float = 1.0) -> Iterator[MeasuredCluster]:
    """Bring up cluster and Prometheus with versions of the measuring ladder; everything is stopped at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    client = ClusterClient(None, scale=scale)
    write_repository(list(client.topology.services), folder / "packages", measuring=True)
    started: list[subprocess.Popen[bytes]] = []
    try:
        arguments = ["up", "--foreground", "--state", str(folder / "cluster"), "--base-port", str(base_port)]
        started.append(
            _start(folder, "cluster", [sys.executable, "-m", "trading_sim", *arguments, "--scale", str(scale)])
        )
        endpoints = folder / "cluster" / "endpoints.json"
        _until(endpoints.exists, "the cluster comes up", started[0])
        cluster = MeasuredCluster(folder, base_port, ClusterClient(endpoints), started)
        started.append(_prometheus(cluster))
        _until(lambda: _scraped(cluster) >= len(cluster.client.topology.nodes), "every node is scraped", started[1])
        yield cluster
    finally:
        for process in reversed(started):
            _stop(process)


def versions() -> dict[str, str]:
    """What each version of the ladder is for: {"9.0.0": "healthy", …}."""
    return {edition.version: edition.notes.removeprefix("For measuring: ").rstrip(".") for edition in MEASURING}


def _start(folder: Path, name: str, command: list[str]) -> subprocess.Popen[bytes]:
    with (folder / f"{name}.log").open("ab") as log:
        return subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )


def _stop(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    try:
        process.wait(40)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def _until(true: Callable[[], bool], what: str, process: subprocess.Popen[bytes]) -> None:
    """Wait for the start of a process; one that ends instead is not waited for."""

    def settled() -> bool:
        return process.poll() is not None or true()

    where = "its log lies beside its state folder"
    eventually(settled, f"{what}: {where}", START_S, interval_s=START_POLL_S)
    assert process.poll() is None, f"It ended with {process.returncode} before this: {what}: {where}"


def _scraped(cluster: MeasuredCluster) -> int:
    try:
        answer = requests.get(
            f"{cluster.prometheus_url}/api/v1/query", params={"query": 'sum(trading_up{job="node"})'}, timeout=10
        ).json()
    except requests.RequestException:
        return 0
    rows = answer.get("data", {}).get("result", [])
    return int(float(rows[0]["value"][1])) if rows else 0


def _prometheus(cluster: MeasuredCluster) -> subprocess.Popen[bytes]:
    """The product's scrape interval, and the targets that the console's service discovery would name."""
    folder = cluster.folder
    for job, targets in _targets(cluster.client).items():
        (folder / f"{job}.json").write_text(json.dumps(targets))
    jobs = [
        {"job_name": job, "file_sd_configs": [{"files": [str(folder / f"{job}.json")]}]}
        for job in _targets(cluster.client)
    ]
    config = {"global": {"scrape_interval": f"{SCRAPE_S}s", "scrape_timeout": "8s"}, "scrape_configs": jobs}
    (folder / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
    command = [str(tools.prometheus()), f"--config.file={folder / 'prometheus.yml'}"]
    command += [f"--storage.tsdb.path={folder / 'tsdb'}", "--query.max-concurrency=8", "--log.level=warn"]
    return _start(
        folder, "prometheus", [*command, f"--web.listen-address={cluster.prometheus_url.removeprefix('http://')}"]
    )


def _targets(client: ClusterClient) -> dict[str, list[dict[str, Any]]]:
    topology, ends = client.topology, client.endpoints

    def target(url: str, path: str = "/metrics", **labels: str) -> dict[str, Any]:
        return {"targets": [url.removeprefix("http://")], "labels": {"__metrics_path__": path, **labels}}

    nodes = []
    for node in topology.nodes.values():
        address, path = client.metrics_address(node.name)
        domain = topology.services[node.service].domain
        nodes.append(
            target(
                address,
                path,
                instance=node.name,
                node=node.name,
                service=node.service,
                centre=node.centre,
                domain=domain,
            )
        )
    return {
        "node": nodes,
        "centre": [target(url, instance=code, centre=code) for code, url in ends["centres"].items()],
        "shard": [
            target(replica["http"], instance=f"shard-{shard}-{centre}", shard=str(shard), centre=centre)
            for shard, replicas in ends["shards"].items() for centre, replica in replicas.items()
        ],
        "load": [target(ends["load"], instance="load")],
        "gateway": [target(ends["gateway"]["http"], instance="gateway")],
        "surveillance": [target(ends["surveillance"], instance="surveillance")],
    }  # fmt: skip
