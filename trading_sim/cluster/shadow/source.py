"""What a shadow run replays: whole entries that a majority of replicas holds, from a copy of the journals, and where they begin.

Reading beside a running replica is safe: its segments are append-only, a frame that is only half written fails its checksum and ends
what is read, and an entry counts only when a majority of the replicas' folders holds it. A folder without its peers beside it is read
to its last whole entry, and the result says that nobody proved these entries committed.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from trading_sim.cluster.verification.copies import copy_folder
from trading_sim.cluster.verification.findings import Findings, Unverifiable
from trading_sim.cluster.verification.journals import ReplicaFiles, agreed_log, read_replica
from trading_sim.shard.entries import Entry
from trading_sim.shard.snapshots import Snapshot

_FOLDER = re.compile(r"(shard-\d+)-(.+)\Z")


@dataclass(frozen=True)
class Source:
    """Entries in order behind `base` (None: from the first entry on). `committed`: "majority" or "not proven"."""

    entries: list[Entry]
    base: Snapshot | None
    committed: str
    replicas: tuple[str, ...]

    def digest(self) -> str:
        """SHA-256 over the entries' bytes: two shadow runs with equal digests replayed the same."""
        digest = hashlib.sha256()
        for entry in self.entries:
            digest.update(entry.data)
        return digest.hexdigest()


def read_source(directory: Path, shard: int) -> Source:
    """The journal of a replica's folder, judged by its peers' folders beside it. Raises Unverifiable, OSError."""
    match = _FOLDER.match(directory.name)
    peers = sorted(directory.parent.glob(f"{match[1]}-*")) if match else []
    folders = [path for path in peers if (path / "journal").is_dir()] or [directory]
    if not (directory / "journal").is_dir():
        raise Unverifiable(f"{directory} holds no journal folder: give the folder of a replica")
    findings = Findings(shard)
    with tempfile.TemporaryDirectory(prefix="shadow-") as copies:
        replicas = [read_replica(path.name, copy_folder(path, Path(copies) / path.name), findings) for path in folders]
    if len(folders) > 1:
        entries, committed = agreed_log(replicas, len(folders), findings), "majority"
    else:
        entries, committed = sorted(replicas[0].entries.values(), key=lambda entry: entry.index), "not proven"
    if not findings["logs-agree"].ok or (len(folders) == 1 and not findings.ok):
        problems = [text for check in findings.checks.values() for text in check.problems]
        raise Unverifiable(f"the journals cannot be relied on: {problems[0]}")
    if not entries:
        raise Unverifiable(f"{directory} holds no entry that a majority of the replicas holds")
    return _based(entries, replicas, committed)


def _based(entries: list[Entry], replicas: list[ReplicaFiles], committed: str) -> Source:
    names = tuple(replica.name for replica in replicas)
    if entries[0].index == 1:
        return Source(entries, None, committed, names)
    snapshots = sorted((one for replica in replicas for one in replica.snapshots), key=lambda one: one.index)
    for snapshot in snapshots:
        if snapshot.index >= entries[0].index - 1:
            return Source([e for e in entries if e.index > snapshot.index], snapshot, committed, names)
    raise Unverifiable(f"the journal begins at entry {entries[0].index} and no whole snapshot precedes it")
