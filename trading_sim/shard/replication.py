"""The replication half of consensus: a leader brings its followers' logs to agree with its own, a follower takes in what
it is sent and says what it has on disk.

Mixed into `raft.Raft`, which owns the state and is explained there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from trading_sim.shard.entries import Entry
from trading_sim.shard.log import RaftLog
from trading_sim.shard.messages import AppendReply, AppendRequest, Message, SnapshotChunk, SnapshotReply
from trading_sim.shard.progress import Progress
from trading_sim.shard.storage import Append, TakeBack

if TYPE_CHECKING:
    from trading_sim.shard.raft import Timing

MAX_MESSAGE_BYTES = 512 << 10
CHUNK_BYTES = 256 << 10


class RaftInvariantError(Exception):
    """The protocol's own promises do not hold: stop this replica rather than go on with a wrong log."""


class Replication:
    """Methods of `Raft` that move entries and snapshots."""

    name: str
    term: int
    commit: int
    stable: int
    leader: str | None
    repair_until: int
    durable_term: int
    checkpoint: tuple[int, int]
    log: RaftLog
    progress: dict[str, Progress]
    messages: list[tuple[str, Message, bool]]
    changes: list[Append | TakeBack]
    hard_changed: bool
    installing: tuple[int, bytes] | None
    taken_back: int | None
    announced: int
    quorum: int
    timing: Timing
    _saving: int
    _snapshot: Callable[[], tuple[int, int, bytes] | None]
    _incoming: tuple[int, bytearray]
    _repair_target: tuple[int, int]

    def _advance_commit(self) -> None:
        matches = sorted([self.stable, *(p.match for p in self.progress.values())], reverse=True)
        index = matches[self.quorum - 1]
        if index > self.commit and self.log.term(index) == self.term:
            self.commit = index

    def _take_back(self, index: int) -> None:
        if index <= self.commit:
            raise RaftInvariantError(
                f"{self.name} was asked to take back entry {index}, committed up to {self.commit}."
            )
        self.log.take_back(index)
        self.taken_back = index if self.taken_back is None else min(index, self.taken_back)
        self.stable = min(self.stable, index - 1)
        self._saving = min(self._saving, index - 1)
        self.changes.append(TakeBack(index))

    def _end_repair(self) -> None:
        """Everything this member may ever have acknowledged is back once it has committed, from a leader of its term,
        both what its disk is known to have held and all that the leader had when it was first heard."""
        term, index = self._repair_target
        if self.repair_until and term == self.term and min(self.stable, self.commit) >= max(index, self.repair_until):
            self.repair_until = 0
            self.hard_changed = True

    # Replication, leader's side

    def _send_heartbeat(self, peer: str, now: int) -> None:
        progress = self.progress[peer]
        if progress.snapshot_index:
            self._send_chunk(peer, now)
            return
        progress.probe_sent = False
        if progress.probing:
            self._send_entries(peer, now)
        else:
            self._send_append(peer, now, ())

    def _send_entries(self, peer: str, now: int) -> None:
        progress = self.progress[peer]
        while not progress.snapshot_index and progress.window_open:
            if self.log.term(progress.next - 1) is None:
                self._start_snapshot(peer, now)
                return
            entries = self.log.slice(progress.next, MAX_MESSAGE_BYTES, self.timing.message_entries)
            if not entries and not progress.probing:
                return
            self._send_append(peer, now, entries)
            if progress.probing:
                progress.probe_sent = True
            else:
                progress.next += len(entries)

    def _send_append(self, peer: str, now: int, entries: tuple[Entry, ...]) -> None:
        previous = self.progress[peer].next - 1
        term = self.log.term(previous)
        if term is None:
            self._start_snapshot(peer, now)
            return
        request = AppendRequest(
            self.term, previous, term, self.commit, self.log.last_index, now, *self.checkpoint, entries
        )
        self.messages.append((peer, request, False))

    def _start_snapshot(self, peer: str, now: int) -> None:
        newest = self._snapshot()
        if newest is None:
            raise RaftInvariantError(f"{self.name} holds no entries before {self.log.base_index} and no snapshot.")
        self.progress[peer].snapshot_index, self.progress[peer].snapshot_offset = newest[0], 0
        self._send_chunk(peer, now)

    def _send_chunk(self, peer: str, now: int) -> None:
        progress = self.progress[peer]
        newest = self._snapshot()
        if newest is None or newest[0] != progress.snapshot_index:
            self._start_snapshot(peer, now)
            return
        index, index_term, data = newest
        piece = data[progress.snapshot_offset : progress.snapshot_offset + CHUNK_BYTES]
        chunk = SnapshotChunk(self.term, index, index_term, progress.snapshot_offset, len(data), now, piece)
        self.messages.append((peer, chunk, False))

    def _on_append_reply(self, peer: str, reply: AppendReply, now: int) -> None:
        progress = self.progress.get(peer)
        if progress is None or reply.term != self.term:
            return
        progress.echo_ns = max(progress.echo_ns, reply.echo_ns)
        progress.repairing = reply.repairing
        if progress.snapshot_index:
            return
        if reply.success:
            progress.accepted(min(reply.index, self.log.last_index))
            self._advance_commit()
            self._send_entries(peer, now)
        elif progress.refused(reply.prev_index, reply.index, reply.repairing):
            self._send_entries(peer, now)

    def _on_snapshot_reply(self, peer: str, reply: SnapshotReply, now: int) -> None:
        progress = self.progress.get(peer)
        if progress is None or reply.term != self.term:
            return
        progress.echo_ns = max(progress.echo_ns, reply.echo_ns)
        if not progress.snapshot_index:
            return
        if reply.installed:
            progress.snapshot_index = 0
            progress.accepted(min(reply.index, self.log.last_index))
            self._send_entries(peer, now)
        elif reply.index == progress.snapshot_index and reply.offset != progress.snapshot_offset:
            progress.snapshot_offset = reply.offset
            self._send_chunk(peer, now)

    # Replication, follower's side

    def _on_append(self, peer: str, request: AppendRequest, now: int) -> None:
        if self.installing is not None:
            return
        if self.repair_until and self._repair_target[0] != self.term:
            self._repair_target = (self.term, request.last_index)
        self.announced = max(self.announced, request.last_index)
        entries = request.entries
        previous, previous_term = request.prev_index, request.prev_term
        skipped = min(len(entries), max(0, self.log.base_index - previous))
        if skipped:  # a snapshot covers these: they are committed here
            previous, previous_term = entries[skipped - 1].index, entries[skipped - 1].term
            entries = entries[skipped:]
        if previous >= self.log.base_index and self.log.term(previous) != previous_term:
            self._refuse(peer, request, previous)
            return
        last = previous
        if previous >= self.log.base_index:
            last = self._take_in(previous, entries)
        self.commit = max(self.commit, min(request.commit, last))
        self._end_repair()
        durable = min(last, self.stable)
        if durable == last or not request.entries:
            self._accept(peer, request, durable, wait=self.term != self.durable_term)
        else:
            self._accept(peer, request, last, wait=True)

    def _take_in(self, last: int, entries: tuple[Entry, ...]) -> int:
        """Add what is new behind the common prefix; returns the last index that agrees with the leader's log."""
        for position, entry in enumerate(entries):
            held = self.log.term(entry.index)
            if held == entry.term:
                last = entry.index
                continue
            if held is not None:
                self._take_back(entry.index)
            fresh = entries[position:]
            for added in fresh:
                self.log.append(added)
            self.changes.append(Append(fresh))
            return fresh[-1].index
        return last

    def _accept(self, peer: str, request: AppendRequest, index: int, wait: bool) -> None:
        reply = AppendReply(
            self.term, True, index, request.prev_index, request.sent_ns, *self.checkpoint, bool(self.repair_until)
        )
        self.messages.append((peer, reply, wait))

    def _refuse(self, peer: str, request: AppendRequest, previous: int) -> None:
        if previous > self.log.last_index:
            hint = self.log.last_index
        else:
            hint = max(self.log.first_of_term(previous) - 1, self.commit)
        reply = AppendReply(
            self.term, False, hint, request.prev_index, request.sent_ns, *self.checkpoint, bool(self.repair_until)
        )
        self.messages.append((peer, reply, self.term != self.durable_term))

    def _on_chunk(self, peer: str, chunk: SnapshotChunk, now: int) -> None:
        if self.installing is not None:
            return
        if self.log.term(chunk.index) == chunk.index_term:  # nothing is missing: only the news of the commit
            self.commit = max(self.commit, chunk.index)
        if chunk.index <= self.commit:
            self._answer_chunk(peer, chunk, chunk.total, installed=chunk.index <= self.stable)
            return
        index, buffer = self._incoming
        if index != chunk.index:
            buffer = bytearray()
        if chunk.offset == len(buffer):
            buffer += chunk.data
        self._incoming = (chunk.index, buffer)
        if len(buffer) >= chunk.total:
            self._incoming = (0, bytearray())
            self.installing = (chunk.index, bytes(buffer))
        self._answer_chunk(peer, chunk, len(buffer), installed=False)

    def _answer_chunk(self, peer: str, chunk: SnapshotChunk, offset: int, installed: bool) -> None:
        reply = SnapshotReply(self.term, chunk.index, offset, installed, chunk.sent_ns)
        self.messages.append((peer, reply, True))

    def installed(self, index: int, term: int) -> None:
        """The snapshot in `installing` is on disk and in use: the log goes on behind it."""
        self.installing = None
        self.log.reset(index, term)
        self.commit = max(self.commit, index)
        self.stable = self._saving = index
        if self.leader is not None and self.leader != self.name:
            reply = SnapshotReply(self.term, index, 0, True, 0)
            self.messages.append((self.leader, reply, True))
