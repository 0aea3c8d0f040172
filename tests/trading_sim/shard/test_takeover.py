"""When both Shenzhen centres are gone for good, the remote replica goes on: deliberately, fenced, with the loss stated."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests

from tests.polling import eventually
from tests.trading_sim.shard.shard_processes import ShardProcesses
from trading_sim import cli
from trading_sim.protocol.records import COMMAND
from trading_sim.shard.client import ShardClient
from trading_sim.shard.commands import stated_loss
from trading_sim.shard.hardstate import HardState, load_hard_state, save_hard_state
from trading_sim.shard.raft import Role
from trading_sim.shard.takeover import TakeoverRefused
from trading_sim.sim.disk import SimFiles
from trading_sim.sim.shard_cluster import SimCluster
from trading_sim.sim.world import MS

REMOTE, LOST = "WH-A", ("SZ-A", "SZ-B")


def gone_for_good(cluster: SimCluster) -> None:
    """Both other machines never start again."""
    for name in LOST:
        node = cluster.nodes[name]
        node.engine = None
        node.life += 1
        node.start = lambda: None  # type: ignore[method-assign]


@pytest.mark.parametrize("seed", range(8))
def test_the_remote_replica_goes_on_and_states_what_is_lost(seed: int) -> None:
    cluster = SimCluster(seed)
    cluster.network.delay_ns = (1 + seed % 3 * 10) * MS
    cluster.start()
    cluster.world.run_until(cluster.world.now_ns + 3_000 * MS)
    remote = cluster.nodes[REMOTE].engine
    with pytest.raises(TakeoverRefused, match="leads|may be reachable"):
        remote.take_over()
    gone_for_good(cluster)
    acknowledged = cluster.checker.newest_acknowledged
    cluster.world.run_until(cluster.world.now_ns + 4_000 * MS)
    with pytest.raises(TakeoverRefused, match="may be reachable"):
        remote.take_over()
    cluster.world.run_until(cluster.world.now_ns + 2_000 * MS)
    stated = remote.take_over()
    lost = max(0, cluster.checker.newest_acknowledged - stated["last_durable_index"])
    assert stated["commit_known"] <= stated["last_durable_index"] <= stated["announced_index"]
    assert stated["announced_index"] >= acknowledged - 64 or lost == 0
    before = {client: client.answered for client in cluster.clients}
    # What is lost may be answered anew, as other entries: the checker would call that a broken promise, and here it is the stated loss.
    cluster.checker.committed = {
        i: d for i, d in cluster.checker.committed.items() if i <= stated["last_durable_index"]
    }
    cluster.checker.hashes = {i: d for i, d in cluster.checker.hashes.items() if i <= stated["last_durable_index"]}
    cluster.checker.acknowledged = {
        key: value for key, value in cluster.checker.acknowledged.items() if value[0] <= stated["last_durable_index"]
    }
    cluster.world.run_until(cluster.world.now_ns + 5_000 * MS)
    assert remote.raft.role is Role.LEADER
    assert all(client.answered > before[client] for client in cluster.clients)
    cluster.checker.settled([remote])


def test_a_replica_that_comes_back_must_follow() -> None:
    """Fenced: the term has leapt, so nobody who held the old one can lead again."""
    cluster = SimCluster(5)
    cluster.start()
    cluster.world.run_until(cluster.world.now_ns + 2_000 * MS)
    back = cluster.nodes["SZ-B"]
    start = back.start
    gone_for_good(cluster)
    cluster.world.run_until(cluster.world.now_ns + 6_000 * MS)
    remote = cluster.nodes[REMOTE].engine
    remote.take_over()
    cluster.checker.committed.clear()
    cluster.checker.hashes.clear()
    cluster.world.run_until(cluster.world.now_ns + 3_000 * MS)
    start()
    cluster.world.run_until(cluster.world.now_ns + 3_000 * MS)
    assert remote.raft.role is Role.LEADER
    assert back.engine is None or back.engine.raft.role is not Role.LEADER
    assert back.engine is None or back.engine.raft.term == remote.raft.term


def test_the_decision_outlives_the_process() -> None:
    files = SimFiles(random.Random(1))
    files.makedirs("/r")
    save_hard_state(files, "/r", HardState(7, "WH-A", 0, 41))
    assert load_hard_state(files, "/r") == HardState(7, "WH-A", 0, 41)


@pytest.fixture
def shard(tmp_path: Path) -> Iterator[ShardProcesses]:
    processes = ShardProcesses(tmp_path)
    try:
        processes.start_all()
        yield processes
    finally:
        processes.stop()


def submit(client: ShardClient, request: int) -> int:
    commands = np.zeros(2, COMMAND)
    commands["kind"], commands["qty"], commands["price"] = 1, 100, request * 10 + np.arange(2)
    return client.submit(commands, request).index


def test_on_real_processes(shard: ShardProcesses, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    endpoints = tmp_path / "endpoints.json"
    places = {name: {"address": shard.addresses[name], "http": f"http://{shard.http[name]}"} for name in shard.http}
    endpoints.write_text(json.dumps({"shards": {"0": places}}))
    asked = ["shard", "takeover", "--endpoints", str(endpoints), "--centre", REMOTE, "--confirm", REMOTE]
    asked += ["--owner", "operator", "--reason", "both centres burnt down", "--json"]
    with ShardClient(list(shard.addresses.values()), 3, timeout_s=20.0) as client:
        acknowledged = [submit(client, request) for request in range(1, 11)]
        assert cli.main(asked) == 1, "a majority is there"
        assert "reachable" in capsys.readouterr().out or shard.leader() == REMOTE
        wrong = requests.post(
            f"http://{shard.http[REMOTE]}/takeover", json={"confirm": "SZ-A", "owner": "x", "reason": "y"}, timeout=5
        )
        assert wrong.status_code == 400
        eventually(lambda: all((shard.directory / name).is_dir() for name in LOST), "both have journals to lose")
        for name in LOST:
            shard.kill(name)
        began = time.monotonic()
        lost = [str(shard.directory / name) for name in LOST]
        asked += ["--acknowledged", str(acknowledged[-1]), "--lost-journals", lost[0], "--lost-journals", lost[1]]
        eventually(lambda: cli.main(asked) == 0, "the remote replica to take over", timeout_s=30.0)
        (told,) = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
        index = submit(client, 11)
        assert time.monotonic() - began < 300
        assert told["last_durable_index"] >= acknowledged[-1] - told["lost_entries"]
        assert told["lost_entries"] <= told["lost_entries_at_most"] or told["lost_entries"] == 0
        assert index > told["last_durable_index"]
        shard.kill(REMOTE)
        shard.start(REMOTE)
        assert submit(client, 12) > index, "the decision outlives the process"
        assert shard.status(REMOTE)["alone_since"] == told["last_durable_index"]


def test_a_loss_that_nobody_knows_is_not_called_none(tmp_path: Path) -> None:
    assert stated_loss(10, None, []) == {"lost_entries": None, "lost_entries_at_most": None}
    assert stated_loss(10, 12, []) == {"lost_entries": 2, "lost_entries_at_most": 2}
    assert stated_loss(10, 7, []) == {"lost_entries": 0, "lost_entries_at_most": 0}


def test_a_folder_without_a_journal_is_refused_before_anything_is_taken_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = tmp_path / "nowhere"
    asked = ["shard", "takeover", "--endpoints", str(tmp_path / "none.json"), "--centre", REMOTE, "--confirm", REMOTE]
    asked += ["--owner", "operator", "--reason", "burnt down", "--lost-journals", str(nowhere)]
    assert cli.main(asked) == 2
    assert f"{nowhere} is not the directory of a replica" in capsys.readouterr().err
