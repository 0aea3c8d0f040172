"""A whole shard in one thread: three engines on simulated machines, and clients that ask until they are answered."""

import random
from collections.abc import Callable

import numpy as np

from trading_sim.protocol.records import COMMAND
from trading_sim.shard.answers import decode_answer
from trading_sim.shard.engine import Engine
from trading_sim.shard.engine_seams import Limits, Seams
from trading_sim.shard.entries import Entry
from trading_sim.shard.hardstate import HardStateError
from trading_sim.shard.messages import Message, decode_message, encode_message
from trading_sim.shard.outcomes import Answered, Outcome, Refusal
from trading_sim.shard.raft import Timing
from trading_sim.shard.state import Applied, ReplicatedState
from trading_sim.shard.storage import Storage
from trading_sim.sim.disk import SimFiles, SimulatedCrash
from trading_sim.sim.shard_checker import ShardChecker
from trading_sim.sim.tally import TallyFactory
from trading_sim.sim.world import MS, SimClock, SimNetwork, World

SEGMENT_BYTES = 4096
LIMITS = Limits(unapplied_entries=64, apply_commands=16, snapshot_entries=40, kept_entries=12, snapshot_bytes=1 << 20)


class WatchedState(ReplicatedState):
    """Remembers the state hash after every entry that was executed last at its index."""

    def __init__(self) -> None:
        self.hashes: dict[int, int] = {}
        super().__init__(TallyFactory())

    def apply(self, entry: Entry) -> Applied:
        applied = super().apply(entry)
        self.hashes[entry.index] = self.state_hash()
        return applied


class SimDiskQueue:
    """One disk thread of a simulated machine: jobs in order, each taking `latency_ns` on average."""

    def __init__(self, node: "SimNode") -> None:
        self._node = node
        self._busy_until = 0

    def run(self, job: Callable[[], object], done: Callable[[object, BaseException | None], None]) -> None:
        node, world = self._node, self._node.cluster.world
        half = int(node.disk_latency_ns * world.rng.expovariate(1.0) / 2)
        start = max(world.now_ns, self._busy_until)
        self._busy_until = start + 2 * half
        life = node.life

        def carry_out() -> None:
            if node.life != life:
                return
            try:
                result, error = job(), None
            except OSError as caught:
                result, error = None, caught
            except SimulatedCrash:
                node.crash(power=True)
                return
            world.after(half, lambda: node.guarded(life, lambda: done(result, error)))

        world.after(start + half - world.now_ns, carry_out)


class SimNode:
    """A machine that runs one replica. `life` counts its starts: what was scheduled in an earlier life never happens."""

    def __init__(self, cluster: "SimCluster", name: str) -> None:
        self.cluster, self.name = cluster, name
        self.files = SimFiles(
            random.Random(cluster.world.rng.random()), lies_under="/journal/" if cluster.lying_disks else ""
        )
        self.clock = SimClock(cluster.world)
        self.disk_latency_ns = 1 * MS
        self.engine: Engine | None = None
        self.life = 0
        self.paused_until = 0
        self.starts = 0
        self.notes: list[str] = []
        self._timer_at: int | None = None

    def start(self) -> None:
        """Recover from the disk and take part."""
        if self.engine is not None:
            return
        self.life += 1
        self.starts += 1
        try:
            storage, start = Storage.open(self.files, f"/{self.name}", SEGMENT_BYTES)
        except (SimulatedCrash, OSError):
            self.crash(power=True)
            self.cluster.world.after(100 * MS, self.start)
            return
        except HardStateError as error:
            raise AssertionError(f"{self.name} lost its hard state: {error}") from error
        self.notes += start.notes
        life = self.life
        self.cluster.checker.begins_at(self.name, 0)
        seams = Seams(
            clock=self.clock,
            rng=random.Random(self.cluster.world.rng.random()),
            disk=SimDiskQueue(self),
            background=SimDiskQueue(self),
            send=self._send,
            later=lambda act: self.cluster.world.after(0, lambda: self.guarded(life, act)),
            applied=self._applied,
            restored=lambda index, _: self.cluster.checker.begins_at(self.name, index),
            failed=lambda _: self.cluster.world.after(0, lambda: self.guarded(life, lambda: self.crash(power=False))),
        )
        peers = [name for name in self.cluster.names if name != self.name]
        self.engine = Engine(
            name=self.name,
            peers=peers,
            seams=seams,
            storage=storage,
            start=start,
            state=WatchedState(),
            limits=LIMITS,
            timing=Timing(message_entries=self.cluster.message_entries),
        )
        self._arm()

    def crash(self, power: bool, down_ms: int = -1) -> None:
        """The process is gone; without power also what was not synced. It starts again after `down_ms` (-1 = a little later)."""
        if power:
            self.files.lose_power()
        self.files.crash_at = 0
        if self.engine is not None:
            self.cluster.rebuilt += self.engine.execution.rebuilt
        self.engine = None
        self.life += 1
        self.cluster.crashes += 1
        self.cluster.world.note(f"{self.name} {'loses power' if power else 'is killed'}")
        down_ms = self.cluster.world.rng.randint(50, 600) if down_ms < 0 else down_ms
        self.cluster.world.after(down_ms * MS, self.start)

    def guarded(self, life: int, act: Callable[[], None]) -> None:
        """Do something on the engine's thread: later while the process is paused, never in another life."""
        world = self.cluster.world
        if self.life != life or self.engine is None:
            return
        if world.now_ns < self.paused_until:
            world.after(self.paused_until - world.now_ns, lambda: self.guarded(life, act))
            return
        act()
        if self.engine is not None:
            self.cluster.checker.leads(self.engine)
            self._arm()

    def receive(self, act: Callable[[Engine], None]) -> None:
        """Something arrives over the network."""
        self.guarded(self.life, lambda: self.engine is not None and act(self.engine))

    def _arm(self) -> None:
        due = self.engine.deadline_ns() if self.engine is not None else None
        if due is None or (self._timer_at is not None and self.cluster.world.now_ns < self._timer_at <= due):
            return
        self._timer_at = due
        life = self.life
        self.cluster.world.after(due - self.cluster.world.now_ns, lambda: self._on_timer(life, due))

    def _on_timer(self, life: int, due: int) -> None:
        if self._timer_at == due:
            self._timer_at = None
        self.guarded(life, lambda: self.engine is not None and self.engine.on_time())

    def _send(self, peer: str, message: Message) -> None:
        cluster = self.cluster
        if cluster.world.rng.random() < 0.05:
            message = decode_message(encode_message(message))
        node, source = cluster.nodes[peer], self.name
        cluster.network.send(source, peer, lambda: node.receive(lambda engine: engine.on_message(source, message)))

    def _applied(self, entry: Entry, applied: Applied) -> None:
        if self.engine is not None:
            self.cluster.checker.executed(self.name, entry, self.engine.state.hashes[entry.index])


class SimClient:
    """Asks one request after another, each until it is answered, at any replica, always with the same number."""

    def __init__(self, cluster: "SimCluster", client_id: int) -> None:
        self.cluster, self.client_id = cluster, client_id
        self.name = f"client-{client_id}"
        self.request = 0
        self.answered = 0
        self.stopped = False
        self._target = cluster.names[0]
        self._attempt = 0
        self._commands = b""
        self._identities: tuple[int, ...] = ()
        self._answered_at = 0

    def begin(self) -> None:
        """Ask the next request."""
        if self.stopped:
            return
        self.request += 1
        rng = self.cluster.world.rng
        count = rng.randint(1, 3)
        commands = np.zeros(count, COMMAND)
        self._identities = tuple(self.client_id * 1_000_000 + self.request * 10 + i for i in range(count))
        commands["price"], commands["qty"], commands["account"] = self._identities, 100, self.client_id
        commands["kind"] = [rng.choice((1, 1, 2)) for _ in range(count)]
        self._commands = commands.tobytes()
        self._ask()

    def resume(self, target: str) -> None:
        """Ask again, at that replica first."""
        self.stopped, self._target = False, target
        self.begin()

    def _ask(self) -> None:
        self._attempt += 1
        attempt, request, world = self._attempt, self.request, self.cluster.world
        node, commands = self.cluster.nodes[self._target], self._commands

        def answer(outcome: Outcome) -> None:
            self.cluster.network.send(node.name, self.name, lambda: self._on_outcome(request, attempt, outcome))

        self.cluster.network.send(
            self.name,
            node.name,
            lambda: node.receive(lambda engine: engine.submit(self.client_id, request, commands, answer)),
        )
        world.after(world.rng.randint(150, 400) * MS, lambda: self._on_time(attempt))

    def _on_time(self, attempt: int) -> None:
        if attempt == self._attempt and self._answered_at < self.request:
            self._target = self.cluster.world.rng.choice(self.cluster.names)
            self._ask()

    def _on_outcome(self, request: int, attempt: int, outcome: Outcome) -> None:
        if isinstance(outcome, Answered):
            reply = decode_answer(outcome.data, np.zeros(0, bool))
            self.cluster.checker.acknowledge(self.client_id, request, reply.index, self._identities_of(request, reply))
            if request == self.request and self._answered_at < request:
                self._answered_at = request
                self.answered += 1
                self.cluster.world.after(self.cluster.world.rng.randint(1, 40) * MS, self.begin)
        elif outcome.refusal is Refusal.NOT_LEADER and outcome.leader and attempt == self._attempt:
            self._target = outcome.leader
            self.cluster.world.after(10 * MS, lambda: self._redirected(attempt))

    def _redirected(self, attempt: int) -> None:
        if attempt == self._attempt and self._answered_at < self.request:
            self._ask()

    def _identities_of(self, request: int, reply: object) -> tuple[int, ...]:
        if request == self.request:
            return self._identities
        return self.cluster.checker.acknowledged.get((self.client_id, request), (0, ()))[1]


class SimCluster:
    """Three replicas, their network and clients. `lying_disks`: syncing a journal does nothing, which the checker must
    notice."""

    def __init__(self, seed: int, clients: int = 3, lying_disks: bool = False) -> None:
        self.world = World(seed)
        self.network = SimNetwork(self.world)
        self.checker = ShardChecker()
        self.lying_disks = lying_disks
        self.message_entries = self.world.rng.choice((1, 3, 256))
        self.names = ["SZ-A", "SZ-B", "WH-A"]
        self.crashes = self.rebuilt = 0
        self.nodes = {name: SimNode(self, name) for name in self.names}
        self.clients = [SimClient(self, number) for number in range(1, clients + 1)]

    def start(self) -> None:
        """Switch everything on."""
        for node in self.nodes.values():
            node.start()
        for client in self.clients:
            client.begin()

    def read(self, name: str) -> None:
        """A read under the lease at one replica, if it is willing."""
        node, before = self.nodes[name], self.checker.newest_acknowledged

        def answer(outcome: Outcome) -> None:
            if isinstance(outcome, Answered):
                self.checker.read(name, int.from_bytes(outcome.data, "little"), before)

        node.receive(lambda engine: engine.query(lambda state: state.index.to_bytes(8, "little"), answer))

    def agrees(self) -> bool:
        """All replicas are up and have executed the same entries, which are all there are."""
        engines = [node.engine for node in self.nodes.values()]
        if any(e is None or e.failure is not None for e in engines):
            return False
        ends = {(e.applied, e.raft.log.last_index, e.raft.term, bool(e.raft.repair_until)) for e in engines if e}
        return len(ends) == 1 and all(e.state.index == e.applied == e.raft.log.last_index for e in engines if e)
