"""One replica without its process: consensus, storage, replicated state and the clients that wait for answers.

Runs on one thread and reaches for nothing itself: clock, randomness, disk and network come as `Seams`, so the simulator
drives the very code that the process runs. After every input `_drain` carries out what consensus left in its outputs.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trading_sim.shard.entries import BATCH, COMMAND_BYTES, Entry
from trading_sim.shard.hashes import HASH_EVERY, HashComparison
from trading_sim.shard.log import RaftLog
from trading_sim.shard.messages import AppendReply, AppendRequest, Message
from trading_sim.shard.outcomes import Answered, Outcome, Refusal, Refused
from trading_sim.shard.raft import Raft, Role, Timing
from trading_sim.shard.sequencer import Sequencer
from trading_sim.shard.snapshots import Snapshot, SnapshotFileError, decode_snapshot, encode_snapshot
from trading_sim.shard.state import Applied, ReplicatedState
from trading_sim.shard.storage import Start, Storage
from trading_sim.sim.seams import Clock, DiskQueue

Reply = Callable[[Outcome], None]


@dataclass(frozen=True)
class Seams:
    """The outside of an engine. `disk` writes the journal, `background` everything that may take long beside it; `later` runs
    a callable soon on the engine's thread; `restored` hears index and term of a snapshot that the state goes on from; `failed` hears why the replica can take part no longer."""

    clock: Clock
    rng: random.Random
    disk: DiskQueue
    background: DiskQueue
    send: Callable[[str, Message], None]
    later: Callable[[Callable[[], None]], None]
    applied: Callable[[Entry, Applied], None]
    restored: Callable[[int, int], None]
    failed: Callable[[BaseException], None]


@dataclass(frozen=True)
class Limits:
    """Bounds on memory and on the time between two looks at the network."""

    request_bytes: int = 1 << 20
    unapplied_entries: int = 4096
    unapplied_bytes: int = 32 << 20
    apply_slice: int = 64
    snapshot_entries: int = 20_000
    snapshot_bytes: int = 16 << 20
    kept_entries: int = 2_048
    kept_bytes: int = 32 << 20


class Engine:
    """See the module. Every public method is called on the engine's thread."""

    def __init__(
        self,
        *,
        name: str,
        peers: Sequence[str],
        seams: Seams,
        storage: Storage,
        start: Start,
        state: ReplicatedState,
        timing: Timing | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.name, self.state, self.hashes = name, state, HashComparison()
        self._seams, self._storage, self._limits = seams, storage, limits or Limits()
        if start.snapshot is not None:
            state.restore(start.snapshot)
            seams.restored(state.index, state.term)
        log = _log_of(start)
        self.raft = Raft(
            name=name,
            peers=peers,
            timing=timing or Timing(),
            rng=seams.rng,
            log=log,
            hard=start.hard,
            now_ns=seams.clock.monotonic_ns(),
            snapshot=self._newest_snapshot,
        )
        self.raft.commit = max(self.raft.commit, state.index)
        self.failure: BaseException | None = None
        self.fsyncs = 0
        self.snapshots_taken = 0
        self.requests_repeated = 0
        self._sequencer: Sequencer | None = None
        self._led_term = -1
        self._saving = False
        self._snapshotting = False
        self._applying = False
        self._held: list[tuple[str, Message]] = []
        self._released: list[tuple[str, Message]] = []
        self._waiting: dict[int, list[Reply]] = {}
        self._pending: dict[tuple[int, int], int] = {}
        self._snapshot_cache: tuple[int, int, bytes] | None = None
        self._snapshot_index = start.snapshot.index if start.snapshot else 0
        self._since_snapshot_bytes = 0

    # Inputs

    def deadline_ns(self) -> int | None:
        """Monotonic time of the next `on_time`; None when the replica has failed."""
        return None if self.failure else self.raft.deadline_ns()

    def on_time(self) -> None:
        """The deadline has passed."""
        if self.failure is None:
            self.raft.tick(self._seams.clock.monotonic_ns())
            self._drain()

    def on_message(self, peer: str, message: Message) -> None:
        """A member has sent something."""
        if self.failure is not None:
            return
        if isinstance(message, AppendRequest | AppendReply):
            self.hashes.reported(peer, message.hash_index, message.state_hash)
        self.raft.step(peer, message, self._seams.clock.monotonic_ns())
        self._drain()

    def submit(self, client_id: int, request: int, commands: bytes, reply: Reply) -> None:
        """Execute raw COMMAND records once; `reply` is called with the outcome, now or later."""
        refused = self._refusal(commands)
        if refused is None and self.state.sessions.is_stale(client_id, request):
            refused = Refused(Refusal.STALE, f"Request {request} of client {client_id} is too old to be known.")
        if refused is not None:
            reply(refused)
            return
        stored = self.state.sessions.answer(client_id, request)
        if stored is not None:
            self.requests_repeated += 1
            reply(Answered(stored))
            return
        index = self._pending.get((client_id, request))
        if index is not None:
            self.requests_repeated += 1
            self._waiting.setdefault(index, []).append(reply)
            return
        if self._sequencer is None or self.raft.handing_over or self._is_full():
            reply(
                Refused(Refusal.BUSY, "Too much is waiting to be executed, or another replica takes over.", self.name)
            )
            return
        entry = self._sequencer.batch(
            term=self.raft.term,
            index=self.raft.log.last_index + 1,
            wall_ns=self._seams.clock.wall_ns(),
            client_id=client_id,
            request=request,
            commands=commands,
        )
        self._pending[client_id, request] = entry.index
        self._waiting[entry.index] = [reply]
        self.raft.propose(entry, self._seams.clock.monotonic_ns())
        self._drain()

    def query(self, read: Callable[[ReplicatedState], bytes], reply: Reply) -> None:
        """Read the state as it is after everything acknowledged so far; only a leader whose lease holds may answer."""
        if self.failure is not None:
            reply(Refused(Refusal.FAILED, f"The replica {self.name} has failed: {self.failure}"))
        elif self.raft.role is not Role.LEADER:
            reply(Refused(Refusal.NOT_LEADER, f"{self.name} does not lead.", self.raft.leader or ""))
        elif not self.raft.lease_valid(self._seams.clock.monotonic_ns()) or self.state.index < self.raft.commit:
            reply(Refused(Refusal.BUSY, f"{self.name} leads, but cannot be sure that it still does.", self.name))
        else:
            try:
                reply(Answered(read(self.state)))
            except KeyError as error:
                reply(Refused(Refusal.NOT_FOUND, f"The shard has no {error.args[0] if error.args else error}."))

    def hand_over(self) -> bool:
        """Ask the most advanced follower to take over (planned stop); False when there is none that could."""
        now = self._seams.clock.monotonic_ns()
        for peer in sorted(self.raft.progress, key=lambda name: -self.raft.progress[name].match):
            if self.raft.transfer_to(peer, now):
                self._drain()
                return True
        return False

    def fail(self, error: BaseException) -> None:
        """Take part no longer: nothing is acknowledged, nobody gets a vote."""
        if self.failure is None:
            self.failure = error
            self._abandon_clients("the replica has failed")
            self._seams.failed(error)

    # What clients may be told

    def _refusal(self, commands: bytes) -> Refused | None:
        if self.failure is not None:
            return Refused(Refusal.FAILED, f"The replica {self.name} has failed: {self.failure}")
        if self.raft.role is not Role.LEADER:
            return Refused(Refusal.NOT_LEADER, f"{self.name} does not lead.", self.raft.leader or "")
        if not commands or len(commands) % COMMAND_BYTES:
            return Refused(Refusal.BAD_REQUEST, f"{len(commands)} bytes are not a number of COMMAND records.")
        if len(commands) > self._limits.request_bytes:
            return Refused(
                Refusal.BAD_REQUEST,
                f"{len(commands)} bytes of commands; at most {self._limits.request_bytes} go in one.",
            )
        return None

    def _is_full(self) -> bool:
        waiting = self.raft.log.last_index - self.state.index
        return waiting >= self._limits.unapplied_entries or (
            waiting > 0 and self.raft.log.bytes > self._limits.unapplied_bytes + self._limits.kept_bytes
        )

    def _abandon_clients(self, why: str) -> None:
        waiting, self._waiting = self._waiting, {}
        self._pending.clear()
        self._sequencer = None
        for replies in waiting.values():
            for reply in replies:
                reply(Refused(Refusal.UNKNOWN, f"Outcome unknown, {why}: ask again with the same request number."))

    # Carrying out what consensus wants

    def _drain(self) -> None:
        raft = self.raft
        if raft.role is Role.LEADER and self._led_term != raft.term:
            self._begin_to_lead()
        elif raft.role is not Role.LEADER and self._led_term >= 0:
            self._led_term = -1
            self._abandon_clients("the replica leads no longer")
        messages, raft.messages = raft.messages, []
        changed = bool(raft.changes) or raft.hard_changed
        for peer, message, wait in messages:
            if wait and changed:
                self._held.append((peer, message))
            elif wait and self._saving:
                self._released.append((peer, message))
            else:
                self._seams.send(peer, message)
        if not self._saving and (changed or (raft.installing is not None and not self._snapshotting)):
            self._save()
        if raft.commit > self.state.index and not self._applying:
            self._apply_slice()

    def _begin_to_lead(self) -> None:
        raft = self.raft
        self._led_term = raft.term
        last = raft.log.entry(raft.log.last_index) if raft.log.last_index > raft.log.base_index else None
        marks = last or self.state
        self._sequencer = Sequencer(marks.next_seq, marks.next_order_id, marks.now_ns)
        for index in range(max(self.state.index, raft.log.base_index) + 1, raft.log.last_index + 1):
            entry = raft.log.entry(index)
            if entry.kind == BATCH:
                self._pending[entry.client_id, entry.request] = index
        now_ns = self._sequencer.stamp_time(self._seams.clock.wall_ns())
        noop = raft.make_noop(now_ns, self._sequencer.next_seq, self._sequencer.next_order_id)
        raft.propose(noop, self._seams.clock.monotonic_ns())

    def _save(self) -> None:
        raft = self.raft
        snapshot = None
        if raft.installing is not None and not self._snapshotting:
            try:
                snapshot = decode_snapshot(raft.installing[1])
            except SnapshotFileError:
                raft.installing = None  # the leader is asked for it again from the first byte
        hard = raft.hard_state if raft.hard_changed else None
        changes, raft.changes, raft.hard_changed = raft.changes, [], False
        data = raft.installing[1] if raft.installing is not None else b""
        self._released, self._held = self._held, []
        self._saving = True
        raft.saving()

        def job() -> None:
            self._storage.save(hard, changes)
            if snapshot is not None:
                self._storage.install_snapshot(data, snapshot.index)

        def done(_: object, error: BaseException | None) -> None:
            self._saving = False
            if error is not None:
                self.fail(error)
            if self.failure is not None:
                return
            self.fsyncs += 1
            raft.saved(hard, self._seams.clock.monotonic_ns())
            if snapshot is not None and not self._continue_from(snapshot):
                return
            released, self._released = self._released, []
            for peer, message in released:
                self._seams.send(peer, message)
            if self._storage.wants_spare:
                self._seams.background.run(self._storage.prepare, self._done_in_background)
            self._drain()

        self._seams.disk.run(job, done)

    # Executing

    def _apply_slice(self) -> None:
        """Execute some committed entries, then look at the network again before the next ones."""
        self._applying = True
        last = min(self.raft.commit, self.state.index + self._limits.apply_slice)
        while self.state.index < last:
            entry = self.raft.log.entry(self.state.index + 1)
            applied = self.state.apply(entry)
            self._since_snapshot_bytes += len(entry.data)
            if entry.index % HASH_EVERY == 0:
                self.raft.checkpoint = (entry.index, self.state.state_hash())
                self.hashes.own(*self.raft.checkpoint)
            self._seams.applied(entry, applied)
            self._answer(entry, applied)
        self._applying = False
        self._maybe_snapshot()
        if self.raft.commit > self.state.index:
            self._applying = True
            self._seams.later(self._continue)

    def _continue(self) -> None:
        self._applying = False
        if self.failure is None:
            self._drain()

    def _answer(self, entry: Entry, applied: Applied) -> None:
        if entry.kind != BATCH:
            return
        if self._pending.get((entry.client_id, entry.request)) == entry.index:
            del self._pending[entry.client_id, entry.request]
        for reply in self._waiting.pop(entry.index, ()):
            if applied.answer is not None:
                reply(Answered(applied.answer))
            else:
                reply(Refused(Refusal.STALE, f"Request {entry.request} is too old to be known."))

    # Snapshots

    def _maybe_snapshot(self) -> None:
        due = (
            self.state.index - self._snapshot_index >= self._limits.snapshot_entries
            or self._since_snapshot_bytes >= self._limits.snapshot_bytes
        )
        if due and not self._snapshotting and self.raft.installing is None:
            self.take_snapshot()

    def _continue_from(self, snapshot: Snapshot) -> bool:
        try:
            self.state.restore(snapshot)
        except ValueError as error:
            self.fail(error)
            return False
        self._seams.restored(snapshot.index, snapshot.term)
        self._snapshot_index, self._snapshot_cache = snapshot.index, None
        self.raft.installed(snapshot.index, snapshot.term)
        return True

    def take_snapshot(self) -> None:
        """Store the state as it is now and forget the journal that it makes superfluous."""
        self._snapshotting = True
        snapshot = self.state.snapshot()
        self._since_snapshot_bytes = 0

        def done(oldest: object, error: BaseException | None) -> None:
            self._snapshotting = False
            if error is not None:
                self.fail(error)
            if self.failure is not None:
                return
            self.snapshots_taken += 1
            self._snapshot_index = snapshot.index
            self._snapshot_cache = None
            self._compact(snapshot.index)
            self._seams.disk.run(lambda: self._storage.drop_before(int(oldest) + 1), self._done_in_background)
            self._drain()

        self._seams.background.run(lambda: self._storage.save_snapshot(encode_snapshot(snapshot), snapshot.index), done)

    def _compact(self, index: int) -> None:
        log = self.raft.log
        log.compact(max(log.base_index, index - self._limits.kept_entries))
        if log.bytes > self._limits.kept_bytes:
            log.compact(index)

    def _done_in_background(self, _: object, error: BaseException | None) -> None:
        if error is not None:
            self.fail(error)

    def _newest_snapshot(self) -> tuple[int, int, bytes] | None:
        """(index, term, encoded bytes); kept in memory while a follower is being sent it."""
        if self._snapshot_cache is None:
            data = self._storage.read_snapshot()
            if data is not None:
                snapshot = decode_snapshot(data)
                self._snapshot_cache = (snapshot.index, snapshot.term, data)
        return self._snapshot_cache

    @property
    def saving(self) -> bool:
        """True while a write is under way."""
        return self._saving


def _log_of(start: Start) -> RaftLog:
    if start.entries:
        first = start.entries[0]
        if first.index > 1 and start.snapshot is not None and first.index == start.snapshot.index + 1:
            return RaftLog(start.snapshot.index, start.snapshot.term, start.entries)
        if first.index == 1:
            return RaftLog(0, 0, start.entries)
        return RaftLog(first.index, first.term, start.entries[1:])
    if start.snapshot is not None:
        return RaftLog(start.snapshot.index, start.snapshot.term)
    return RaftLog()
