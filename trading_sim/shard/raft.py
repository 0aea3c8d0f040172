"""Consensus after Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm" (2014), and Ongaro's
dissertation (2014): pre-vote (9.6), a leader's lease on the monotonic clock (6.4.1), leadership transfer (3.10).

Pure: it reads the clock and draws random numbers through its arguments, and asks for everything else by leaving it in
its outputs, which the caller takes after each call:

- `messages`: (peer, message, wait). With `wait` the message asserts something that must be on disk first: it may leave
  only after every change asked for so far is durable. Held that long it is as if the network had delayed it.
- `changes`, `hard_changed`: what to write, in this order: hard state, then the changes of the log.
- `installing`: a leader's snapshot to store and to continue from.
- `announced`: the last entry that a leader said it has, here or not.
- `taken_back`: the lowest entry that was void at any time since; what was executed ahead of the commit from there on is void too.

The caller reports finished writes with `saved`, and reads `commit`, `role`, `leader`.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from trading_sim.shard.entries import NOOP, Entry, make_entry
from trading_sim.shard.hardstate import HardState
from trading_sim.shard.log import RaftLog
from trading_sim.shard.messages import (
    AppendReply,
    AppendRequest,
    Message,
    SnapshotReply,
    TakeOver,
    VoteReply,
    VoteRequest,
)
from trading_sim.shard.progress import Progress
from trading_sim.shard.replication import RaftInvariantError, Replication
from trading_sim.shard.storage import Append, TakeBack

MS = 1_000_000
TAKEOVER_TERMS = 1_000_000


class Role(StrEnum):
    FOLLOWER = "follower"
    PRE_CANDIDATE = "pre_candidate"
    CANDIDATE = "candidate"
    LEADER = "leader"


@dataclass(frozen=True)
class Timing:
    """All in nanoseconds. The lease is shorter than the shortest election time-out by the drift that two monotonic
    clocks may have against each other meanwhile. `message_entries`: the most entries in one message."""

    heartbeat: int = 100 * MS
    election_min: int = 300 * MS
    election_max: int = 600 * MS
    lease: int = 240 * MS
    message_entries: int = 256


class Raft(Replication):
    """One member. `peers` are the other members' names; `snapshot` gives (index, term, encoded bytes)
    of the newest one."""

    def __init__(
        self,
        *,
        name: str,
        peers: Sequence[str],
        timing: Timing,
        rng: random.Random,
        log: RaftLog,
        hard: HardState,
        now_ns: int,
        snapshot: Callable[[], tuple[int, int, bytes] | None],
    ) -> None:
        self.name, self.peers, self.timing = name, tuple(peers), timing
        self._rng, self._snapshot = rng, snapshot
        self.log, self.term, self.vote = log, hard.term, hard.vote
        self.repair_until, self.alone_since = hard.repair_until, hard.alone_since
        self.announced = log.last_index
        self.role, self.leader = Role.FOLLOWER, None
        self.commit = log.base_index
        self.stable = log.last_index
        self.durable_term = hard.term
        self.messages: list[tuple[str, Message, bool]] = []
        self.changes: list[Append | TakeBack] = []
        self.hard_changed = False
        self.installing: tuple[int, bytes] | None = None
        self.taken_back: int | None = None
        self.checkpoint = (0, 0)
        self.progress: dict[str, Progress] = {}
        self.elections_started = 0
        self._saving = log.last_index
        self._votes: set[str] = set()
        self._given_up_ns: int | None = None
        self._heir: tuple[str, int] | None = None
        self._repair_target = (-1, 0)
        self._incoming: tuple[int, bytearray] = (0, bytearray())
        # A restarted member has forgotten whom it heard last: it keeps the promise that a lease relies on all the same.
        self.heard_ns = now_ns
        self._heartbeat_at = now_ns
        self._leading_since = now_ns
        self._election_at = now_ns
        self._restart_election_timer(now_ns)

    @property
    def quorum(self) -> int:
        return 1 if self.alone_since else (len(self.peers) + 1) // 2 + 1

    @property
    def hard_state(self) -> HardState:
        return HardState(self.term, self.vote, self.repair_until, self.alone_since)

    def deadline_ns(self) -> int:
        """When `tick` wants to be called next."""
        return self._heartbeat_at if self.role is Role.LEADER else self._election_at

    # Time

    def tick(self, now: int) -> None:
        """Let time pass: heartbeats of a leader, elections of the others."""
        if self.role is Role.LEADER:
            if now >= self._heartbeat_at:
                self._heartbeat_at = now + self.timing.heartbeat
                if self._lead_is_lost(now):
                    self._follow(self.term, None, now)
                    return
                for peer in self.peers:
                    self._send_heartbeat(peer, now)
                self._look_after_heir(now)
        elif now >= self._election_at:
            self._restart_election_timer(now)
            if not self.repair_until:
                self._campaign(now, pre=True)

    def _lead_is_lost(self, now: int) -> bool:
        """No quorum answers any more, or the member that was asked to take over did not."""
        limit = now - self.timing.election_max
        if self._given_up_ns is not None and self._given_up_ns < limit:
            return True
        return self._quorum_echo(now) < limit and now > self._leading_since

    def lease_valid(self, now: int) -> bool:
        """True while no other member can have been elected: reads answered now are linearizable."""
        return (
            self.role is Role.LEADER
            and self._given_up_ns is None
            and now < self._quorum_echo(now) + self.timing.lease
            and self.log.term(self.commit) == self.term
        )

    def _quorum_echo(self, now: int) -> int:
        echoes = sorted([now, *(p.echo_ns for p in self.progress.values())], reverse=True)
        return echoes[self.quorum - 1]

    def _restart_election_timer(self, now: int) -> None:
        self._election_at = now + self._rng.randint(self.timing.election_min, self.timing.election_max)

    def _leader_is_near(self, now: int) -> bool:
        """A leader was heard so recently that its lease may still hold: no vote may be given away."""
        if self.role is Role.LEADER:
            return now < self._quorum_echo(now) + self.timing.election_min
        return now < self.heard_ns + self.timing.election_min

    # Elections

    def _campaign(self, now: int, pre: bool, transfer: bool = False) -> None:
        self._votes = {self.name}
        self.leader = None
        if pre:
            self.role = Role.PRE_CANDIDATE
        else:
            self.role = Role.CANDIDATE
            self.elections_started += 1
            self.term, self.vote = self.term + 1, self.name
            self.hard_changed = True
        request = VoteRequest(
            self.term + 1 if pre else self.term, self.log.last_index, self.log.last_term, pre, transfer
        )
        for peer in self.peers:
            self.messages.append((peer, request, not pre))
        if pre and len(self._votes) >= self.quorum:
            self._campaign(now, pre=False)

    def _on_vote_request(self, peer: str, request: VoteRequest, now: int) -> None:
        up_to_date = (request.last_term, request.last_index) >= (self.log.last_term, self.log.last_index)
        free = request.term > self.term or self.vote in ("", peer)
        near = self._leader_is_near(now) and not request.transfer
        granted = request.term >= self.term and up_to_date and free and not near and not self.repair_until
        if request.pre:
            self.messages.append((peer, VoteReply(request.term if granted else self.term, granted, True), False))
            return
        if request.term > self.term and not near:
            self._follow(request.term, None, now)
        if granted:
            if self.vote != peer:
                self.vote = peer
                self.hard_changed = True
            self._restart_election_timer(now)
        self.messages.append((peer, VoteReply(self.term, granted, False), True))

    def _on_vote_reply(self, peer: str, reply: VoteReply, now: int) -> None:
        wanted = Role.PRE_CANDIDATE if reply.pre else Role.CANDIDATE
        if self.role is not wanted or not reply.granted:
            return
        if reply.term != (self.term + 1 if reply.pre else self.term):
            return
        self._votes.add(peer)
        if len(self._votes) < self.quorum:
            return
        if reply.pre:
            self._restart_election_timer(now)
            self._campaign(now, pre=False)
        else:
            self._lead(now)

    def _lead(self, now: int) -> None:
        self.role, self.leader = Role.LEADER, self.name
        self._given_up_ns = self._heir = None
        self._leading_since = now + self.timing.election_max
        self._incoming = (0, bytearray())
        self.progress = {peer: Progress(next=self.log.last_index + 1) for peer in self.peers}
        self._heartbeat_at = now + self.timing.heartbeat

    def _follow(self, term: int, leader: str | None, now: int) -> None:
        if term > self.term:
            self.term, self.vote = term, ""
            self.hard_changed = True
        if self.role is not Role.FOLLOWER:
            self._restart_election_timer(now)
        self.role, self.leader = Role.FOLLOWER, leader
        self.progress = {}
        self._heir = None

    def transfer_to(self, peer: str, now: int) -> bool:
        """Hand the lead to an up-to-date follower; False when it is not one. Ends this leader's lease at once."""
        progress = self.progress.get(peer)
        if self.role is not Role.LEADER or progress is None or progress.match < self.log.last_index:
            return False
        self._given_up_ns = now
        self.messages.append((peer, TakeOver(self.term), False))
        return True

    def hand_to(self, peer: str, now: int, patience: int) -> None:
        """Hand the lead to a follower in an orderly way: nothing is proposed from now on; as soon as the follower holds everything, and
        everything is committed, it is asked to take over. One that does not get there within `patience` ns is given up."""
        self._heir = (peer, now + patience)
        self._pass_on(now)

    def _pass_on(self, now: int) -> None:
        if self._heir is not None and self._given_up_ns is None and self.commit >= self.log.last_index:
            self.transfer_to(self._heir[0], now)

    def _look_after_heir(self, now: int) -> None:
        """Ask it again, for the first time the network may have lost; one that is too slow is no heir any more."""
        if self._heir is None:
            return
        peer, until = self._heir
        if self._given_up_ns is not None:
            self.messages.append((peer, TakeOver(self.term), False))
        elif now > until:
            self._heir = None

    def take_over(self, now: int) -> None:
        """The other members are gone for good, which only people can know: from now on this member is a majority by itself.

        The term leaps ahead of any that the others could have come to meanwhile, so that whoever does come back must follow.
        """
        self.alone_since = self.log.last_index
        self.term += TAKEOVER_TERMS
        self._campaign(now, pre=False)

    @property
    def handing_over(self) -> bool:
        """This leader hands over, or has asked a follower to take over: an entry proposed now would put that follower behind."""
        return self.role is Role.LEADER and (self._given_up_ns is not None or self._heir is not None)

    # Log

    def propose(self, entry: Entry) -> None:
        """Append an entry of this leader's term; `replicate` sends it on. Raises RaftInvariantError for any other."""
        if self.role is not Role.LEADER or entry.term != self.term:
            raise RaftInvariantError(f"{self.name} does not lead term {entry.term}.")
        self.log.append(entry)
        self.changes.append(Append((entry,)))

    def replicate(self, now: int) -> None:
        """Send what was proposed since the last time: as many entries in a message as there are."""
        for peer in self.progress:
            self._send_entries(peer, now)

    def make_noop(self, now_ns: int, next_seq: int, next_order_id: int) -> Entry:
        """The empty entry with which a leader opens its term."""
        return make_entry(
            term=self.term,
            index=self.log.last_index + 1,
            kind=NOOP,
            now_ns=now_ns,
            next_seq=next_seq,
            next_order_id=next_order_id,
        )

    def saving(self) -> None:
        """The caller now starts to write everything asked for so far."""
        self._saving = self.log.last_index

    def saved(self, hard: HardState | None, now: int) -> None:
        """What was being written when `saving` was called is durable."""
        if hard is not None:
            self.durable_term = hard.term
        self.stable = self._saving
        if self.role is Role.CANDIDATE and self.durable_term == self.term and len(self._votes) >= self.quorum:
            self._lead(now)
        if self.role is Role.LEADER:
            self._advance_commit()
            self._pass_on(now)
        self._end_repair()

    # Dispatch

    def step(self, peer: str, message: Message, now: int) -> None:
        """Take in a message from a member."""
        if peer not in self.peers:
            return
        if isinstance(message, VoteRequest):
            self._on_vote_request(peer, message, now)
            return
        asked_ahead = isinstance(message, VoteReply) and message.pre and message.granted
        if message.term > self.term and not asked_ahead:
            self._follow(message.term, None, now)
        if isinstance(message, VoteReply):
            self._on_vote_reply(peer, message, now)
        elif isinstance(message, AppendReply):
            self._on_append_reply(peer, message, now)
            self._pass_on(now)
        elif isinstance(message, SnapshotReply):
            self._on_snapshot_reply(peer, message, now)
        elif message.term < self.term:
            refusal = AppendReply(self.term, False, 0, 0, 0, 0, 0)
            self.messages.append((peer, refusal, True))
        elif isinstance(message, TakeOver):
            if not self.repair_until and self.role is Role.FOLLOWER:
                self._campaign(now, pre=False, transfer=True)
        else:
            self._hear_leader(peer, now)
            if isinstance(message, AppendRequest):
                self._on_append(peer, message, now)
            else:
                self._on_chunk(peer, message, now)

    def _hear_leader(self, peer: str, now: int) -> None:
        if self.role is Role.LEADER:
            raise RaftInvariantError(f"{self.name} and {peer} both lead term {self.term}.")
        self._follow(self.term, peer, now)
        self.heard_ns = now
        self._restart_election_timer(now)
