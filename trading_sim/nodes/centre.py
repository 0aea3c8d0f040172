"""One data centre: its nodes read from their folders, its chains, its faults, and the tick that keeps them going."""

from __future__ import annotations

import hashlib
import math
import time
from pathlib import Path

import numpy as np

from trading_sim.chain import utilisation
from trading_sim.chain.arrays import NodeArrays
from trading_sim.chain.hop import HopCaller
from trading_sim.chain.links import LinkState, Peers, Shards
from trading_sim.chain.run import ChainRunner
from trading_sim.faults.catalogue import KINDS, FaultError
from trading_sim.faults.leases import Fault, LeaseTable
from trading_sim.nodes import packages
from trading_sim.nodes.actions import Actions
from trading_sim.nodes.journal import ActionJournal
from trading_sim.nodes.leading import Leading, Replicas
from trading_sim.nodes.lifecycle import Lifecycle
from trading_sim.nodes.node import Node, Process
from trading_sim.nodes.package_file import Package, verify
from trading_sim.nodes.store import NodeStore
from trading_sim.protocol.topology import Topology

TICK_S = 0.4


class Centre:
    """State of one centre process. `state` is the cluster's folder; `connect_shards` makes Shards for the links, or None
    while the cluster runs without shards."""

    def __init__(
        self, topology: Topology, name: str, state: Path, peers: dict[str, str], *, seed: int = 0,
        connect_shards=None, process_hook=lambda node, what, seconds: None, replicas: Replicas | None = None,
        monotonic=time.monotonic, wall=time.time,
    ):  # fmt: skip
        self.topology, self.name, self.monotonic, self.wall = topology, name, monotonic, wall
        self.rng = np.random.default_rng([seed, *name.encode()])
        self.arrays = NodeArrays(topology, name)
        folder = state / "centres" / name
        folder.mkdir(parents=True, exist_ok=True)
        leases = LeaseTable(folder / "faults.json", wall)
        leases.load()
        nodes = []
        for index, spec in enumerate(topology.nodes_of(name)):
            root = state / "nodes" / spec.name
            nodes.append(Node(index, spec, NodeStore(root, spec.service), ActionJournal(root / "actions.jsonl")))
        self.life = Lifecycle(
            nodes, self.arrays, leases, self.rng, monotonic=monotonic, wall=wall, process_hook=process_hook
        )
        self.actions = Actions(self.life)
        self.leading = Leading(self.life, replicas)
        self.links = LinkState()
        shards: Shards | None = connect_shards(self.links, self.rng) if connect_shards else None
        self.peers = Peers(topology, name, peers, self.links, self.rng)
        self.runner = ChainRunner(
            topology, name, self.arrays, HopCaller(self.arrays, self.rng), self.peers, shards, self.links
        )
        self.started_at = wall()
        self._last_tick = monotonic()
        self._shared: set[str] = set()
        self._boot()

    @property
    def nodes(self) -> list[Node]:
        return self.life.nodes

    def _boot(self) -> None:
        """Install what was never installed, finish what was begun, and start every process."""
        first: dict[str, Package] = {}
        for node in self.nodes:
            service = node.spec.service
            if not node.store.installed():
                if service not in first:
                    data = packages.package_bytes(service, packages.EDITIONS[0])
                    digest = hashlib.sha256(data).hexdigest()
                    first[service] = verify(data, digest=digest, service=service, version=packages.FIRST_VERSION)
                node.store.install(first[service])
            node.journal.load()
            self.actions.recover(node)
            node.faults = self.life.leases.of_node(node.name)
            self.life.load_version(node)
            self.life.take_up(node)
        self.apply_links()

    # Faults of the entire centre

    @property
    def lost(self) -> bool:
        return "centre-loss" in self.life.leases.of_centre()

    def apply_links(self) -> None:
        """Write the centre-wide faults into the links' state, and let the centre's replicas share them."""
        live = self.life.leases.of_centre()
        for kind, begin, end in (("centre-loss", "kill", "resume"), ("centre-partition", "partition", "heal")):
            if (kind in live) != (kind in self._shared):
                seconds = live[kind].expires_at - self.wall() if kind in live else 0.0
                for node in self.nodes:
                    self.life.process_hook(node, begin if kind in live else end, seconds)
        self._shared = set(live)
        self.links.cut = "centre-partition" in live or "centre-loss" in live
        self.links.delay_s = live["centre-delay"].params["ms"] / 1e3 if "centre-delay" in live else 0.0
        self.links.drop = live["centre-drop"].params["rate"] if "centre-drop" in live else 0.0

    def inject(self, body: dict) -> Fault:
        """A fault as `POST {centre}/faults` asks for it. Raises FaultError."""
        kind, key = body.get("kind"), body.get("key")
        if kind in KINDS and KINDS[kind].scope == "centre":
            fault = self.life.leases.add(kind, body.get("params", {}), body.get("lease_s"), body.get("owner"), [], key)
            self.apply_links()
            return fault
        names = self._targets(body)
        return self.life.inject(kind, body.get("params", {}), body.get("lease_s"), body.get("owner"), names, key)

    def _targets(self, body: dict) -> list[str]:
        names, service, fraction = body.get("nodes"), body.get("service"), body.get("fraction", 1.0)
        if names:
            unknown = [name for name in names if name not in self.life.by_name]
            if unknown:
                raise FaultError(f"{', '.join(map(str, unknown))}: no such nodes in {self.name}")
            return list(dict.fromkeys(names))
        if service not in self.arrays.service_index:
            raise FaultError(f"name the nodes, or a service of this cluster, not {service!r}")
        fraction = 1.0 if fraction is None else fraction
        if not isinstance(fraction, (int, float)) or not 0 < fraction <= 1:
            raise FaultError(f"fraction must be above 0 and at most 1, not {fraction!r}")
        members = [node.name for node in self.nodes if node.spec.service == service]
        if not members:
            raise FaultError(f"{self.name} has no nodes of {service}")
        return members[: max(1, math.ceil(fraction * len(members) - 1e-9))]

    def clear(self, lease: str) -> bool:
        removed = self.life.clear(lease)
        self.apply_links()
        return removed

    # Time

    def tick(self) -> None:
        now = self.monotonic()
        elapsed, self._last_tick = max(now - self._last_tick, 1e-3), now
        utilisation.update(self.arrays, elapsed, self.rng)
        if self.life.tick():
            self.apply_links()

    # Reports

    def health(self) -> dict:
        states: dict[str, int] = {}
        now = self.monotonic()
        for node in self.nodes:
            state = node.state(now)
            states[state] = states.get(state, 0) + 1
        return {
            "centre": self.name, "nodes": len(self.nodes), "states": states, "started_at": self.started_at,
            "partitioned": self.links.cut, "shards_connected": self.runner.shards is not None,
        }  # fmt: skip

    def node_health(self, node: Node) -> dict:
        return {
            "node": node.name, "service": node.spec.service, "centre": self.name, "state": node.state(self.monotonic()),
            "version": node.version, "epoch": node.journal.epoch, "drained": node.drained,
            "started_at": node.started_at if node.process is Process.UP else None, "config_digest": node.config_digest,
        }  # fmt: skip

    def diagnostics(self, node: Node) -> dict:
        """What an operator would collect by hand: state, load, recent faults, log tail, files."""
        a, i = self.arrays, node.index
        requests, errors = int(a.requests[i]), int(a.errors[i])
        return self.node_health(node) | {
            "starts_since_centre_start": node.starts,
            "requests": requests, "errors": errors, "error_ratio": errors / requests if requests else None,
            "mean_duration_ms": float(a.duration_s[i]) / requests * 1e3 if requests else None,
            "rate_per_s": float(a.rate[i]), "capacity_per_s": float(a.capacity[i]), "utilisation": float(a.rho[i]),
            "queueing_ms": float(a.wait_s[i]) * 1e3, "backlog": float(a.backlog[i]), "shed_ratio": float(a.shed[i]),
            "cpu_ratio": float(a.cpu[i]), "memory_bytes": int(a.memory[i]), "memory_limit_bytes": int(a.memory_limit[i]),
            "in_rotation": bool(a.in_rotation[i]), "settings": node.settings, "staged": node.store.staged(),
            "faults": [fault.describe(self.wall()) for fault in node.faults],
            "log": node.store.read_log(-8192, 50)["lines"],
        }  # fmt: skip
