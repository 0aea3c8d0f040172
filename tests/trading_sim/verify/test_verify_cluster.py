"""A real small cluster whose processes are killed under load: verified while it runs and again when it is down.

While it runs its capacity test is killed too, which must take the load away, and its journal is replayed as a candidate's would be.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.trading_sim.cluster.running_centre import free_base_port, until
from trading_sim.client import ClusterClient
from trading_sim.protocol import topology_file

WAIT_S = 120.0
#: The trading day has begun so long ago: orders need no opening auction to wait for.
DAY_BEGUN_S = 120.0
pytestmark = pytest.mark.timeout(400)  # on a busy machine a dozen processes start slowly


def trading_sim(*arguments: str) -> subprocess.CompletedProcess:
    argv = [sys.executable, "-m", "trading_sim", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, timeout=WAIT_S, check=False)


def one_shard(folder: Path) -> Path:
    """The bundled cluster with one shard instead of two: half of the processes."""
    text = topology_file.DEFAULT_FILE.read_text(encoding="utf-8")
    changed = text.replace("shards: {count: 2", "shards: {count: 1").replace(
        "nodes: {SZ-A: 2 of 2, SZ-B: 2 of 2, WH-A: 2 of 2}}", "nodes: {SZ-A: 1 of 1, SZ-B: 1 of 1, WH-A: 1 of 1}}"
    )
    assert changed != text
    path = folder / "cluster.yaml"
    path.write_text(changed, encoding="utf-8")
    return path


def acknowledged(client) -> int:
    status = client.load_status()
    return sum(count.get("ok", 0) for chain, count in status["requests"].items() if chain.endswith(("order", "cancel")))


def kill(client, names: list[str]) -> None:
    """kill -9 all of them at once, and wait until the supervisor has started each again."""
    pids = {name: client.processes()["children"][name]["pid"] for name in names}
    for pid in pids.values():
        os.kill(pid, signal.SIGKILL)

    def again() -> bool:
        children = client.processes()["children"]
        return all(children[name]["pid"] not in (pid, None) for name, pid in pids.items())

    until(again, f"{', '.join(names)} are started again", WAIT_S)


def leader(client) -> str:
    found = until(
        lambda: [c for c in client.shards()["0"] if client.shard_status(0, c)["role"] == "leader"],
        "the shard has a leader",
        WAIT_S,
    )
    return found[0]


def test_nothing_is_lost_or_doubled_when_leader_centre_and_customers_are_killed(tmp_path):
    state = tmp_path / "run"
    (state / "load").mkdir(parents=True)
    (state / "load" / "session.json").write_text(json.dumps({"day": 0, "started_at": time.time() - DAY_BEGUN_S}))
    where = ("--state", str(state), "--base-port", str(free_base_port()))
    started = trading_sim("up", *where, "--scale", "0.02", "--cluster", str(one_shard(tmp_path)))
    try:
        assert started.returncode == 0, started.stderr
        client = ClusterClient(state / "endpoints.json")
        until(lambda: acknowledged(client) > 100, "orders are executed", WAIT_S)
        kill(client, [f"shard-0-{leader(client)}", "centre-SZ-A", "load"])
        until(lambda: client.load_status()["ready"] and acknowledged(client) > 100, "orders are executed again", WAIT_S)
        kill_a_capacity_test(client, state, tmp_path / "spool")
        shadow = trading_sim(
            "replay", "--journal", str(state / "shards" / "shard-0-SZ-B"), "--config",
            str(state / "shards" / "shard-0.json"), "--json",
        )  # fmt: skip
        running = trading_sim("verify", "--state", str(state), "--json")
        the_load_is_as_before(client)
    finally:
        trading_sim("down", "--state", str(state))
    finished = trading_sim("verify", "--state", str(state), "--json")
    replayed = json.loads(shadow.stdout)
    assert (shadow.returncode, replayed["same"]) == (0, True), replayed["text"]
    assert replayed["journal"]["committed"] == "majority" and replayed["commands"] > 100
    for result in (running, finished):
        report = json.loads(result.stdout)
        assert result.returncode == 0, json.dumps(report, indent=1)
        assert [shard["shard"] for shard in report["shards"]] == [0]
    checks = {check["name"]: check for shard in report["shards"] for check in shard["checks"]}
    for name in ("acknowledged", "answers", "market-rules", "balances"):
        assert checks[name]["checked"] > 20, name


def kill_a_capacity_test(client, state: Path, spool: Path) -> None:
    """kill -9 of a ramp that holds the load."""
    words = ["load", "--ramp", "--state", str(state), "--spool", str(spool), "--from", "150", "--owner", "test"]
    ramp = subprocess.Popen([sys.executable, "-m", "trading_sim", *words])
    try:
        held = until(lambda: client.load_responses()["level"], "the ramp holds the load", WAIT_S)
        assert held["owner"] == "test"
        until(lambda: abs(client.load_status()["offered_orders_per_s"] - 150.0) < 1.5, "150 orders a second", WAIT_S)
    finally:
        ramp.kill()
        ramp.wait()
    kinds = [json.loads(line)["kind"] for line in (spool / "events.jsonl").read_text().splitlines()]
    assert kinds[:2] == ["started", "step-begins"]


def the_load_is_as_before(client) -> None:
    """The level ends by its lease; the settings were never changed."""
    until(lambda: client.load_responses()["level"] is None, "the level has ended by its lease", WAIT_S)
    assert client.load_status()["settings"] == {"rate_factor": 1.0, "paused": False}
