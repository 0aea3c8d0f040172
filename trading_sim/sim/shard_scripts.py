"""Rare courses of events that chance alone hardly ever finds, led there step by step; the details are drawn from the seed.

A script is a generator: it yields what it waits for, a condition or a number of milliseconds, and is asked again every millisecond of
simulated time. A step that does not come in time ends the script: the schedule goes on without it.
"""

from collections.abc import Callable, Generator

from trading_sim.shard.raft import Role
from trading_sim.sim.shard_cluster import SimCluster, SimNode
from trading_sim.sim.world import MS

Wait = Callable[[], bool] | int
Script = Callable[["Director"], Generator[Wait, None, None]]
PATIENCE_MS = 3_000


class Director:
    """Leads one cluster through a script. `finished` is True when the script came to its end."""

    def __init__(self, cluster: SimCluster, script: Script) -> None:
        self.cluster, self.world, self.rng = cluster, cluster.world, cluster.world.rng
        self.finished = False
        self._steps = script(self)
        self._until = 0
        self._wait: Wait = 0

    def begin(self) -> None:
        """Take the first step."""
        self._next()

    def _next(self) -> None:
        try:
            self._wait = next(self._steps)
        except StopIteration:
            self.finished = True
            return
        limit = self._wait if isinstance(self._wait, int) else PATIENCE_MS
        self._until = self.world.now_ns + limit * MS
        self.world.after(MS, self._look)

    def _look(self) -> None:
        if not isinstance(self._wait, int) and self._wait():
            self._next()
        elif self.world.now_ns < self._until:
            self.world.after(MS, self._look)
        elif isinstance(self._wait, int):
            self._next()
        else:
            self._steps.close()

    # What scripts do

    def node(self, name: str) -> SimNode:
        return self.cluster.nodes[name]

    def leads(self, name: str) -> bool:
        engine = self.node(name).engine
        return engine is not None and engine.raft.role is Role.LEADER

    def leader(self, among: list[str] | None = None) -> str:
        """Some replica that leads, "" when none does."""
        return next((name for name in among or self.cluster.names if self.leads(name)), "")

    def others(self, *names: str) -> list[str]:
        found = [name for name in self.cluster.names if name not in names]
        self.rng.shuffle(found)
        return found

    def silence(self) -> None:
        """Clients ask nothing more for now."""
        for client in self.cluster.clients:
            client.stopped = True

    def resume(self, target: str) -> None:
        """Clients ask again, that replica first."""
        for client in self.cluster.clients:
            client.resume(target)

    def cut(self, one: str, *others: str) -> None:
        """Nothing passes between `one` and the others."""
        self.world.note(f"{one} is cut off from {', '.join(others)}")
        for other in others:
            self.cluster.network.cut.update(((one, other), (other, one)))

    def heal(self, one: str, *others: str) -> None:
        for other in others:
            self.cluster.network.cut.difference_update(((one, other), (other, one)))


def settled_leader(director: Director) -> Generator[Wait, None, str]:
    """Wait until somebody leads and has answered clients."""
    yield lambda: bool(director.leader()) and director.cluster.checker.newest_acknowledged > 3
    return director.leader()


def entry_of_an_earlier_term(director: Director) -> Generator[Wait, None, None]:
    """Raft's figure 8: an entry of an old term reaches a majority under a new leader, which is lost before an entry of its own does;
    then a member with a later last term may lead and void it, so nobody may have been told that it is done."""
    first = yield from settled_leader(director)
    second, third = director.others(first)
    director.cluster.network.delay_ns = director.rng.choice((1, 5, 20)) * MS
    director.cut(first, second, third)
    before = director.node(first).engine
    held = before.raft.log.last_index if before is not None else 0
    yield lambda: _last(director, first) > held and director.leads(first)  # entries that only the first one has
    yield lambda: bool(director.leader([second, third]))
    second = director.leader([second, third])
    (third,) = director.others(first, second)
    director.cut(second, third)
    opening = _last(director, second)
    yield lambda: _stable(director, second) >= opening or not director.leads(second)
    director.node(second).crash(power=False, down_ms=PATIENCE_MS)
    director.heal(first, third)
    yield lambda: director.leads(first)
    engine = director.node(first).engine
    old = _last(director, first) - 1  # before its opening entry: all of earlier terms
    yield lambda: engine is None or third not in engine.raft.progress or engine.raft.progress[third].match > held
    if director.rng.random() < 0.8:
        yield lambda: _stable(director, third) > old or director.rng.random() < 0.5
    director.cut(first, third)
    director.node(first).crash(power=False, down_ms=PATIENCE_MS)
    director.heal(second, third, first)
    director.node(second).start()
    yield lambda: director.leads(second) or director.leads(third)


def two_leaders_under_one_lease(director: Director) -> Generator[Wait, None, None]:
    """A leader is cut off from one member, which campaigns with the vote of the other, who still hears the leader: that vote must be
    refused, for the leader's lease rests on it. Overlapping cuts: first one link, then another, never all."""
    old = yield from settled_leader(director)
    voter, rival = director.others(old)
    director.silence()
    yield 60
    try:
        director.cut(old, rival)
        yield lambda: _role(director, rival) is Role.CANDIDATE or director.leads(rival)
        director.cut(old, voter)
        yield lambda: director.leads(rival)
    finally:
        director.resume(rival)
    yield from reads_at(director, old)


def leader_that_does_not_know(director: Director) -> Generator[Wait, None, None]:
    """A leader is cut off from both members while nothing is asked of it; they elect another, which executes more. The old one must not
    answer reads from what it holds once its lease has ended."""
    old = yield from settled_leader(director)
    director.silence()
    yield 60
    try:
        director.cut(old, *director.others(old))
        yield lambda: bool(director.leader(director.others(old)))
    finally:
        director.resume(director.leader(director.others(old)) or old)
    yield from reads_at(director, old)
    director.heal(old, *director.others(old))


def reads_at(director: Director, name: str) -> Generator[Wait, None, None]:
    """Reads at one replica for some 200 ms."""
    for _ in range(60):
        director.cluster.read(name)
        yield director.rng.randint(1, 6)


def forgotten_vote(director: Director) -> Generator[Wait, None, None]:
    """Two candidates of the same term; the third member votes for one, loses power, comes back, and only now hears the other: what it
    no longer remembers it must have written down."""
    yield from settled_leader(director)
    one, other = director.others(director.rng.choice(director.cluster.names))
    (voter,) = director.others(one, other)
    for name in director.cluster.names:
        director.node(name).crash(power=True, down_ms=5)
    director.cut(one, other)
    yield 10
    network = director.cluster.network
    for name in (one, other):
        director.node(name).paused_until = director.world.now_ns + 700 * MS
    yield 700
    yield lambda: _role(director, one) is Role.CANDIDATE or _role(director, other) is Role.CANDIDATE
    late = other if _role(director, one) is Role.CANDIDATE else one
    prompt = one if late == other else other
    network.slow_ns[late, voter] = director.rng.randint(310, 420) * MS
    yield lambda: director.leads(prompt)
    director.cut(prompt, voter)
    director.node(voter).crash(power=True, down_ms=1)
    yield 600
    network.slow_ns.clear()


SCRIPTS: tuple[Script, ...] = (
    entry_of_an_earlier_term,
    two_leaders_under_one_lease,
    forgotten_vote,
    leader_that_does_not_know,
)


def _last(director: Director, name: str) -> int:
    engine = director.node(name).engine
    return engine.raft.log.last_index if engine is not None else 0


def _stable(director: Director, name: str) -> int:
    engine = director.node(name).engine
    return engine.raft.stable if engine is not None else 0


def _role(director: Director, name: str) -> Role | None:
    engine = director.node(name).engine
    return engine.raft.role if engine is not None else None
