"""One replica without its process: consensus, storage, replicated state and the clients that wait for answers.

Runs on one thread and reaches for nothing itself: clock, randomness, disk and network come as `Seams`, so the simulator
drives the very code that the process runs. After every input, or after several that came together (`gather`), `_drain` carries
out what consensus left in its outputs: messages leave, writing begins, and while the disks work a leader executes.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from trading_sim.shard import handover, takeover
from trading_sim.shard.asked import Asked, Reply
from trading_sim.shard.engine_seams import Limits, Seams
from trading_sim.shard.entries import BATCH, COMMAND_BYTES, Entry
from trading_sim.shard.execution import Execution
from trading_sim.shard.hashes import HashComparison
from trading_sim.shard.messages import AppendReply, AppendRequest, Message
from trading_sim.shard.outcomes import Answered, Outcome, Refusal, Refused
from trading_sim.shard.raft import Raft, Role, Timing
from trading_sim.shard.sequencer import Sequencer
from trading_sim.shard.snapshots import Snapshot, SnapshotFileError, decode_snapshot, encode_snapshot
from trading_sim.shard.state import ReplicatedState
from trading_sim.shard.storage import Start, Storage


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
        self.name, self.hashes = name, HashComparison()
        self._seams, self._storage, self._limits = seams, storage, limits or Limits()
        if start.snapshot is not None:
            state.restore(start.snapshot)
            seams.restored(state.index, state.term)
        self.execution = Execution(state)
        log = start.log()
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
        self.fsyncs = self.snapshots_taken = self.requests_repeated = 0
        self.full_checkpoint = (0, 0)
        self.heard_ns = dict.fromkeys(peers, seams.clock.monotonic_ns())
        self._sequencer: Sequencer | None = None
        self._led_term = -1
        self._gathering = self._proposed = False
        self._saving = self._executing = False
        self._snapshotting = False
        self._unwritten: Snapshot | None = None
        self._held: list[tuple[str, Message]] = []
        self._released: list[tuple[str, Message]] = []
        self._asked = Asked()
        self._snapshot_cache: tuple[int, int, bytes] | None = None
        self._snapshot_index = start.snapshot.index if start.snapshot else 0
        self._since_snapshot_bytes = 0

    @property
    def state(self) -> ReplicatedState:
        """What was executed; a leader's may be ahead of what is committed."""
        return self.execution.state

    @property
    def applied(self) -> int:
        """The last entry that is executed and committed."""
        return self.execution.published

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
        self.heard_ns[peer] = self._seams.clock.monotonic_ns()
        if isinstance(message, AppendRequest | AppendReply):
            self.hashes.reported(peer, message.hash_index, message.state_hash)
        self.raft.step(peer, message, self._seams.clock.monotonic_ns())
        self._drain()

    def submit(self, client_id: int, request: int, commands: bytes, reply: Reply) -> None:
        """Execute raw COMMAND records once; `reply` is called with the outcome, now or later."""
        refused = self._refusal(commands)
        if refused is not None:
            reply(refused)
            return
        index = self._asked.entry_of(client_id, request)
        if index is not None:
            self.requests_repeated += 1
            self._asked.wait(index, reply)
            return
        stored = self.state.sessions.answer(client_id, request)
        if stored is not None:
            self.requests_repeated += 1
            reply(Answered(stored))
            return
        if self.state.sessions.is_stale(client_id, request):
            reply(Refused(Refusal.STALE, f"Request {request} of client {client_id} is too old to be known."))
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
        self._asked.proposed(client_id, request, entry.index)
        self._asked.wait(entry.index, reply)
        self._propose(entry)
        self._drain()

    def query(self, read: Callable[[ReplicatedState], bytes], reply: Reply) -> None:
        """Read the state as it is after everything acknowledged so far; only a leader whose lease holds may answer, and only
        once what it has read is committed."""
        if self.failure is not None:
            reply(Refused(Refusal.FAILED, f"The replica {self.name} has failed: {self.failure}"))
        elif self.raft.role is not Role.LEADER:
            reply(Refused(Refusal.NOT_LEADER, f"{self.name} does not lead.", self.raft.leader or ""))
        elif not self.raft.lease_valid(self._seams.clock.monotonic_ns()) or self.state.index < self.raft.commit:
            reply(Refused(Refusal.BUSY, f"{self.name} leads, but cannot be sure that it still does.", self.name))
        else:
            try:
                outcome: Outcome = Answered(read(self.state))
            except KeyError as error:
                outcome = Refused(Refusal.NOT_FOUND, f"The shard has no {error.args[0] if error.args else error}.")
            self._asked.wait_to_read(self.state.index, outcome, reply)
            self._asked.release_reads(self.applied)

    def carry_out(self) -> None:
        """Carry out what was gathered before an input was found to be broken."""
        self._drain()

    @contextmanager
    def gather(self) -> Iterator[None]:
        """Inputs given within are carried out together at the end: one message and one write for all of them."""
        if self._gathering:
            yield
            return
        self._gathering = True
        try:
            yield
        finally:
            self._gathering = False
        self._drain()

    def hand_over(self) -> bool:
        """Ask the most advanced follower to take over (planned stop); False when there is none that could."""
        ahead = sorted(self.raft.progress, key=lambda name: -self.raft.progress[name].match)
        asked = any(self.raft.transfer_to(peer, self._seams.clock.monotonic_ns()) for peer in ahead)
        self._drain()
        return asked

    def hand_over_to(self, heir: str, term: int | None = None) -> dict:
        """Hand the lead to that replica as soon as it holds everything; what is handed over. Raises HandOverRefused."""
        handed = handover.begin(self, heir, self._seams.clock.monotonic_ns(), term)
        self._drain()
        return handed

    def take_over(self) -> dict:
        """Go on as the only member, the others being gone for good; what is known about the loss. Raises TakeoverRefused."""
        taken = takeover.stated(self, self._seams.clock.monotonic_ns())
        self.raft.take_over(self._seams.clock.monotonic_ns())
        self._drain()
        return taken | {"term": self.raft.term}

    def fail(self, error: BaseException) -> None:
        """Take part no longer: nothing is acknowledged, nobody gets a vote."""
        if self.failure is None:
            self.failure = error
            self._sequencer = None
            self._asked.abandon("the replica has failed")
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
        waiting = self.raft.log.last_index - self.applied
        return waiting >= self._limits.unapplied_entries or (
            waiting > 0 and self.raft.log.bytes > self._limits.log_bytes
        )

    # Carrying out what consensus wants

    def _propose(self, entry: Entry) -> None:
        self.raft.propose(entry)
        self._proposed = True

    def _drain(self) -> None:
        if self._gathering or self.failure is not None:
            return
        raft = self.raft
        self._follow_role()
        if self._proposed:
            self._proposed = False
            raft.replicate(self._seams.clock.monotonic_ns())
        changed = self._send()
        if raft.installing is not None and self._unwritten is not None:  # it may never be committed
            self._unwritten, self._snapshotting = None, False
        if not self._saving and (changed or (raft.installing is not None and not self._snapshotting)):
            self._save()
        if raft.taken_back is not None and not self._take_back():
            return
        if not self._executing:
            self._execute()
        self._publish()

    def _follow_role(self) -> None:
        raft = self.raft
        if raft.role is Role.LEADER and self._led_term != raft.term:
            if self._led_term >= 0:
                self._asked.abandon("the replica leads another term")
            self._begin_to_lead()
        elif raft.role is not Role.LEADER and self._led_term >= 0:
            self._led_term = -1
            self._sequencer, self._proposed = None, False
            self._asked.abandon("the replica leads no longer")

    def _send(self) -> bool:
        """Let messages leave that may leave now; True when there is something to write."""
        raft = self.raft
        messages, raft.messages = raft.messages, []
        changed = bool(raft.changes) or raft.hard_changed
        for peer, message, wait in messages:
            if wait and changed:
                self._held.append((peer, message))
            elif wait and self._saving:
                self._released.append((peer, message))
            else:
                self._seams.send(peer, message)
        return changed

    def _begin_to_lead(self) -> None:
        raft = self.raft
        self._led_term = raft.term
        last = raft.log.entry(raft.log.last_index) if raft.log.last_index > raft.log.base_index else None
        marks = last or self.state
        self._sequencer = Sequencer(marks.next_seq, marks.next_order_id, marks.now_ns)
        for index in range(max(self.applied, raft.log.base_index) + 1, raft.log.last_index + 1):
            entry = raft.log.entry(index)
            if entry.kind == BATCH:
                self._asked.proposed(entry.client_id, entry.request, index)
        now_ns = self._sequencer.stamp_time(self._seams.clock.wall_ns())
        self._propose(raft.make_noop(now_ns, self._sequencer.next_seq, self._sequencer.next_order_id))

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

    def _take_back(self) -> bool:
        """Undo what was executed ahead of the commit and is void now; False when that failed."""
        index, self.raft.taken_back = self.raft.taken_back, None
        if self.state.index < index:
            return True
        if self._unwritten is not None and self._unwritten.index >= index:
            self._unwritten, self._snapshotting = None, False
        newest = self._newest_snapshot()
        try:
            self.execution.take_back(index, None if newest is None else decode_snapshot(newest[2]))
        except ValueError as error:
            self.fail(error)
            return False
        return True

    def _execute(self) -> None:
        """A leader executes all it has, the others what is committed; in slices, to look at the network in between."""
        raft = self.raft
        until = raft.log.last_index if self._led_term >= 0 else raft.commit
        if self.state.index >= until or raft.installing is not None:
            return
        self.execution.execute(raft.log, until, self._limits.apply_commands)
        if self.state.index < until:
            self._executing = True
            self._seams.later(self._continue)

    def _continue(self) -> None:
        self._executing = False
        self._drain()

    def _publish(self) -> None:
        for executed in self.execution.publish(self.raft.commit):
            entry, applied = executed.entry, executed.applied
            self._since_snapshot_bytes += len(entry.data)
            if executed.checkpoint is not None:
                self.raft.checkpoint = (entry.index, executed.checkpoint)
                self.hashes.own(*self.raft.checkpoint)
                if executed.full:
                    self.full_checkpoint = self.raft.checkpoint
            self._seams.applied(entry, applied)
            if entry.kind == BATCH:
                self._asked.committed(entry.client_id, entry.request, entry.index, applied.answer)
        self._asked.release_reads(self.applied)
        self._maybe_snapshot()

    # Snapshots

    def _maybe_snapshot(self) -> None:
        if self._unwritten is not None and self._unwritten.index <= self.applied:
            self._write_snapshot()
        patience = 2 if self._led_term >= 0 else 1  # taking a snapshot stops the world: those that follow do it sooner
        due = (
            self.applied - self._snapshot_index >= patience * self._limits.snapshot_entries
            or self._since_snapshot_bytes >= patience * self._limits.snapshot_bytes
        )
        if due and not self._snapshotting and self.raft.installing is None:
            self.take_snapshot()

    def _continue_from(self, snapshot: Snapshot) -> bool:
        try:
            self.state.restore(snapshot)
        except ValueError as error:
            self.fail(error)
            return False
        self.execution.restored()
        self.raft.taken_back = None
        self._seams.restored(snapshot.index, snapshot.term)
        self._snapshot_index, self._snapshot_cache = snapshot.index, None
        self.raft.installed(snapshot.index, snapshot.term)
        return True

    def take_snapshot(self) -> None:
        """Store the state as it is now, once it is committed, and forget the journal that it makes superfluous."""
        if self._snapshotting or self.state.index < self.applied:  # one is on its way, or the state is being rebuilt
            return
        self._snapshotting = True
        self._unwritten = self.state.snapshot()
        self._since_snapshot_bytes = 0
        if self._unwritten.index <= self.applied:
            self._write_snapshot()

    def _write_snapshot(self) -> None:
        snapshot, self._unwritten = self._unwritten, None

        def done(oldest: object, error: BaseException | None) -> None:
            self._snapshotting = False
            if error is not None:
                self.fail(error)
            if self.failure is not None:
                return
            self.snapshots_taken += 1
            if snapshot.index > self._snapshot_index:
                self._snapshot_index, self._snapshot_cache = snapshot.index, None
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
