"""The replicated state: the state machine, the session table, and a digest of everything that was ever answered."""

import struct
from dataclasses import dataclass

import numpy as np

from trading_sim.protocol.records import COMMAND
from trading_sim.shard.answers import encode_answer
from trading_sim.shard.checksum import crc32c
from trading_sim.shard.entries import BATCH, Entry
from trading_sim.shard.express_result import AnswerResult, express_of
from trading_sim.shard.machine_api import ApplyResult, MachineFactory, StateMachine
from trading_sim.shard.sessions import Sessions
from trading_sim.shard.snapshots import Snapshot

_HEAD = struct.Struct("<QQQQIQQ")  # next seq, next order id, now, state hash, digest, bytes of sessions, of machine
_DIGEST = struct.Struct("<IQ")
_MARKS = struct.Struct("<QQQQ")


class StateError(ValueError):
    """A snapshot's body that does not give the state it was taken of."""


@dataclass(frozen=True)
class Applied:
    """What executing an entry gave: the answer to its client, and the machine's result when it was executed now (None for an
    entry without commands and for a repeated request)."""

    answer: bytes | None
    result: ApplyResult | None


class ReplicatedState:
    """State after entry `index`. `next_seq`, `next_order_id`, `now_ns` are the stamps that the next entry goes on from."""

    def __init__(self, factory: MachineFactory) -> None:
        self._factory = factory
        self.reset()

    def reset(self) -> None:
        """The state before the first entry."""
        self._use(self._factory.create())
        self.sessions = Sessions()
        self.index, self.term = 0, 0
        self.next_seq, self.next_order_id, self.now_ns = 1, 1, 0
        self.digest = 0

    def _use(self, machine: StateMachine) -> None:
        self.machine = machine
        self.express = express_of(machine)

    def told(self, index: int, answer: bytes) -> None:
        """The answer of an entry goes into the digest of all answers."""
        self.digest = crc32c(_DIGEST.pack(self.digest, index), answer)

    def apply(self, entry: Entry) -> Applied:
        """Execute the next entry; a request that was executed before is answered from the table."""
        if entry.index != self.index + 1:
            raise StateError(f"Entry {entry.index} cannot be executed after entry {self.index}.")
        self.index, self.term = entry.index, entry.term
        self.next_seq, self.next_order_id, self.now_ns = entry.next_seq, entry.next_order_id, entry.now_ns
        if entry.kind != BATCH:
            return Applied(None, None)
        stored = self.sessions.answer(entry.client_id, entry.request)
        if stored is not None or self.sessions.is_stale(entry.client_id, entry.request):
            return Applied(stored, None)
        if self.express is not None:
            answer, parties = self.express.execute(entry.commands, entry.now_ns, entry.term, entry.index)
            result: ApplyResult = AnswerResult(answer, parties)
        else:
            commands = np.frombuffer(entry.commands, COMMAND)
            result = self.machine.apply(commands, entry.now_ns)
            answer = encode_answer(commands, result.events, result.rejects, entry.term, entry.index)
        self.sessions.store(entry.client_id, entry.request, answer, entry.index)
        self.told(entry.index, answer)
        return Applied(answer, result)

    def state_hash(self) -> int:
        """u64: the machine's hash with the digest of all answers mixed in."""
        return self.machine.state_hash() ^ (self.digest << 32 | self.digest)

    def digest_hash(self) -> int:
        """u64: all answers ever given and the stamps, without looking at the machine."""
        return crc32c(_MARKS.pack(self.index, self.next_seq, self.next_order_id, self.now_ns)) << 32 | self.digest

    def snapshot(self) -> Snapshot:
        """The entire state."""
        sessions, machine = self.sessions.encode(), self.machine.snapshot()
        head = _HEAD.pack(
            self.next_seq,
            self.next_order_id,
            self.now_ns,
            self.state_hash(),
            self.digest,
            len(sessions),
            len(machine),
        )
        return Snapshot(self.index, self.term, b"".join((head, sessions, machine)))

    def restore(self, snapshot: Snapshot) -> None:
        """Continue from a snapshot; raises StateError when what comes out is not what went in."""
        if len(snapshot.body) < _HEAD.size:
            raise StateError(f"The snapshot of entry {snapshot.index} has no header.")
        next_seq, next_order_id, now_ns, state_hash, digest, sessions, machine = _HEAD.unpack_from(snapshot.body)
        middle = _HEAD.size + sessions
        if len(snapshot.body) != middle + machine:
            raise StateError(f"The snapshot of entry {snapshot.index} has the wrong length.")
        self.sessions = Sessions.decode(snapshot.body[_HEAD.size : middle])
        self._use(self._factory.restore(snapshot.body[middle:]))
        self.index, self.term = snapshot.index, snapshot.term
        self.next_seq, self.next_order_id, self.now_ns, self.digest = next_seq, next_order_id, now_ns, digest
        if self.state_hash() != state_hash:
            raise StateError(f"The snapshot of entry {snapshot.index} restores to another state hash.")
