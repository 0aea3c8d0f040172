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
        raft = engine.raft
        lines: list[str] = []
        leads = raft.role is Role.LEADER and engine.failure is None
        _add(lines, "trading_shard_is_leader", "gauge", "1 while this replica leads.", [("", int(leads))])
        _add(
            lines, "trading_shard_up", "gauge", "0 when the replica's disk failed.", [("", int(engine.failure is None))]
        )
        _add(lines, "trading_shard_term", "gauge", "Current term.", [("", raft.term)])
        _add(lines, "trading_shard_commit_index", "gauge", "Entries known to be on two disks.", [("", raft.commit)])
        _add(lines, "trading_shard_applied_index", "gauge", "Entries executed and committed.", [("", engine.applied)])
        _add(lines, "trading_shard_last_index", "gauge", "Entries in the journal.", [("", raft.log.last_index)])
        _add(
            lines,
            "trading_shard_repairing",
            "gauge",
            "1 while lost entries are fetched.",
            [("", int(raft.repair_until > 0))],
        )
        _add(
            lines,
            "trading_shard_elections_total",
            "counter",
            "Elections this replica stood in.",
            [("", raft.elections_started)],
        )
        _add(lines, "trading_shard_commands_total", "counter", "Commands executed.", [("", self.commands)])
        events = [(f'kind="{name}"', int(self.events[kind])) for kind, name in _KINDS.items()]
        _add(lines, "trading_shard_events_total", "counter", "Events by kind.", events)
        _add(lines, "trading_shard_trades_total", "counter", "Trades.", [("", int(self.events[_TRADE]))])
        rejects = [('reason="matching"', int(self.events[_REJECTED]))]
        rejects += [
            (f'reason="{name}"', int(self.risk_rejects[reason])) for reason, name in _RISK_REASONS.items() if reason
        ]
        _add(
            lines,
            "trading_shard_rejects_total",
            "counter",
            "Refused commands by reason of the risk checks, or by matching.",
            rejects,
        )
        repeated = self.repeated + engine.requests_repeated
        _add(
            lines,
            "trading_shard_requests_repeated_total",
            "counter",
            "Requests answered from the session table.",
            [("", repeated)],
        )
        lag = [(f'peer="{peer}"', raft.log.last_index - p.match) for peer, p in raft.progress.items()]
        _add(
            lines,
            "trading_shard_replication_lag_entries",
            "gauge",
            "Entries a peer has not on disk (leader only).",
            lag,
        )
        mismatches = sum(engine.hashes.mismatches.values())
        _add(
            lines,
            "trading_shard_state_hash_mismatch_total",
            "counter",
            "State hashes that differed from a peer's.",
            [("", mismatches)],
        )
        _add(
            lines,
            "trading_shard_state_hash_compared_total",
            "counter",
            "State hashes compared with a peer's.",
            [("", engine.hashes.compared)],
        )
        _add(
            lines,
            "trading_shard_connections_cut_total",
            "counter",
            "Connections closed for breaking the protocol.",
            [("", self.connections_cut)],
        )
        _add(lines, "trading_shard_snapshots_total", "counter", "Snapshots taken.", [("", engine.snapshots_taken)])
        self._add_histogram(lines)
        return "\n".join(lines) + "\n"

    def _add_histogram(self, lines: list[str]) -> None:
        name, total = "trading_shard_fsync_seconds", 0
        lines += [f"# HELP {name} Duration of syncs of the journal and other files.", f"# TYPE {name} histogram"]
        for bound, count in zip((*FSYNC_BOUNDS_S, "+Inf"), self.fsync_buckets, strict=True):
            total += count
            lines.append(f'{name}_bucket{{le="{bound}"}} {total}')
        lines += [f"{name}_sum {self.fsync_seconds}", f"{name}_count {total}"]


def _add(lines: list[str], name: str, kind: str, text: str, samples: list[tuple[str, int]]) -> None:
    lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
    lines += [f"{name}{{{labels}}} {value}" if labels else f"{name} {value}" for labels, value in samples]
