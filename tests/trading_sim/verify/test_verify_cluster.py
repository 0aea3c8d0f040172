"""A real small cluster whose processes are killed under load: verified while it runs and again when it is down."""

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.trading_sim.cluster.running_centre import free_base_port, until
from trading_sim.client import ClusterClient

WAIT_S = 120.0
pytestmark = pytest.mark.timeout(400)  # on a busy machine a dozen processes start slowly


def trading_sim(*arguments: str) -> subprocess.CompletedProcess:
    argv = [sys.executable, "-m", "trading_sim", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, timeout=WAIT_S, check=False)


def acknowledged(client) -> int:
    status = client.load_status()
    return sum(count.get("ok", 0) for chain, count in status["requests"].items() if chain.endswith(("order", "cancel")))


def kill(client, name: str) -> None:
    """kill -9, and wait until the supervisor has started it again."""
    pid = client.processes()["children"][name]["pid"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: client.processes()["children"][name]["pid"] not in (pid, None), f"{name} is started again", WAIT_S)


def leader(client, shard: int) -> str:
    found = until(
        lambda: [c for c in client.shards()[str(shard)] if client.shard_status(shard, c)["role"] == "leader"],
        "the shard has a leader",
        WAIT_S,
    )
    return found[0]


def test_nothing_is_lost_or_doubled_when_leader_centre_and_customers_are_killed(tmp_path):
    state = tmp_path / "run"
    started = trading_sim("up", "--state", str(state), "--base-port", str(free_base_port()), "--scale", "0.02")
    try:
        assert started.returncode == 0, started.stderr
        client = ClusterClient(state / "endpoints.json")
        until(lambda: acknowledged(client) > 100, "orders are executed", WAIT_S)
        for victim in (f"shard-0-{leader(client, 0)}", "centre-SZ-A", "load"):
            kill(client, victim)
        until(lambda: client.load_status()["ready"] and acknowledged(client) > 100, "orders are executed again", WAIT_S)
        running = trading_sim("verify", "--state", str(state), "--json")
    finally:
        trading_sim("down", "--state", str(state))
    finished = trading_sim("verify", "--state", str(state), "--json")
    for result in (running, finished):
        report = json.loads(result.stdout)
        assert result.returncode == 0, json.dumps(report, indent=1)
        assert [shard["shard"] for shard in report["shards"]] == [0, 1]
    checks = {check["name"]: check for shard in report["shards"] for check in shard["checks"]}
    assert checks["acknowledged"]["checked"] > 100
