"""Everything one replica keeps on disk, and how it finds its way back from it.

All methods run on the replica's disk thread, in the order in which they were asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from trading_sim.shard.entries import Entry
from trading_sim.shard.hardstate import HardState, load_hard_state, save_hard_state
from trading_sim.shard.journal import SEGMENT_BYTES, Journal, recover
from trading_sim.shard.log import RaftLog
from trading_sim.shard.snapshots import Snapshot, load_newest_snapshot, save_snapshot
from trading_sim.sim.seams import Files


@dataclass(frozen=True)
class Append:
    """Entries to add behind the last one."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class TakeBack:
    """Entries from `index` on are void."""

    index: int


@dataclass(frozen=True)
class Start:
    """What a replica starts with: `entries` continue `snapshot`; `notes` say in words what recovery had to do."""

    hard: HardState
    snapshot: Snapshot | None
    entries: tuple[Entry, ...]
    notes: tuple[str, ...]

    def log(self) -> RaftLog:
        """The log that consensus goes on with."""
        if self.entries:
            first = self.entries[0]
            if first.index > 1 and self.snapshot is not None and first.index == self.snapshot.index + 1:
                return RaftLog(self.snapshot.index, self.snapshot.term, self.entries)
            if first.index == 1:
                return RaftLog(0, 0, self.entries)
            return RaftLog(first.index, first.term, self.entries[1:])
        if self.snapshot is not None:
            return RaftLog(self.snapshot.index, self.snapshot.term)
        return RaftLog()


class Storage:
    """Journal, hard state and snapshots in one directory. Open with `Storage.open`."""

    def __init__(self, files: Files, directory: str, journal: Journal) -> None:
        self._files = files
        self._directory = directory
        self._journal = journal

    @classmethod
    def open(cls, files: Files, directory: str, segment_bytes: int = SEGMENT_BYTES) -> tuple["Storage", Start]:
        """Recover the directory. Raises OSError, HardStateError."""
        files.makedirs(directory)
        hard = load_hard_state(files, directory)
        snapshot, damaged = load_newest_snapshot(files, directory)
        notes = [f"Snapshot {name} is damaged and was passed over." for name in damaged]
        base = snapshot.index if snapshot else 0
        files.makedirs(f"{directory}/journal")
        recovered = recover(files, f"{directory}/journal", base)
        entries, until = recovered.entries, 0
        if recovered.damage is not None:
            until = recovered.damage.until
            notes.append(
                f"{recovered.damage.file} is corrupt: entries {recovered.damage.index} to {until} are fetched again."
            )
        if entries and entries[0].index > base + 1:
            until = max(until, entries[-1].index)
            notes.append(f"Entries {base + 1} to {entries[0].index - 1} are missing: everything is fetched again.")
            entries = ()
        elif entries and snapshot is not None and _disagrees(entries, snapshot):
            notes.append(f"The journal behind entry {base} belongs to a lost election and was cut.")
            entries = ()
        elif entries and entries[-1].index < base:
            entries = ()
        if recovered.cut_tail:
            notes.append("A torn tail was cut; it was never acknowledged.")
        term = max([hard.term, snapshot.term if snapshot else 0, *(entry.term for entry in entries[-1:])])
        hard = HardState(term, hard.vote if term == hard.term else "", max(hard.repair_until, until), hard.alone_since)
        if until:  # must be known before the journal voids what is damaged: a crash between the two must not forget it
            save_hard_state(files, directory, hard)
        journal = Journal.open(
            files, f"{directory}/journal", replace(recovered, entries=entries), after=base, segment_bytes=segment_bytes
        )
        return cls(files, directory, journal), Start(hard, snapshot, entries, tuple(notes))

    def save(self, hard: HardState | None, changes: Sequence[Append | TakeBack]) -> None:
        """Make a change of the hard state and of the log durable, with one sync of the journal. Raises OSError."""
        if hard is not None:
            save_hard_state(self._files, self._directory, hard)
        entries: list[Entry] = []
        for change in changes:
            if isinstance(change, TakeBack):
                self._journal.append(entries)
                entries = []
                self._journal.restart_at(change.index)
            else:
                entries += change.entries
        self._journal.append(entries)
        self._journal.sync()

    def append_frames(self, frames: bytes | memoryview, first_index: int, count: int) -> None:
        """Write encoded entries, durable after `sync`: for a shard without peers. Raises OSError."""
        self._journal.append_frames(frames, first_index, count)

    def sync(self) -> None:
        """Make everything written durable. Raises OSError."""
        self._journal.sync()

    @property
    def durable_index(self) -> int:
        """The last entry known to be on the disk."""
        return self._journal.durable_index

    def save_snapshot(self, data: bytes, index: int) -> int:
        """Store an encoded snapshot; returns the lowest snapshot index that is kept."""
        return save_snapshot(self._files, self._directory, data, index)

    def install_snapshot(self, data: bytes, index: int) -> None:
        """Store a leader's snapshot and begin the journal behind it."""
        save_snapshot(self._files, self._directory, data, index)
        self._journal.restart_at(index + 1)
        self._journal.drop_before(index + 1)

    def read_snapshot(self) -> bytes | None:
        """The newest whole snapshot, encoded; for a follower that is too far behind."""
        snapshot, _ = load_newest_snapshot(self._files, self._directory)
        if snapshot is None:
            return None
        return self._files.read(f"{self._directory}/snapshot-{snapshot.index:016d}.bin")

    def drop_before(self, index: int) -> None:
        """Forget journal segments that hold only entries below `index`."""
        self._journal.drop_before(index)

    @property
    def wants_spare(self) -> bool:
        """True once after each roll-over: the next segment should be filled in advance."""
        wanted, self._journal.rolled_over = self._journal.rolled_over, False
        return wanted

    def prepare(self) -> None:
        """Fill the next segment in advance. May run beside the other methods."""
        self._journal.prepare_spare()

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()


def _disagrees(entries: Sequence[Entry], snapshot: Snapshot) -> bool:
    position = snapshot.index - entries[0].index
    return 0 <= position < len(entries) and entries[position].term != snapshot.term
