"""Reads the replicas' journals and finds the log that a majority holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trading_sim.cluster.verification.findings import Findings, Unverifiable
from trading_sim.shard.entries import Entry
from trading_sim.shard.journal import recover
from trading_sim.shard.snapshots import Snapshot, SnapshotFileError, decode_snapshot
from trading_sim.sim.real import RealFiles


@dataclass(frozen=True)
class ReplicaFiles:
    """What one replica has on disk. `entries` by index; snapshots in ascending index."""

    name: str
    entries: dict[int, Entry]
    snapshots: tuple[Snapshot, ...]

    @property
    def covered(self) -> int:
        """Entries up to here are in a snapshot and may be gone from the journal."""
        return self.snapshots[-1].index if self.snapshots else 0

    @property
    def last(self) -> int:
        """Index of the last entry."""
        return max(self.covered, max(self.entries, default=0))

    def holds(self, entry: Entry) -> bool:
        """Whether this replica has the entry, in its journal or under a snapshot."""
        own = self.entries.get(entry.index)
        return own.data == entry.data if own is not None else entry.index <= self.covered


def read_replica(name: str, directory: Path, findings: Findings) -> ReplicaFiles:
    """Read a replica's folder; damage becomes a problem, what is readable is used."""
    check = findings["journals-readable"]
    check.checked += 1
    snapshots = []
    for path in sorted(directory.glob("snapshot-*.bin")):
        try:
            snapshots.append(decode_snapshot(path.read_bytes()))
        except SnapshotFileError as error:
            check.problem(f"{name}: {path.name} is not whole: {error}")
    entries: tuple[Entry, ...] = ()
    if (directory / "journal").is_dir():
        after = snapshots[-1].index if snapshots else 0
        recovered = recover(RealFiles(), str(directory / "journal"), after)
        entries = recovered.entries
        if recovered.damage is not None:
            damage = recovered.damage
            check.problem(f"{name}: {damage.file} is corrupt: entries {damage.index} to {damage.until} cannot be read")
    return ReplicaFiles(name, {entry.index: entry for entry in entries}, tuple(snapshots))


def agreed_log(replicas: list[ReplicaFiles], total: int, findings: Findings) -> list[Entry]:
    """The entries that a majority of `total` replicas holds, in order. Raises Unverifiable without a majority of folders.

    Two replicas may differ only in a tail that lost its election: never within one term, and never before an entry on
    which they agree.
    """
    quorum = total // 2 + 1
    if len(replicas) < quorum:
        raise Unverifiable(
            f"shard {findings.shard} has {len(replicas)} of {total} replicas' folders, {quorum} are needed"
        )
    _compare(replicas, findings)
    log: list[Entry] = []
    first = min((min(replica.entries) for replica in replicas if replica.entries), default=1)
    for index in range(first, max(replica.last for replica in replicas) + 1):
        candidates = {own.data: own for replica in replicas if (own := replica.entries.get(index)) is not None}
        held = [entry for entry in candidates.values() if sum(replica.holds(entry) for replica in replicas) >= quorum]
        if held:
            entry = max(
                held,
                key=lambda one: (
                    sum(one.data == r.entries[index].data for r in replicas if index in r.entries),
                    one.term,
                ),
            )
            if log and log[-1].index != index - 1:
                findings["logs-agree"].problem(
                    f"entries {log[-1].index + 1} to {index - 1} are held by no majority, later ones are"
                )
                return log
            log.append(entry)
    return log


def _compare(replicas: list[ReplicaFiles], findings: Findings) -> None:
    check = findings["logs-agree"]
    for position, one in enumerate(replicas):
        for other in replicas[position + 1 :]:
            common = sorted(one.entries.keys() & other.entries.keys())
            check.checked += len(common)
            different = [index for index in common if one.entries[index].data != other.entries[index].data]
            if not different:
                continue
            first = different[0]
            terms = (one.entries[first].term, other.entries[first].term)
            if terms[0] == terms[1]:
                check.problem(f"{one.name} and {other.name} hold different entries {first} of the same term {terms[0]}")
            elif len(different) != len([index for index in common if index >= first]):
                check.problem(f"{one.name} and {other.name} differ at entry {first}, but agree on a later one")
            for replica in (one, other):
                if replica.covered >= first:
                    check.problem(f"{replica.name} executed entry {first}, in which it differs from another replica")
