"""Starts, stops, drains, crashes and faults of a centre's nodes, and what they mean for the columns that hops read.

Planned changes (start, drain, restart) are announced: balancers follow at once. Unplanned ones (death, pause, lost host) are
found by health checks: until then requests still go there and fail, as they would.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np

from trading_sim.chain.arrays import NodeArrays
from trading_sim.faults.catalogue import KINDS, FaultError
from trading_sim.faults.leases import Fault, LeaseTable
from trading_sim.nodes import settings
from trading_sim.nodes.node import Node, Process

START_S = (1.0, 2.0)
HEALTH_CHECK_S = (0.4, 1.4)
DRAIN_S = 1.0
RESTART_ENDS = {"kill", "pause", "crash-loop"}
ERROR_LOG_EVERY_S = 10.0


class Lifecycle:
    """`monotonic` and `wall` give seconds; `rng` draws start and detection times; `process_hook(node, what, seconds)` is told
    when the process of a node is killed, paused, resumed, restarted, partitioned or healed: some are real processes."""

    def __init__(
        self, nodes: list[Node], arrays: NodeArrays, leases: LeaseTable, rng: np.random.Generator, *,
        monotonic: Callable[[], float], wall: Callable[[], float],
        process_hook: Callable[[Node, str, float], None] = lambda node, what, seconds: None,
    ):  # fmt: skip
        self.nodes, self.arrays, self.leases, self.rng = nodes, arrays, leases, rng
        self.monotonic, self.wall, self.process_hook = monotonic, wall, process_hook
        self.by_name = {node.name: node for node in nodes}
        self._starting: set[int] = set()
        self._suspects: dict[int, float] = {}
        self._crashing: set[int] = set()
        self._errors_due = monotonic() + ERROR_LOG_EVERY_S

    def log(self, node: Node, level: str, text: str) -> None:
        stamp = datetime.fromtimestamp(self.wall(), UTC).isoformat(timespec="milliseconds")
        node.store.append_log(f"{stamp} {level} {text}\n")

    # What the node is, as the hops see it

    def load_version(self, node: Node) -> None:
        """Read version, behaviour and configuration from the node's files into its columns."""
        a, i = self.arrays, node.index
        behaviour, content = node.store.behaviour(), node.store.read_config()
        node.version = node.store.version()
        node.settings = settings.parse(content, node.store.config_schema())
        node.config_digest = settings.digest(content)
        a.service_s[i] = a.base_service_s[i] * behaviour.service_time_factor
        a.version_errors[i] = behaviour.error_rate
        node.version_leak = behaviour.memory_growth_bytes_per_s
        a.workers[i] = node.settings["workers"]
        a.timeout_s[i] = node.settings["timeout_ms"] / 1e3
        a.queue_limit_s[i] = node.settings["queue_limit_ms"] / 1e3
        self.refresh(node, planned=True)

    def refresh(self, node: Node, *, planned: bool) -> None:
        """Write the node's state and faults into its columns."""
        a, i = self.arrays, node.index
        a.answering[i], a.hung[i] = node.serves(), node.has("pause") and not node.has("host")
        a.fault_errors[i] = 1 - math.prod(1 - rate for rate in node.amount("errors", "rate"))
        a.delay_s[i] = sum(node.amount("delay", "ms")) / 1e3
        a.jitter_s[i] = math.hypot(*node.amount("delay", "jitter_ms"), 0.0) / 1e3
        a.cpu_taken[i] = max(node.amount("cpu", "ratio"), default=0.0)
        a.workers_lost[i] = max(node.amount("workers", "fraction"), default=0.0)
        a.leak[i] = node.version_leak + sum(node.amount("leak", "mb_per_s")) * 2**20
        wanted = node.serves() and not node.drained
        if wanted:
            self._suspects.pop(i, None)
        if wanted or planned:
            self._rotate(i, wanted)
        elif a.in_rotation[i]:
            self._suspects.setdefault(i, self.monotonic() + self.rng.uniform(*HEALTH_CHECK_S))

    def _rotate(self, index: int, wanted: bool) -> None:
        if self.arrays.in_rotation[index] != wanted:
            self.arrays.in_rotation[index] = wanted
            self.arrays.rotation_changed(index)

    # Processes

    def take_up(self, node: Node) -> None:
        """A node as it is found when its centre starts: faults go on, everything else starts."""
        for fault in node.faults:
            self._pass_on(node, fault)
        if node.has("kill"):
            self.refresh(node, planned=True)
        else:
            self.start(node, "its centre started")
        self._follow_crash_loop(node)

    def start(self, node: Node, why: str) -> None:
        """The process begins to start; it serves after its start time."""
        slow = sum(node.amount("slow-start", "seconds"))
        node.process = Process.STARTING
        node.due = self.monotonic() + self.rng.uniform(*START_S) + slow
        node.starts += 1
        node.errors_logged = 0
        self.arrays.reset(node.index)
        self._starting.add(node.index)
        self.log(node, "INFO", f"starting {node.spec.service} {node.version}: {why}")
        self.refresh(node, planned=True)

    def die(self, node: Node, why: str, *, stay_down: bool) -> None:
        """The process is gone; with `stay_down` until something starts it again, else its supervisor starts it now."""
        self.log(node, "ERROR", f"process ended: {why}")
        self._starting.discard(node.index)
        node.process = Process.DOWN
        self.refresh(node, planned=False)
        if not stay_down:
            rotating = bool(self.arrays.in_rotation[node.index])
            self.start(node, "restarted by its supervisor")
            if rotating:  # nobody announced this death: balancers find out by themselves
                self._rotate(node.index, True)
                self._suspects[node.index] = self.monotonic() + self.rng.uniform(*HEALTH_CHECK_S)

    def restart(self, node: Node, why: str) -> None:
        """Stop and start the process; ends the faults that a restart ends."""
        self.leases.release_node(node.name, RESTART_ENDS)
        node.faults = self.leases.of_node(node.name)
        self._follow_crash_loop(node)
        self.process_hook(node, "restart", 0.0)
        self.start(node, why)

    def drain(self, node: Node, drained: bool, reason: str) -> None:
        node.drained = drained
        node.draining_until = self.monotonic() + DRAIN_S if drained else 0.0
        self.log(node, "INFO", f"{'drained' if drained else 'back in rotation'}: {reason}")
        self.refresh(node, planned=True)

    # Faults

    def inject(
        self, kind: str, params: object, lease_s: object, owner: object, names: list[str], key: str | None
    ) -> Fault:
        """Begin a fault of node scope on these nodes. Raises FaultError."""
        if kind in KINDS and KINDS[kind].scope != "node":
            raise FaultError(f"{kind} is a fault of a centre, not of nodes")
        known = set(self.leases.faults)
        fault = self.leases.add(kind, params, lease_s, owner, names, key)
        if fault.lease not in known:
            for name in fault.nodes:
                self._fault_begins(self.by_name[name], fault)
        return fault

    def _fault_begins(self, node: Node, fault: Fault) -> None:
        node.faults.append(fault)
        self._pass_on(node, fault)
        if fault.kind == "kill":
            self.die(node, "killed by signal 9", stay_down=True)
        self._follow_crash_loop(node)
        self.refresh(node, planned=False)

    def _pass_on(self, node: Node, fault: Fault) -> None:
        """Tell the process behind a node, if it is a real one, what happens to it and for how long."""
        what = {"kill": "kill", "host": "kill", "pause": "pause"}.get(fault.kind)
        if what:
            self.process_hook(node, what, fault.expires_at - self.wall())

    def _follow_crash_loop(self, node: Node) -> None:
        periods = node.amount("crash-loop", "period_s")
        if periods:
            self._crashing.add(node.index)
            node.crash_due = node.crash_due or self.monotonic()
        else:
            self._crashing.discard(node.index)
            node.crash_due = None

    def clear(self, lease: str) -> bool:
        fault = self.leases.remove(lease)
        if fault:
            self._fault_ends(fault)
        return fault is not None

    def _fault_ends(self, fault: Fault) -> None:
        for name in fault.nodes:
            node = self.by_name[name]
            node.faults = [other for other in node.faults if other.lease != fault.lease]
            self._follow_crash_loop(node)
            if fault.kind in ("kill", "host", "pause"):
                self.process_hook(node, "resume", 0.0)
            if fault.kind == "kill" and not node.has("kill"):
                self.start(node, "the fault that kept it down has ended")
            elif fault.kind == "host" and node.process is Process.UP:
                self.start(node, "the host is back")
            else:
                self.refresh(node, planned=True)

    # Time

    def tick(self) -> list[Fault]:
        """Everything that is due: starts, health checks, crashes, memory limits, leases. Returns the leases that ended."""
        now = self.monotonic()
        for index in [i for i in self._starting if self.nodes[i].due <= now]:
            self._starting.discard(index)
            node = self.nodes[index]
            node.process, node.started_at = Process.UP, self.wall()
            self.log(node, "INFO", f"{node.spec.service} {node.version} is up")
            self.refresh(node, planned=True)
        for index in [i for i, due in self._suspects.items() if due <= now]:
            del self._suspects[index]
            self._rotate(index, self.nodes[index].serves() and not self.nodes[index].drained)
        for index in list(self._crashing):
            node = self.nodes[index]
            if node.process is Process.UP and node.crash_due <= now:
                node.crash_due = now + min(node.amount("crash-loop", "period_s"))
                self.die(node, "crashed", stay_down=False)
        for index in np.flatnonzero(self.arrays.memory > self.arrays.memory_limit).tolist():
            if self.nodes[index].process is Process.UP:
                self.die(self.nodes[index], "out of memory: killed at its limit", stay_down=False)
        ended = self.leases.expire()
        for fault in ended:
            self._fault_ends(fault)
        if now >= self._errors_due:
            self._errors_due = now + ERROR_LOG_EVERY_S
            self._log_errors()
        return ended

    def _log_errors(self) -> None:
        for index in np.flatnonzero(self.arrays.errors).tolist():
            node, errors = self.nodes[index], int(self.arrays.errors[index])
            if errors > node.errors_logged:
                self.log(node, "WARNING", f"{errors - node.errors_logged} requests failed since the last report")
                node.errors_logged = errors
