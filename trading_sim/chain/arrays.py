"""All nodes of one centre as NumPy columns: what a hop reads and what it counts. A service's nodes are one slice."""

from __future__ import annotations

import numpy as np

from trading_sim.protocol.metrics import BOUNDS, BUCKETS
from trading_sim.protocol.topology import Topology


class NodeArrays:
    """Columns of length N (nodes of the centre in the topology's order).

    Set by the node's life cycle: `in_rotation` (the balancers send requests there), `answering` (a process is up and
    reachable), `hung` (connections stay open without an answer), and the behaviour columns: `service_s` mean service
    time with the version's factor, `capacity` requests/s, `workers`, `version_errors`, `fault_errors`, `delay_s`,
    `jitter_s`, `cpu_taken`, `workers_lost` (ratios), `timeout_s`, `queue_limit_s`.
    Computed by `chain.utilisation`: `rate`, `rho`, `wait_s`, `shed`, `error_rate`, `backlog`, `cpu`.
    Counted by hops since the process started: `requests`, `errors`, `histogram` (N x BUCKETS), `duration_s`.
    """

    def __init__(self, topology: Topology, centre: str):
        nodes = topology.nodes_of(centre)
        self.names = [node.name for node in nodes]
        self.index = {name: number for number, name in enumerate(self.names)}
        self.services = list(topology.services)
        self.service_index = {name: number for number, name in enumerate(self.services)}
        self.service_of = np.array([self.service_index[node.service] for node in nodes])
        self.slices = [self._slice(number) for number in range(len(self.services))]
        size = len(nodes)
        specs = [topology.services[node.service] for node in nodes]
        self.base_service_s = np.array([spec.service_time_ms / 1e3 for spec in specs])
        self.base_capacity = np.array([spec.capacity_per_s for spec in specs])
        self.base_memory = np.array([spec.memory_mb * 2**20 for spec in specs])
        self.memory_limit = np.array([spec.memory_limit_mb * 2**20 for spec in specs])
        self.in_rotation = np.zeros(size, bool)
        self.answering = np.zeros(size, bool)
        self.hung = np.zeros(size, bool)
        self.service_s, self.capacity = self.base_service_s.copy(), self.base_capacity.copy()
        self.workers = np.full(size, 8.0)
        self.timeout_s, self.queue_limit_s = np.full(size, 0.5), np.full(size, 0.3)
        for column in (
            "version_errors",
            "fault_errors",
            "delay_s",
            "jitter_s",
            "cpu_taken",
            "workers_lost",
            "leak",
            "rate",
            "rho",
            "wait_s",
            "shed",
            "error_rate",
            "backlog",
            "cpu",
            "leaked",
            "duration_s",
            "window",
        ):
            setattr(self, column, np.zeros(size))
        self.memory = self.base_memory.copy()
        self.requests, self.errors = np.zeros(size, np.int64), np.zeros(size, np.int64)
        self.histogram = np.zeros((size, BUCKETS), np.int64)
        self._flat = self.histogram.reshape(-1)
        self._cursor = [0] * len(self.services)
        self._rotation: list[np.ndarray | None] = [None] * len(self.services)

    def _slice(self, service: int) -> slice:
        members = np.flatnonzero(self.service_of == service)
        return slice(int(members[0]), int(members[-1]) + 1) if len(members) else slice(0, 0)

    def rotation_changed(self, node: int) -> None:
        """Must be called after `in_rotation` of a node changed."""
        self._rotation[self.service_of[node]] = None

    def rotation(self, service: int) -> np.ndarray:
        """Indices of the service's nodes that the balancers use now."""
        found = self._rotation[service]
        if found is None:
            part = self.slices[service]
            found = self._rotation[service] = part.start + np.flatnonzero(self.in_rotation[part])
        return found

    def pick(self, service: int, count: int, avoid: np.ndarray | None = None) -> np.ndarray | None:
        """Nodes for `count` requests, round robin; None when the balancers have no node of the service. With `avoid`, the
        node that each request met before, each gets another one if there is another."""
        candidates = self.rotation(service)
        if not len(candidates):
            return None
        start = self._cursor[service]
        self._cursor[service] = (start + count) % len(candidates)
        places = np.arange(start, start + count) % len(candidates)
        if avoid is not None:
            same = candidates[places] == avoid
            places[same] = (places[same] + 1) % len(candidates)
        return candidates[places]

    def count(self, nodes: np.ndarray, seconds: np.ndarray, failed: np.ndarray) -> None:
        """Count requests that reached a living process: their nodes, durations and which of them failed."""
        np.add.at(self.requests, nodes, 1)
        np.add.at(self.window, nodes, 1.0)
        np.add.at(self.duration_s, nodes, seconds)
        np.add.at(self._flat, nodes * BUCKETS + np.searchsorted(BOUNDS, seconds), 1)
        if failed.any():
            np.add.at(self.errors, nodes[failed], 1)

    def reset(self, node: int) -> None:
        """A process starts anew: its counters begin at zero and what it held is gone."""
        self.requests[node] = self.errors[node] = 0
        self.histogram[node] = 0
        for column in (self.duration_s, self.backlog, self.leaked, self.rate, self.window, self.wait_s, self.shed):
            column[node] = 0.0
        self.memory[node] = self.base_memory[node]
