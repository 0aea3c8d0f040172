"""One shard of three real processes under every fault that a replica can be told to suffer, and under rude callers."""

from __future__ import annotations

import asyncio
import signal
import socket
import struct
from collections.abc import Iterator

import numpy as np
import pytest
import requests

from tests.polling import eventually
from tests.trading_sim.shard.shard_processes import NAMES, ShardProcesses
from trading_sim.protocol.frames import Frames
from trading_sim.protocol.records import COMMAND
from trading_sim.shard import wire
from trading_sim.shard.async_client import AsyncShardClient
from trading_sim.shard.client import ShardClient, ShardRejected, ShardUnavailable
from trading_sim.shard.outcomes import Refusal

CLIENT = 7


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShardProcesses]:
    processes = ShardProcesses(tmp_path_factory.mktemp("shard"))
    try:
        processes.start_all()
        yield processes
    finally:
        processes.stop()


@pytest.fixture
def shard(cluster: ShardProcesses) -> Iterator[ShardProcesses]:
    """The shard, all replicas up and without faults before each test."""
    for name in NAMES:
        for fault in cluster.status(name).get("faults", []):
            requests.delete(f"http://{cluster.http[name]}/faults/{fault['lease']}", timeout=5)
    cluster.start_all()
    cluster.agree()
    yield cluster


@pytest.fixture
def client(shard: ShardProcesses) -> Iterator[ShardClient]:
    with ShardClient(list(shard.addresses.values()), CLIENT, timeout_s=10.0) as client:
        yield client


class Requests:
    """Numbers and identities that rise through the whole module."""

    number = 0

    @classmethod
    def batch(cls, size: int = 3) -> tuple[np.ndarray, int]:
        cls.number += 1
        commands = np.zeros(size, COMMAND)
        commands["kind"], commands["qty"] = 1, 100
        commands["price"] = np.arange(size) + cls.number * 1_000_000
        return commands, cls.number


def metric(shard: ShardProcesses, replica: str, name: str) -> float:
    page = requests.get(f"http://{shard.http[replica]}/metrics", timeout=5).text
    return float(next(line.split()[-1] for line in page.splitlines() if line.startswith(f"{name} ")))


def test_a_reply_tells_order_ids_events_and_refusals(client: ShardClient) -> None:
    commands, request = Requests.batch(4)
    commands["kind"][1], commands["order_id"][1] = 2, 77
    commands["qty"][2] = 0
    reply = client.submit(commands, request)
    first = reply.first_order_id
    assert reply.order_ids.tolist() == [first, 77, first + 1, first + 2]
    assert reply.events["order_id"].tolist() == [first, 77, first + 2]
    assert reply.rejects["order_id"].tolist() == [first + 1]
    assert reply.events["seq"].tolist() == [reply.seq, reply.seq + 1, reply.seq + 3]


def test_asking_again_gives_the_same_answer_and_executes_nothing(shard: ShardProcesses, client: ShardClient) -> None:
    commands, request = Requests.batch()
    first = client.submit(commands, request)
    before = client.query_account(1)["executed"]
    second = client.submit(commands, request)
    assert (second.index, second.events.tobytes()) == (first.index, first.events.tobytes())
    assert client.query_account(1)["executed"] == before


def test_what_can_never_be_executed_is_refused_for_good(client: ShardClient) -> None:
    _, request = Requests.batch()
    with pytest.raises(ShardRejected) as caught:
        client.submit(np.zeros(0, COMMAND), request)
    assert caught.value.refusal is Refusal.BAD_REQUEST


def test_many_requests_at_the_same_time_over_asyncio(shard: ShardProcesses) -> None:
    async def ask() -> set[int]:
        client = AsyncShardClient(list(shard.addresses.values()), CLIENT + 1, timeout_s=10.0)
        batches = [Requests.batch(2) for _ in range(200)]
        replies = await asyncio.gather(*(client.submit(commands, request) for commands, request in batches))
        status = await client.status(shard.addresses["SZ-A"])
        assert status["replica"] == "SZ-A"
        assert (await client.query_symbol(0))["commands"] >= 400
        await client.close()
        return {int(number) for reply in replies for number in reply.order_ids}

    assert len(asyncio.run(ask())) == 400


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "frame of"),
        (struct.pack("<I", wire.MAX_CLIENT_FRAME + 1) + b"\x0a", "frame of"),
        (wire.frame(wire.Frame.SUBMIT, b"x"), "first frame must be a greeting"),
        (wire.hello(wire.Caller.CLIENT, 5, "x"), "not of shard 5"),
        (wire.hello(wire.Caller.PEER, 0, "stranger"), "not a member"),
        (wire.hello(wire.Caller.CLIENT, 0, "x") + wire.frame(wire.Frame.SUBMIT, b"x"), "too short"),
        (wire.hello(wire.Caller.PEER, 0, "SZ-A") + wire.frame(wire.Frame.MESSAGE, b"\x03xyz"), "cannot be read"),
        (wire.hello(wire.Caller.CLIENT, 0, "x") + wire.frame(wire.Frame.MESSAGE, b""), "may not send"),
    ],
)
def test_rude_callers_are_cut_off_with_a_reason(shard: ShardProcesses, data: bytes, reason: str) -> None:
    host, port = shard.addresses["SZ-B"].split(":")
    with socket.create_connection((host, int(port)), timeout=10) as caller:
        caller.sendall(data)
        received = b""
        while chunk := caller.recv(4096):
            received += chunk
    ((kind, body),) = Frames(1 << 20).cut(received)
    assert kind == wire.Frame.ERROR
    assert reason in body.decode()
    assert shard.status("SZ-B")["role"] in ("leader", "follower")


def test_a_slow_disk_of_one_follower_slows_nobody_else(shard: ShardProcesses, client: ShardClient) -> None:
    leader = shard.leader()
    slow = next(name for name in NAMES if name != leader)
    shard.inject(slow, "disk_slow", 20.0, delay_ms=700)
    term = shard.status(leader)["term"]
    indices = [client.submit(*Requests.batch()).index for _ in range(20)]
    assert indices == sorted(indices)
    assert shard.status(slow)["stable"] < indices[-1] or shard.status(slow)["faults"] == []
    assert shard.status(leader)["term"] == term


def test_a_leader_whose_disk_fails_leads_no_longer_and_starts_afresh(
    shard: ShardProcesses, client: ShardClient
) -> None:
    leader = shard.leader()
    client.submit(*Requests.batch())
    lease = shard.inject(leader, "disk_error", 30.0)
    reply = client.submit(*Requests.batch())
    assert shard.leader(other_than=leader) != leader
    assert shard.status(leader)["role"] == "failed"
    assert metric(shard, leader, "trading_shard_is_leader") == 0
    requests.delete(f"http://{shard.http[leader]}/faults/{lease}", timeout=5)
    assert shard.processes[leader].wait(10) == 74
    shard.start_all()
    assert shard.agree()["applied"] >= reply.index


def test_a_leader_that_is_cut_off_is_replaced_and_refuses_meanwhile(shard: ShardProcesses, client: ShardClient) -> None:
    leader = shard.leader()
    client.submit(*Requests.batch())
    shard.inject(leader, "net_partition", 20.0, direction="both")
    client.submit(*Requests.batch())
    successor = shard.leader(other_than=leader)
    with ShardClient([shard.addresses[leader]], CLIENT + 2, timeout_s=1.0) as only_old:
        with pytest.raises(ShardUnavailable):
            only_old.submit(*Requests.batch())
        with pytest.raises(ShardUnavailable):
            only_old.query_account(1)
    assert shard.status(successor)["term"] > shard.status(leader)["term"]


def test_a_leader_that_only_hears_nothing_steps_down(shard: ShardProcesses, client: ShardClient) -> None:
    leader = shard.leader()
    shard.inject(leader, "net_partition", 20.0, direction="in")
    eventually(lambda: shard.status(leader)["role"] != "leader", "the leader to step down")
    assert client.submit(*Requests.batch()).index > 0, "its successor serves"


def test_a_paused_leader_wakes_up_as_follower(shard: ShardProcesses, client: ShardClient) -> None:
    leader = shard.leader()
    client.submit(*Requests.batch())
    shard.signal(leader, signal.SIGSTOP)
    try:
        reply = client.submit(*Requests.batch())
    finally:
        shard.signal(leader, signal.SIGCONT)
    eventually(lambda: shard.status(leader).get("role") == "follower", "the woken replica to follow")
    assert shard.agree()["applied"] >= reply.index


def test_a_clock_that_jumps_back_does_not_turn_time_back(shard: ShardProcesses, client: ShardClient) -> None:
    leader = shard.leader()
    shard.inject(leader, "clock_jump", 20.0, offset_ms=-3_600_000)
    client.submit(*Requests.batch())
    shard.agree()
    assert shard.leader() == leader


def test_a_corrupt_journal_is_fetched_again_from_the_peers(shard: ShardProcesses, client: ShardClient) -> None:
    leader = shard.leader()
    gone = next(name for name in NAMES if name != leader)
    shard.kill(gone)
    for _ in range(20):
        client.submit(*Requests.batch())
    for path in sorted((shard.directory / gone / "journal").iterdir())[:1]:
        content = bytearray(path.read_bytes())
        content[200] ^= 0xFF
        path.write_bytes(bytes(content))
    shard.start(gone)
    status = shard.agree()
    assert status["applied"] > 20
    assert any("is corrupt" in note for note in shard.status(gone)["recovery"])
    eventually(lambda: not shard.status(gone)["repairing"], "the repair to end")


def test_a_planned_stop_hands_over(shard: ShardProcesses, client: ShardClient) -> None:
    leader = shard.leader()
    term = shard.status(leader)["term"]
    shard.signal(leader, signal.SIGTERM)
    assert shard.processes[leader].wait(10) == 0
    client.submit(*Requests.batch())
    successor = shard.leader(other_than=leader)
    assert shard.status(successor)["term"] == term + 1


def test_snapshots_are_taken_and_survive_a_restart(shard: ShardProcesses, client: ShardClient) -> None:
    name = shard.leader()
    client.submit(*Requests.batch())
    index = requests.post(f"http://{shard.http[name]}/snapshot", timeout=5).json()["index"]
    eventually(lambda: list((shard.directory / name).glob(f"snapshot-{index:016d}.bin")), "the snapshot")
    executed = client.query_account(1)["executed"]
    for replica in NAMES:
        shard.kill(replica)
    shard.start_all()
    assert client.query_account(1)["executed"] == executed


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"kind": "earthquake", "lease_s": 1, "owner": "x"}, "Unknown kind"),
        ({"kind": "disk_slow", "lease_s": 1, "owner": "x"}, "delay_ms"),
        ({"kind": "net_partition", "params": {"peers": ["nobody"]}, "lease_s": 1, "owner": "x"}, "peers"),
        ({"kind": "disk_error", "lease_s": 0, "owner": "x"}, "lease_s"),
        ({"kind": "disk_error", "lease_s": 5}, "owner"),
    ],
)
def test_faults_that_make_no_sense_are_refused(shard: ShardProcesses, body: dict, text: str) -> None:
    answer = requests.post(f"http://{shard.http['WH-A']}/faults", json=body, timeout=5)
    assert answer.status_code == 400
    assert text in answer.json()["detail"]


def test_a_fault_ends_with_its_lease(shard: ShardProcesses) -> None:
    shard.inject("WH-A", "net_delay", 0.2, delay_ms=1)
    assert eventually(lambda: shard.status("WH-A").get("faults") == [], "the lease to end")
