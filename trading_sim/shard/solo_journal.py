"""The journal of a shard without peers: the replicas' format, with a choice of how much a reply waits for."""

import threading
import time

from trading_sim.shard.entries import NOOP, make_entry
from trading_sim.shard.hardstate import HardState
from trading_sim.shard.segment import encode_frame
from trading_sim.shard.snapshots import encode_snapshot
from trading_sim.shard.state import ReplicatedState
from trading_sim.shard.storage import Storage
from trading_sim.sim.real import RealFiles

POLICIES = ("none", "write", "fdatasync")
SEGMENT_BYTES = 64 << 20
SNAPSHOT_BYTES = 512 << 20


class SoloJournal:
    """`policy`: "none" keeps nothing, "write" hands entries to the operating system, "fdatasync" replies once the disk has them."""

    def __init__(self, policy: str, directory: str, state: ReplicatedState) -> None:
        self.writes, self._syncs = policy != "none", policy == "fdatasync"
        self.notes: tuple[str, ...] = ()
        self._storage: Storage | None = None
        self._preparing: threading.Thread | None = None
        self._since_snapshot = 0
        term = 1
        if self.writes:
            self._storage, start = Storage.open(RealFiles(), directory, SEGMENT_BYTES)
            self.notes = start.notes
            if start.snapshot is not None:
                state.restore(start.snapshot)
            for entry in start.entries:
                if entry.index > state.index:
                    state.apply(entry)
            term = start.hard.term + 1
            self._storage.save(HardState(term), [])
            self._storage.prepare()
        self._open_term(state, term)

    @property
    def durable_index(self) -> int:
        """The last entry known to be on the disk."""
        return self._storage.durable_index if self._storage is not None else 0

    def _open_term(self, state: ReplicatedState, term: int) -> None:
        """Every start is a term of its own, opened by an empty entry."""
        entry = make_entry(
            term=term,
            index=state.index + 1,
            kind=NOOP,
            now_ns=max(state.now_ns, time.time_ns()),
            next_seq=state.next_seq,
            next_order_id=state.next_order_id,
        )
        if self._storage is not None:
            self._storage.append_frames(encode_frame(entry.data, self.durable_index), entry.index, 1)
            self._storage.sync()
        state.apply(entry)

    def append(self, frames: memoryview, first_index: int, count: int) -> None:
        """Write the frames of `count` entries, and wait for the disk when the policy says so. Raises OSError."""
        self._storage.append_frames(frames, first_index, count)
        if self._syncs:
            self._storage.sync()
        self._since_snapshot += len(frames)
        if self._storage.wants_spare and (self._preparing is None or not self._preparing.is_alive()):
            self._preparing = threading.Thread(target=self._storage.prepare, name="spare", daemon=True)
            self._preparing.start()

    def maybe_snapshot(self, state: ReplicatedState) -> None:
        """Store the state once enough was journalled since the last time."""
        if self._since_snapshot < SNAPSHOT_BYTES:
            return
        self._since_snapshot = 0
        self._storage.sync()
        snapshot = state.snapshot()
        oldest = self._storage.save_snapshot(encode_snapshot(snapshot), snapshot.index)
        self._storage.drop_before(oldest + 1)

    def close(self) -> None:
        """Make everything durable and close."""
        if self._preparing is not None:
            self._preparing.join()
        if self._storage is not None:
            self._storage.sync()
            self._storage.close()
