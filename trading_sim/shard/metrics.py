"""What a replica counts, and its page for Prometheus."""

from bisect import bisect_left
from dataclasses import dataclass, field

import numpy as np

from trading_sim.matching.records import EventKind
from trading_sim.risk.reasons import RiskReason
from trading_sim.shard.engine import Engine
from trading_sim.shard.entries import Entry
from trading_sim.shard.machine_api import ApplyResult
from trading_sim.shard.raft import Role
from trading_sim.shard.state import Applied

FSYNC_BOUNDS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
COUNTED_AT_ONCE = 64
_KINDS = {int(kind): kind.name.lower() for kind in EventKind}
_RISK_REASONS = {int(reason): reason.name.lower() for reason in RiskReason}
_TRADE, _REJECTED = int(EventKind.TRADE), int(EventKind.REJECTED)


@dataclass(frozen=True)
class Family:
    """Samples of one name: (labels, value)."""

    name: str
    kind: str
    text: str
    samples: list[tuple[str, int]]

    def lines(self) -> list[str]:
        name = f"trading_shard_{self.name}"
        samples = [f"{name}{{{labels}}} {value}" if labels else f"{name} {value}" for labels, value in self.samples]
        return [f"# HELP {name} {self.text}", f"# TYPE {name} {self.kind}", *samples]


@dataclass
class ReplicaMetrics:
    """Counters since the process started. They count what this replica executed, not what it proposed."""

    commands: int = 0
    entries: int = 0
    repeated: int = 0
    events: np.ndarray = field(default_factory=lambda: np.zeros(256, dtype=np.int64))
    matching_rejects: int = 0
    risk_rejects: np.ndarray = field(default_factory=lambda: np.zeros(256, dtype=np.int64))
    fsync_buckets: list[int] = field(default_factory=lambda: [0] * (len(FSYNC_BOUNDS_S) + 1))
    fsync_seconds: float = 0.0
    connections_cut: int = 0
    peer_messages_dropped: int = 0
    _uncounted: list[ApplyResult] = field(default_factory=list)

    def observe_fsync(self, seconds: float) -> None:
        """One sync of a file took that long."""
        self.fsync_buckets[bisect_left(FSYNC_BOUNDS_S, seconds)] += 1
        self.fsync_seconds += seconds

    def applied(self, entry: Entry, applied: Applied) -> None:
        """An entry was executed."""
        self.entries += 1
        if applied.result is None:
            self.repeated += applied.answer is not None
            return
        self.commands += entry.count
        self._uncounted.append(applied.result)
        if len(self._uncounted) >= COUNTED_AT_ONCE:
            self._count()

    def _count(self) -> None:
        """Look into the results that were only noted: many small arrays are counted as one large one."""
        results, self._uncounted = self._uncounted, []
        if results:
            kinds = np.concatenate([result.events["kind"] for result in results])
            reasons = np.concatenate([result.rejects["reason"] for result in results])
            self.events += np.bincount(kinds, minlength=256)
            self.risk_rejects += np.bincount(reasons, minlength=256)

    def page(self, engine: Engine) -> str:
        """The metrics in Prometheus' text format."""
        self._count()
        lines: list[str] = []
        for family in (*_standing(engine), *self._counted(engine)):
            lines += family.lines()
        self._add_histogram(lines)
        return "\n".join(lines) + "\n"

    def _counted(self, engine: Engine) -> list[Family]:
        """What only ever grows."""
        events = [(f'kind="{name}"', int(self.events[kind])) for kind, name in _KINDS.items()]
        rejects = [('reason="matching"', int(self.events[_REJECTED]))]
        rejects += [
            (f'reason="{name}"', int(self.risk_rejects[reason])) for reason, name in _RISK_REASONS.items() if reason
        ]
        repeated, mismatches = self.repeated + engine.requests_repeated, sum(engine.hashes.mismatches.values())
        return [
            _counter("elections_total", "Elections this replica stood in.", engine.raft.elections_started),
            _counter("commands_total", "Commands executed.", self.commands),
            Family("events_total", "counter", "Events by kind.", events),
            _counter("trades_total", "Trades.", int(self.events[_TRADE])),
            Family(
                "rejects_total", "counter", "Refused commands by reason of the risk checks, or by matching.", rejects
            ),
            _counter("requests_repeated_total", "Requests answered from the session table.", repeated),
            _counter("state_hash_mismatch_total", "State hashes that differed from a peer's.", mismatches),
            _counter("state_hash_compared_total", "State hashes compared with a peer's.", engine.hashes.compared),
            _counter("connections_cut_total", "Connections closed for breaking the protocol.", self.connections_cut),
            _counter("snapshots_total", "Snapshots taken.", engine.snapshots_taken),
        ]

    def _add_histogram(self, lines: list[str]) -> None:
        name, total = "trading_shard_fsync_seconds", 0
        lines += [f"# HELP {name} Duration of syncs of the journal and other files.", f"# TYPE {name} histogram"]
        for bound, count in zip((*FSYNC_BOUNDS_S, "+Inf"), self.fsync_buckets, strict=True):
            total += count
            lines.append(f'{name}_bucket{{le="{bound}"}} {total}')
        lines += [f"{name}_sum {self.fsync_seconds}", f"{name}_count {total}"]


def _standing(engine: Engine) -> list[Family]:
    """How the replica stands now."""
    raft, healthy = engine.raft, engine.failure is None
    lag = [(f'peer="{peer}"', raft.log.last_index - progress.match) for peer, progress in raft.progress.items()]
    return [
        _gauge("is_leader", "1 while this replica leads.", raft.role is Role.LEADER and healthy),
        _gauge("up", "0 when the replica's disk failed.", healthy),
        _gauge("term", "Current term.", raft.term),
        _gauge("commit_index", "Entries known to be on two disks.", raft.commit),
        _gauge("applied_index", "Entries executed and committed.", engine.applied),
        _gauge("last_index", "Entries in the journal.", raft.log.last_index),
        _gauge("repairing", "1 while lost entries are fetched.", raft.repair_until > 0),
        Family("replication_lag_entries", "gauge", "Entries a peer has not on disk (leader only).", lag),
    ]


def _gauge(name: str, text: str, value: int) -> Family:
    return Family(name, "gauge", text, [("", int(value))])


def _counter(name: str, text: str, value: int) -> Family:
    return Family(name, "counter", text, [("", value)])
