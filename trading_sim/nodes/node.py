"""One node: what its process is, what it runs, what was done to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from trading_sim.faults.leases import Fault
from trading_sim.nodes.journal import ActionJournal
from trading_sim.nodes.store import NodeStore
from trading_sim.protocol.topology import Node as NodeSpec


class Process(StrEnum):
    UP = "up"
    STARTING = "starting"
    DOWN = "down"


@dataclass
class Node:
    """Times: `started_at` Unix seconds, `due` and `draining_until` and `crash_due` monotonic seconds."""

    index: int
    spec: NodeSpec
    store: NodeStore
    journal: ActionJournal
    version: str = ""
    version_leak: float = 0.0
    settings: dict = field(default_factory=dict)
    config_digest: str = ""
    process: Process = Process.DOWN
    started_at: float = 0.0
    due: float = 0.0
    drained: bool = False
    draining_until: float = 0.0
    crash_due: float | None = None
    starts: int = 0
    faults: list[Fault] = field(default_factory=list)
    errors_logged: int = 0

    @property
    def name(self) -> str:
        return self.spec.name

    def has(self, kind: str) -> bool:
        return any(fault.kind == kind for fault in self.faults)

    def amount(self, kind: str, param: str) -> list[float]:
        return [fault.params[param] for fault in self.faults if fault.kind == kind]

    def state(self, now: float) -> str:
        """up, starting, draining, drained, down, paused or lost (its host does not answer)."""
        if self.has("host"):
            return "lost"
        if self.process is not Process.UP:
            return self.process.value
        if self.has("pause"):
            return "paused"
        if self.drained:
            return "draining" if now < self.draining_until else "drained"
        return "up"

    def settles_in(self, now: float) -> float:
        """Seconds until the node may be in another state without anybody's doing."""
        if self.process is Process.STARTING:
            return self.due - now
        return self.draining_until - now if self.drained else 0.0

    def serves(self) -> bool:
        """A process that takes requests when they come: up, reachable, not paused."""
        return self.process is Process.UP and not self.has("pause") and not self.has("host")
