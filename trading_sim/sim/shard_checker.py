"""What must hold in a shard whatever happens to it. Every violation is an exception that says what was seen."""

from dataclasses import dataclass, field

from trading_sim.shard.engine import Engine
from trading_sim.shard.entries import Entry
from trading_sim.shard.raft import Role


class ShardViolation(AssertionError):
    """A promise of the shard was broken."""


@dataclass
class ShardChecker:
    """Watches all replicas of one simulated shard.

    `acknowledged`: what clients were told was done, (client, request) → (journal index, identities of its commands).
    """

    committed: dict[int, bytes] = field(default_factory=dict)
    hashes: dict[int, int] = field(default_factory=dict)
    leaders: dict[int, str] = field(default_factory=dict)
    acknowledged: dict[tuple[int, int], tuple[int, tuple[int, ...]]] = field(default_factory=dict)
    published: dict[str, int] = field(default_factory=dict)
    newest_acknowledged: int = 0
    reads: int = 0

    def leads(self, engine: Engine) -> None:
        """At most one leader per term."""
        if engine.raft.role is Role.LEADER:
            known = self.leaders.setdefault(engine.raft.term, engine.name)
            if known != engine.name:
                raise ShardViolation(f"{known} and {engine.name} both led term {engine.raft.term}.")

    def begins_at(self, name: str, index: int) -> None:
        """The replica goes on from the state after entry `index`: it has started, or was given a snapshot."""
        self.published[name] = index

    def executed(self, name: str, entry: Entry, state_hash: int) -> None:
        """Every replica tells the same entries, each once and in order, and came to the same state after each."""
        if entry.index != self.published.get(name, 0) + 1:
            raise ShardViolation(f"{name} told entry {entry.index} after entry {self.published.get(name, 0)}.")
        self.published[name] = entry.index
        if self.committed.setdefault(entry.index, entry.data) != entry.data:
            raise ShardViolation(f"{name} executed another entry {entry.index} than a replica before it.")
        if self.hashes.setdefault(entry.index, state_hash) != state_hash:
            raise ShardViolation(f"{name} has another state after entry {entry.index} than a replica before it.")

    def acknowledge(self, client: int, request: int, index: int, identities: tuple[int, ...]) -> None:
        """A client was told that its request is done: the same answer as before, and never forgotten again."""
        known = self.acknowledged.setdefault((client, request), (index, identities))
        if known[0] != index:
            raise ShardViolation(
                f"Request {request} of client {client} was answered with entries {known[0]} and {index}."
            )
        self.newest_acknowledged = max(self.newest_acknowledged, index)

    def read(self, name: str, index: int, acknowledged_before: int) -> None:
        """A read under the lease sees everything that was acknowledged before it was asked for, and nothing that may be taken back."""
        self.reads += 1
        if index and index not in self.committed:
            raise ShardViolation(f"{name} answered a read from entry {index}, which is not committed.")
        if index < acknowledged_before:
            raise ShardViolation(f"{name} answered a read from entry {index}, {acknowledged_before} was acknowledged.")

    def settled(self, engines: list[Engine]) -> None:
        """After healing: same log end, same state, nothing acknowledged lost, nothing executed twice."""
        states = {e.name: (e.state.index, e.applied, e.state.state_hash()) for e in engines}
        if len(set(states.values())) != 1:
            raise ShardViolation(f"The replicas do not agree: {states}.")
        for engine in engines:
            machine = engine.state.machine
            twice = [identity for identity, times in machine.executed.items() if times != 1]
            if twice:
                raise ShardViolation(f"{engine.name} executed {twice[:5]} more than once.")
            if not machine.stamps_ok:
                raise ShardViolation(f"{engine.name} saw seq, order ids or time go back or leave a gap.")
            if engine.hashes.mismatches:
                raise ShardViolation(f"{engine.name} saw other hashes at {engine.hashes.mismatches}.")
            for (client, request), (index, identities) in self.acknowledged.items():
                if any(identity not in machine.executed for identity in identities):
                    raise ShardViolation(
                        f"Lost: request {request} of client {client} was acknowledged as entry {index}, "
                        f"but {engine.name} does not hold it."
                    )
