"""The planned switch: a named replica leads, nobody who was accepted goes unanswered, and who is not fit to lead is refused."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import requests

from tests.polling import eventually
from tests.trading_sim.shard.shard_processes import NAMES, ShardProcesses
from tests.trading_sim.shard.test_raft import TIMING, leader, save, sent
from trading_sim import cli
from trading_sim.protocol.records import COMMAND
from trading_sim.shard.client import ShardClient
from trading_sim.shard.handover import HandOverRefused
from trading_sim.shard.messages import AppendReply, TakeOver
from trading_sim.shard.outcomes import Refusal, Refused
from trading_sim.shard.raft import MS, Raft, Role
from trading_sim.sim.shard_cluster import SimCluster
from trading_sim.sim.shard_schedules import run_schedule

PATIENCE = 1_000 * MS


def proposed() -> tuple[Raft, int]:
    """A leader with one entry on its own disk only."""
    raft, now = leader()
    raft.propose(raft.make_noop(0, 1, 1))
    raft.replicate(now)
    save(raft, now)
    raft.messages.clear()
    return raft, now


def test_the_heir_is_asked_when_it_holds_everything_and_all_is_committed() -> None:
    raft, now = proposed()
    raft.hand_to("B", now, PATIENCE)
    assert raft.handing_over
    assert not sent(raft, TakeOver)
    raft.step("C", AppendReply(raft.term, True, 1, 0, now, 0, 0), now)
    assert not sent(raft, TakeOver), "committed, but not on the heir's disk"
    raft.step("B", AppendReply(raft.term, True, 1, 0, now, 0, 0), now)
    assert [peer for peer, _, _ in sent(raft, TakeOver)] == ["B"]
    assert not raft.lease_valid(now)
    raft.tick(now + TIMING.heartbeat)
    assert [peer for peer, _, _ in sent(raft, TakeOver)] == ["B"], "the network may have lost the first one"


def test_a_leader_whose_heir_does_not_catch_up_leads_on() -> None:
    raft, now = proposed()
    raft.hand_to("B", now, PATIENCE)
    later = now + PATIENCE + TIMING.heartbeat
    raft.step("C", AppendReply(raft.term, True, 1, 0, later, 0, 0), later)
    raft.tick(later)
    assert raft.role is Role.LEADER
    assert not raft.handing_over
    assert raft.lease_valid(later), "nobody was asked to take over, so the lease holds"


def settled(seed: int) -> tuple[SimCluster, str]:
    cluster = SimCluster(seed)
    cluster.network.delay_ns = (1 + seed % 3 * 4) * MS
    cluster.start()
    cluster.world.run_until(cluster.world.now_ns + 2_500 * MS)
    return cluster, led_by(cluster)


def led_by(cluster: SimCluster) -> str:
    (name,) = [name for name, node in cluster.nodes.items() if node.engine and node.engine.raft.role is Role.LEADER]
    return name


@pytest.mark.parametrize("seed", range(4))
def test_orders_flow_on_under_the_heir_and_nothing_is_lost(seed: int) -> None:
    cluster, first = settled(seed)
    for heir in [name for name in cluster.names if name != first] + [first]:
        engine = cluster.nodes[led_by(cluster)].engine
        term, elections = engine.raft.term, cluster.nodes[heir].engine.raft.elections_started
        answered = {client: client.answered for client in cluster.clients}
        assert engine.hand_over_to(heir, term)["to"] == heir
        cluster.world.run_until(cluster.world.now_ns + 150 * MS)
        assert led_by(cluster) == heir
        raft = cluster.nodes[heir].engine.raft
        assert (raft.term, raft.elections_started) == (term + 1, elections + 1), "one election, which nobody disputed"
        cluster.world.run_until(cluster.world.now_ns + 600 * MS)
        assert all(client.answered > answered[client] for client in cluster.clients)
    for client in cluster.clients:
        client.stopped = True
    cluster.world.run_until(cluster.world.now_ns + 500 * MS)
    assert cluster.world.run_until(cluster.world.now_ns + 5_000 * MS, cluster.agrees)
    cluster.checker.settled([node.engine for node in cluster.nodes.values()])


def test_while_it_is_handed_over_nothing_new_is_taken_on() -> None:
    cluster, first = settled(1)
    heir = next(name for name in cluster.names if name != first)
    engine = cluster.nodes[first].engine
    engine.hand_over_to(heir)
    told: list[object] = []
    engine.submit(99, 1, np.zeros(1, COMMAND).tobytes(), told.append)
    assert isinstance(told[0], Refused)
    assert told[0].refusal is Refusal.BUSY


def refused(cluster: SimCluster, name: str, heir: str, term: int | None = None) -> str:
    with pytest.raises(HandOverRefused) as caught:
        cluster.nodes[name].engine.hand_over_to(heir, term)
    return str(caught.value)


def test_who_is_not_fit_to_lead_is_refused_with_the_reason() -> None:
    cluster, first = settled(2)
    second, third = [name for name in cluster.names if name != first]
    assert "does not lead" in refused(cluster, second, third)
    assert "leads already" in refused(cluster, first, first)
    assert "no member" in refused(cluster, first, "XX-Z")
    assert "the lead has moved since" in refused(cluster, first, second, term=1_000)
    engine = cluster.nodes[first].engine
    progress = engine.raft.progress[second]
    progress.repairing = True
    assert "under repair" in refused(cluster, first, second)
    progress.repairing, progress.snapshot_index = False, 7
    assert "snapshot of entry 7" in refused(cluster, first, second)
    progress.snapshot_index, match = 0, progress.match
    progress.match = -3_000
    assert "entries behind" in refused(cluster, first, second)
    progress.match = match
    engine.hashes.mismatches[third] = 1
    assert "states differ" in refused(cluster, first, second)
    engine.hashes.mismatches.clear()
    cluster.network.cut.update([(second, first), (first, second)])
    cluster.world.run_until(cluster.world.now_ns + 700 * MS)
    assert "has not been heard" in refused(cluster, first, second)
    cluster.network.cut.update([(third, first), (first, third)])
    cluster.world.run_until(cluster.world.now_ns + 260 * MS)
    assert "no majority" in refused(cluster, first, second)
    assert led_by(cluster) == first, "what is refused changes nothing"


def test_no_schedule_of_hand_overs_breaks_a_promise() -> None:
    results = [run_schedule(seed, hand_overs=True) for seed in range(1, 17)]
    assert sum(result.handed_over for result in results) > len(results)
    assert sum(result.acknowledged for result in results) > 20 * len(results)


@pytest.fixture
def shard(tmp_path: Path) -> Iterator[ShardProcesses]:
    processes = ShardProcesses(tmp_path)
    try:
        processes.start_all()
        yield processes
    finally:
        processes.stop()


class Flow(threading.Thread):
    """Submits one request after the other until told to stop; remembers every entry it was told of, and the longest wait."""

    def __init__(self, addresses: list[str]) -> None:
        super().__init__(daemon=True)
        self.client_timeout_s = 20.0
        self.client = ShardClient(addresses, 3, timeout_s=self.client_timeout_s)
        self.indexes: list[int] = []
        self.longest_s = 0.0
        self.over = threading.Event()

    def run(self) -> None:
        commands = np.zeros(2, COMMAND)
        commands["kind"], commands["qty"] = 1, 100
        with self.client:
            while not self.over.is_set():
                began, request = time.monotonic(), len(self.indexes) + 1
                commands["price"] = request * 10 + np.arange(2)
                self.indexes.append(self.client.submit(commands, request).index)
                self.longest_s = max(self.longest_s, time.monotonic() - began)

    def __enter__(self) -> Flow:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.over.set()
        self.join(self.client_timeout_s + 5)

    def answered(self, more: int) -> None:
        """Wait until so many more requests are answered."""
        wanted = len(self.indexes) + more
        while len(self.indexes) < wanted and self.is_alive():
            self.join(0.005)
        assert len(self.indexes) >= wanted


def handed(attempt: Callable[[], dict[str, object]]) -> None:
    """The lead is handed over; a heir that the busy machine kept from speaking for a moment is asked for again, as people would."""

    def done() -> bool:
        told = attempt()
        assert "detail" not in told or "has not been heard" in str(told["detail"]), told
        return "detail" not in told

    eventually(done, "the heir is heard and takes over", 30)


def ask(shard: ShardProcesses, name: str, **body: object) -> requests.Response:
    given = {"owner": "operator", "reason": "maintenance"} | body
    return requests.post(f"http://{shard.http[name]}/handover", json=given, timeout=5)


def test_on_real_processes_under_flow(
    shard: ShardProcesses, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {name: {"address": shard.addresses[name], "http": f"http://{shard.http[name]}"} for name in NAMES}
    (tmp_path / "endpoints.json").write_text(json.dumps({"shards": {"0": places}}))
    first = shard.leader()
    heir, third = [name for name in NAMES if name != first]
    assert ask(shard, first, to=7).status_code == 400
    assert ask(shard, heir, to=third).json()["error"] == "refused"
    with Flow(list(shard.addresses.values())) as flow:
        flow.answered(20)
        term = shard.status(first)["term"]
        handed(lambda: ask(shard, first, to=heir, term=term).json())
        assert shard.leader(other_than=first) == heir
        flow.answered(20)
        back = [
            "shard",
            "handover",
            "--endpoints",
            str(tmp_path / "endpoints.json"),
            "--to",
            first,
            "--owner",
            "operator",
        ]
        back += ["--reason", "and back again"]
        handed(lambda: {} if cli.main(back) == 0 else {"detail": "".join(capsys.readouterr())})
        assert f"{heir} handed over to {first}" in capsys.readouterr().out
        flow.answered(20)
    assert shard.leader() == first
    assert flow.indexes == sorted(set(flow.indexes)), "every request became one entry of its own"
    shard.agree()
