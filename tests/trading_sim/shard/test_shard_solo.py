"""A shard without peers: same protocol, same clients, same journal; what was answered is there after a kill."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.polling import eventually
from tests.trading_sim.shard.shard_processes import ROOT, free_ports
from trading_sim.protocol.frames import Frames
from trading_sim.protocol.operator import phase_command
from trading_sim.protocol.records import COMMAND
from trading_sim.shard import solo, wire
from trading_sim.shard.client import ShardClient, ShardRejected
from trading_sim.shard.config import ShardConfig
from trading_sim.shard.feed import read_feed
from trading_sim.shard.machine import ShardMachine
from trading_sim.shard.outcomes import Refusal
from trading_sim.shard.warm import ACCOUNTS, SYMBOL

CONFIG = ShardConfig(shard=0, symbols=[SYMBOL], accounts=ACCOUNTS, max_order_id=100_000, max_live=10_000)


class Solo:
    """The process; `policy` of its journal."""

    def __init__(self, directory: Path, policy: str) -> None:
        self.directory, self.policy = directory, policy
        (directory / "config.json").write_text(CONFIG.to_json())
        (port,) = free_ports(1)
        self.address = f"127.0.0.1:{port}"
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "trading_sim.shard.solo", "--config", str(self.directory / "config.json")]
        command += ["--state", str(self.directory / "state"), "--listen", self.address, "--journal", self.policy]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        eventually(self._answers, "the process", timeout_s=90.0)

    def _answers(self) -> bool:
        host, port = self.address.split(":")
        with socket.socket() as probe:
            return probe.connect_ex((host, int(port))) == 0

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Solo]:
    process = Solo(tmp_path_factory.mktemp("solo"), "fdatasync")
    try:
        process.start()
        yield process
    finally:
        process.kill()


def batch(rng: np.random.Generator, count: int) -> np.ndarray:
    made = np.zeros(count, COMMAND)
    made["kind"], made["type"], made["tif"], made["qty"] = 1, 1, 1, 100
    made["side"], made["price"] = rng.integers(1, 3, count), rng.integers(990, 1_011, count)
    made["account"] = rng.integers(1, 3, count)
    return made


def test_many_requests_in_one_piece_and_in_bytes_are_answered_in_order(shard: Solo) -> None:
    host, port = shard.address.split(":")
    rng = np.random.default_rng(1)
    frames = [wire.submit(tag, 6, 1 + tag % 40, batch(rng, 2).tobytes()) for tag in range(60)]
    with socket.create_connection((host, int(port)), timeout=20) as caller:
        stream = wire.hello(wire.Caller.CLIENT, 0, "x") + b"".join(frames) + wire.query(wire.Frame.STATUS, 999)
        for start in range(0, 300, 7):
            caller.sendall(stream[start : start + 7])
        caller.sendall(stream[start + 7 :])
        reader, told = Frames(wire.MAX_ANSWER_FRAME), []
        while len(told) < 61:
            told += [wire.read_outcome(kind, body) for kind, body in reader.cut(caller.recv(1 << 16))]
    assert sorted(tag for tag, _ in told) == [*range(60), 999]
    by_tag = dict(told)
    assert all(by_tag[tag].data == by_tag[tag + 40].data for tag in range(20)), "a repetition was executed"
    assert json.loads(by_tag[999].data)["role"] == "solo"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "frame of"),
        (wire.frame(wire.Frame.SUBMIT, bytes(30)), "first frame must be a greeting"),
        (wire.hello(wire.Caller.PEER, 0, "SZ-A"), "without peers"),
        (wire.hello(wire.Caller.CLIENT, 0, "x") + wire.frame(wire.Frame.SUBMIT, b"x"), "too short"),
        (wire.hello(wire.Caller.CLIENT, 0, "x") + wire.frame(wire.Frame.FEED, bytes(16)), "may not send"),
    ],
)
def test_rude_callers_are_cut_off_with_a_reason(shard: Solo, data: bytes, reason: str) -> None:
    host, port = shard.address.split(":")
    with socket.create_connection((host, int(port)), timeout=20) as caller:
        caller.sendall(data)
        received = b""
        while chunk := caller.recv(4096):
            received += chunk
    ((kind, body),) = Frames(1 << 20).cut(received)
    assert kind == wire.Frame.ERROR
    assert reason in body.decode()


def test_what_was_answered_survives_a_kill_and_is_not_executed_again(shard: Solo) -> None:
    rng, machine = np.random.default_rng(3), ShardMachine(CONFIG)
    settle = np.concatenate(
        [np.asarray(phase_command(0xFFFFFFFF, number), COMMAND).reshape(-1) for number in (4, 5, 3)]
    )
    batches = [*(batch(rng, int(rng.integers(1, 50))) for _ in range(20)), settle, batch(rng, 10)]
    with ShardClient([shard.address], 5, timeout_s=20.0) as client:
        base = client.status(shard.address)
        replies = [client.submit(commands, number) for number, commands in enumerate(batches, start=1)]
        shard.kill()
        shard.start()
        again = client.submit(batches[7], 8)
        assert (again.index, again.events.tobytes()) == (replies[7].index, replies[7].events.tobytes())
        after = client.submit(batch(rng, 3), len(batches) + 1)
        assert after.seq == base["last_seq"] + sum(map(len, batches)) + 1
        status = client.status(shard.address)
        assert client.query_account(1)["day"] == 1
        with pytest.raises(ShardRejected) as caught:
            client.submit(np.zeros(9_000, COMMAND), 99)
        assert caught.value.refusal is Refusal.BAD_REQUEST
    shard.process.send_signal(signal.SIGTERM)
    assert shard.process.wait(10) == 0
    feds = list(read_feed(CONFIG, str(shard.directory / "state")))
    mine = [fed for fed in feds if fed.client_id == 5]
    assert [fed.events.tobytes() for fed in mine[: len(replies)]] == [reply.events.tobytes() for reply in replies]
    for fed in feds:
        if len(fed.commands):
            machine.apply(fed.commands.copy(), fed.now_ns)
    assert machine.last_seq == status["last_seq"]


def test_without_the_compiled_core_it_does_not_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = ShardConfig(shard=0, symbols=[SYMBOL], accounts=ACCOUNTS, engine="twin")
    (tmp_path / "config.json").write_text(config.to_json())
    options = ["--config", str(tmp_path / "config.json"), "--state", str(tmp_path), "--listen", "127.0.0.1:0"]
    assert solo.main([*options, "--journal", "none"]) == solo.EXIT_CONFIG
    assert "compiled core" in caplog.text
