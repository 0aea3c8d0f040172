"""The life of nodes on an invented clock: starts, health checks, crashes, memory limits, and faults without a trace."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading_sim.faults.catalogue import KINDS, FaultError
from trading_sim.nodes.centre import Centre
from trading_sim.protocol import topology_file

TOPOLOGY = topology_file.load(scale=0.05)
NODE_KINDS = [name for name, kind in KINDS.items() if kind.scope == "node"]
COLUMNS = ("in_rotation", "answering", "hung", "service_s", "version_errors", "fault_errors", "delay_s", "jitter_s",
           "cpu_taken", "workers_lost", "leak", "workers", "timeout_s", "queue_limit_s")  # fmt: skip


class World:
    """A centre whose time only passes when told."""

    def __init__(self, state):
        self.now = 5000.0
        self.hooks = []
        clock = lambda: self.now  # noqa: E731
        self.centre = Centre(
            TOPOLOGY, "SZ-A", state, {}, monotonic=clock, wall=clock,
            process_hook=lambda node, what, seconds: self.hooks.append((node.name, what)),
        )  # fmt: skip
        self.life, self.arrays = self.centre.life, self.centre.arrays
        self.pass_time(3)

    def pass_time(self, seconds: float, step: float = 0.25) -> None:
        for _ in range(round(seconds / step)):
            self.now += step
            self.centre.tick()

    def calm(self) -> None:
        for lease in list(self.life.leases.faults):
            self.centre.clear(lease)
        self.pass_time(130, step=1.0)

    def node(self, name: str):
        return self.life.by_name[name]

    def state(self, name: str) -> str:
        return self.node(name).state(self.now)

    def rotation(self, service: str) -> list[str]:
        return [self.arrays.names[i] for i in self.arrays.rotation(self.arrays.service_index[service])]

    def columns(self) -> dict[str, list]:
        return {name: getattr(self.arrays, name).tolist() for name in COLUMNS}

    def inject(self, kind: str, names: list[str], lease_s: float = 60.0, **params) -> str:
        return self.life.inject(kind, params, lease_s, "test", names, None).lease


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    return tmp_path_factory.mktemp("lifecycle")


@pytest.fixture
def world(state):
    found = World(state)
    yield found
    found.calm()


NODES = ["quote-push-sza-001", "quote-push-sza-002"]


def test_balancers_find_an_unannounced_death_after_a_moment_and_a_drain_at_once(world):
    world.inject("kill", NODES[:1])
    assert world.state(NODES[0]) == "down" and NODES[0] in world.rotation("quote-push")
    world.pass_time(1.5)
    assert NODES[0] not in world.rotation("quote-push")
    world.life.drain(world.node(NODES[1]), True, "test")
    assert NODES[1] not in world.rotation("quote-push") and world.state(NODES[1]) == "draining"
    world.pass_time(1.25)
    assert world.state(NODES[1]) == "drained"
    world.life.drain(world.node(NODES[1]), False, "test")
    assert NODES[1] in world.rotation("quote-push")


def test_a_restart_takes_its_time_and_counts_from_zero(world):
    node = world.node(NODES[0])
    world.arrays.requests[node.index] = 7
    before = node.started_at
    world.life.restart(node, "test")
    assert world.state(NODES[0]) == "starting" and NODES[0] not in world.rotation("quote-push")
    assert world.arrays.requests[node.index] == 0
    world.pass_time(2.25)
    assert world.state(NODES[0]) == "up" and node.started_at > before and NODES[0] in world.rotation("quote-push")


def test_a_slow_start_is_slow(world):
    world.inject("slow-start", NODES[:1], seconds=20)
    world.life.restart(world.node(NODES[0]), "test")
    world.pass_time(19)
    assert world.state(NODES[0]) == "starting"
    world.pass_time(4)
    assert world.state(NODES[0]) == "up"


def test_a_crash_loop_crashes_until_its_lease_ends(world):
    starts = world.node(NODES[0]).starts
    world.inject("crash-loop", NODES[:1], lease_s=20, period_s=4)
    world.pass_time(20)
    assert world.node(NODES[0]).starts - starts >= 4
    world.pass_time(5)
    calm = world.node(NODES[0]).starts
    world.pass_time(20)
    assert world.node(NODES[0]).starts == calm and world.state(NODES[0]) == "up"


def test_a_leak_ends_in_a_kill_at_the_memory_limit_and_a_fresh_start(world):
    node = world.node(NODES[0])
    world.inject("leak", NODES[:1], mb_per_s=400)
    world.pass_time(5)
    assert "out of memory" in "".join(node.store.read_log(-4096, 50)["lines"])
    assert world.arrays.memory[node.index] < world.arrays.memory_limit[node.index]


def test_what_happens_to_a_node_is_passed_on_to_a_process_behind_it(world):
    world.hooks.clear()
    lease = world.inject("pause", ["matching-sza-001"])
    world.centre.clear(lease)
    world.inject("kill", ["matching-sza-001"], lease_s=1)
    world.pass_time(1.5)
    whole = world.centre.inject({"kind": "centre-loss", "params": {}, "lease_s": 5, "owner": "test"})
    assert world.centre.lost and world.centre.links.cut
    world.centre.clear(whole.lease)
    assert not world.centre.links.cut
    told = [what for name, what in world.hooks if name == "matching-sza-001"]
    assert told == ["pause", "resume", "kill", "resume", "kill", "resume"]


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_whatever_is_injected_leaves_no_trace_when_it_has_ended(state, data):
    world = World(state)
    world.calm()
    before = world.columns()
    leases = []
    for kind in data.draw(st.lists(st.sampled_from(NODE_KINDS), min_size=1, max_size=5)):
        lease_s = data.draw(st.floats(0.5, 8))
        leases.append(world.inject(kind, data.draw(st.sampled_from([NODES, NODES[:1], NODES[1:]])), lease_s))
        world.pass_time(data.draw(st.sampled_from([0, 0.5, 2])))
    for lease in data.draw(st.permutations(leases))[: data.draw(st.integers(0, len(leases)))]:
        world.centre.clear(lease)
    world.pass_time(130, step=1.0)
    assert world.life.leases.faults == {}
    assert world.columns() == before
    assert {world.state(name) for name in NODES} == {"up"}


def test_a_fault_on_what_is_not_there_is_refused(world):
    for body in (
        {"kind": "kill", "nodes": ["nobody"]},
        {"kind": "kill", "service": "nothing"},
        {"kind": "kill", "service": "session", "fraction": 2},
        {"kind": "kill"},
    ):
        with pytest.raises(FaultError):
            world.centre.inject(body | {"params": {}, "lease_s": 5, "owner": "test"})
    with pytest.raises(FaultError, match="fault of a centre"):
        world.inject("centre-loss", NODES)


def test_a_killed_centre_finishes_what_its_journal_had_begun(state):
    world = World(state)
    node = world.node("session-sza-001")
    node.journal.begin("half-drain", "drain", 3, world.now, {"reason": "test"})
    node.journal.begin("half-stage", "stage", 3, world.now, {"version": "1.1.0"})
    with node.journal.path.open("ab") as file:
        file.write(b'{"key": "torn')
    again = World(state).node("session-sza-001")
    assert again.drained and again.journal.epoch == 3
    assert again.journal.actions["half-drain"].times_executed == 1
    assert "half-stage" not in again.journal.actions, "nothing was unpacked: the key is free"
    assert np.isfinite(world.arrays.rate).all()
