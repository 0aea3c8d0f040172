"""Executing the log: ahead of the commit where this replica leads, and telling nobody before the commit.

A leader executes entries while they travel to the disks, so that the answer is ready when the second disk has them. What was executed
ahead may be taken back when the leader loses its lead; then the state is rebuilt from the newest snapshot and the journal behind it.
Executing an entry twice that way is silent: everything is published once, in order, when it is both executed and committed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from trading_sim.shard.entries import Entry
from trading_sim.shard.hashes import FULL_HASH_EVERY, HASH_EVERY
from trading_sim.shard.log import RaftLog
from trading_sim.shard.snapshots import Snapshot
from trading_sim.shard.state import Applied, ReplicatedState


@dataclass(frozen=True, slots=True)
class Executed:
    """An entry and what it caused. `checkpoint`: what replicas compare after this entry, None for most entries; `full`: that it
    covers the entire state, not only all answers."""

    entry: Entry
    applied: Applied
    checkpoint: int | None
    full: bool


class Execution:
    """`state` stands behind entry `state.index`; everything up to `published` was committed and told."""

    def __init__(self, state: ReplicatedState) -> None:
        self.state = state
        self.published = state.index
        self.rebuilt = 0
        self._held: dict[int, Executed] = {}

    def execute(self, log: RaftLog, until: int, commands: int) -> None:
        """Execute the next entries up to `until`, stopping behind the one that makes it `commands` commands."""
        state = self.state
        while state.index < until and commands > 0:
            entry = log.entry(state.index + 1)
            applied = state.apply(entry)
            commands -= entry.count + 1
            if entry.index > self.published:
                self._held[entry.index] = self._executed(entry, applied)

    def _executed(self, entry: Entry, applied: Applied) -> Executed:
        if entry.index % FULL_HASH_EVERY == 0:
            return Executed(entry, applied, self.state.state_hash(), True)
        if entry.index % HASH_EVERY == 0:
            return Executed(entry, applied, self.state.digest_hash(), False)
        return Executed(entry, applied, None, False)

    def publish(self, commit: int) -> Iterator[Executed]:
        """What is executed and, up to `commit`, now also committed."""
        while self.published < min(commit, self.state.index):
            self.published += 1
            yield self._held.pop(self.published)

    def take_back(self, index: int, snapshot: Snapshot | None) -> bool:
        """Entries from `index` on are void. If one of them was executed, begin again behind `snapshot` (None = at the very beginning);
        True when the state was rebuilt. Raises StateError when the snapshot cannot be restored."""
        if self.state.index < index:
            return False
        self._held.clear()
        self.rebuilt += 1
        if snapshot is None:
            self.state.reset()
        else:
            self.state.restore(snapshot)
        return True

    def restored(self) -> None:
        """The state goes on from a snapshot of a leader: nothing before it will be told here."""
        self.published = self.state.index
        self._held.clear()
