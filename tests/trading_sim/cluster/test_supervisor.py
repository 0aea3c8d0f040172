"""A whole small cluster: started, broken, found again by itself, and gone without a trace."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys

import psutil
import pytest

from tests.trading_sim.cluster.running_centre import free_base_port, until
from trading_sim.client import ClusterClient, EndpointsMissing, Refused
from trading_sim.client.http import call
from trading_sim.cluster.layout import lock_holder

WAIT_S = 90.0
pytestmark = pytest.mark.timeout(300)  # on a busy machine twenty processes start slowly


def trading_sim(*arguments: str) -> subprocess.CompletedProcess:
    argv = [sys.executable, "-m", "trading_sim", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, timeout=WAIT_S, check=False)


@pytest.fixture(scope="module")
def base_port():
    return free_base_port()


@pytest.fixture(scope="module")
def state(tmp_path_factory, base_port):
    folder = tmp_path_factory.mktemp("cluster")
    started = trading_sim("up", "--state", str(folder), "--base-port", str(base_port), "--scale", "0.02")
    assert started.returncode == 0, started.stderr
    yield folder
    trading_sim("down", "--state", str(folder))


@pytest.fixture
def client(state):
    return ClusterClient(state / "endpoints.json")


def ok_requests(client, kind: str) -> int:
    chains = client.topology.chains
    requests = client.load_status()["requests"]
    return sum(count.get("ok", 0) for chain, count in requests.items() if chains[chain].kind == kind)


def test_orders_and_requests_go_through_all_of_it(client, state):
    assert stat.S_IMODE((state / "endpoints.json").stat().st_mode) == 0o600
    until(lambda: ok_requests(client, "orders") > 20, "orders are executed", WAIT_S)
    assert ok_requests(client, "requests") > 20
    assert set(client.shard_status(0, "SZ-A")) >= {"role", "term"}


def test_bench_says_what_the_cluster_costs(state):
    measured = trading_sim("bench", "--state", str(state), "--seconds", "2", "--scrape-every", "1", "--json")
    report = json.loads(measured.stdout)
    assert report["scrape_failures"] == 0 and report["scrapes_per_s"] > 0
    assert report["cpu_percent"]["total"] > 0 and len(report["memory_mib"]) >= 12
    assert trading_sim("bench", "--state", str(state / "nowhere")).returncode == 2


def test_a_killed_centre_comes_back_by_itself(client):
    before = client.processes()["children"]["centre-SZ-B"]
    os.kill(before["pid"], signal.SIGKILL)

    def back():
        child = client.processes()["children"]["centre-SZ-B"]
        return child["running"] and child["pid"] != before["pid"] and client.centre_health("SZ-B")["nodes"]

    until(back, "the supervisor starts the centre again", WAIT_S)
    assert client.processes()["children"]["centre-SZ-B"]["restarts"] == before["restarts"] + 1


def test_a_fault_of_a_matching_node_reaches_its_replica_and_ends(client):
    agent, name = client.agent("matching-wha-001"), "shard-0-WH-A"
    until(lambda: agent.health()["state"] == "up", "the replica answers", WAIT_S)
    first = client.processes()["children"][name]["pid"]
    lease = agent.inject("kill", {}, lease_s=300, owner="test")["lease"]
    until(lambda: not client.processes()["children"][name]["running"], "the replica is down")
    assert agent.health()["state"] == "down"
    agent.clear(lease)
    until(lambda: agent.health()["state"] == "up", "the replica is back", WAIT_S)
    assert client.processes()["children"][name]["pid"] != first
    lease = agent.inject("pause", {}, lease_s=1.0, owner="test")["lease"]
    until(lambda: psutil.Process(client.processes()["children"][name]["pid"]).status() != psutil.STATUS_STOPPED
          and not client.faults("WH-A"), "the pause ends by itself")  # fmt: skip


def test_a_second_start_and_a_taken_port_are_refused_in_one_line(state, base_port, tmp_path):
    again = trading_sim("up", "--state", str(state), "--base-port", str(base_port), "--scale", "0.02")
    assert again.returncode == 2 and "already running" in again.stderr and again.stderr.count("\n") == 1
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        busy = trading_sim("up", "--state", str(tmp_path / "busy"), "--base-port", str(port), "--foreground")
    assert busy.returncode == 2 and f"port {port} is not free" in busy.stderr and busy.stderr.count("\n") == 1


def test_down_leaves_no_process_and_no_address(state):
    client = ClusterClient(state / "endpoints.json")
    children = [psutil.Process(child["pid"]) for child in client.processes()["children"].values() if child["pid"]]
    assert len(children) >= 11
    stopped = trading_sim("down", "--state", str(state))
    assert stopped.returncode == 0 and stopped.stdout == "the cluster is down\n"
    assert [child for child in children if child.is_running()] == []
    with pytest.raises(EndpointsMissing):
        _ = ClusterClient(state / "endpoints.json").endpoints
    assert "no cluster runs" in trading_sim("down", "--state", str(state)).stdout
    assert trading_sim("status", "--state", str(state)).returncode == 1


SLEEPERS = """
import asyncio, sys
from pathlib import Path
from trading_sim.cluster.children import Child
from trading_sim.cluster.layout import Layout
from trading_sim.cluster.supervisor import supervise
from trading_sim.protocol import topology_file
state = Path(sys.argv[1])
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
fail = [sys.executable, "-c", "raise SystemExit(3)"]
programs = [Child("sleeper", sleep, state / "a.log"), Child("failing", fail, state / "b.log")]
asyncio.run(supervise(Layout(topology_file.load(scale=0.02), state, int(sys.argv[2])), programs))
"""


def test_children_are_started_again_and_die_with_a_killed_supervisor(tmp_path):
    port = free_base_port()
    supervisor = subprocess.Popen([sys.executable, "-c", SLEEPERS, str(tmp_path), str(port)])
    url = f"http://127.0.0.1:{port}"

    def child(name: str) -> dict:
        return call("GET", f"{url}/status")["children"][name]

    first = until(lambda: child("sleeper")["pid"], "the child runs")
    until(lambda: child("failing")["restarts"] >= 2, "a child that fails is started again")
    assert call("POST", f"{url}/children/sleeper/kill", json={"hold_s": 300})["done"]
    until(lambda: not child("sleeper")["running"], "it is held down")
    call("POST", f"{url}/children/sleeper/resume")
    second = until(lambda: child("sleeper")["pid"], "it runs again")
    assert second != first
    with pytest.raises(Refused, match="no process 'nobody'"):
        call("POST", f"{url}/children/nobody/kill")
    with pytest.raises(Refused, match="lease_s must be a number of seconds"):
        call("POST", f"{url}/children/sleeper/pause", json={"lease_s": -1})
    process = psutil.Process(second)
    supervisor.kill()
    supervisor.wait(10)
    _, alive = psutil.wait_procs([process], timeout=20)
    assert alive == []
    assert lock_holder(tmp_path) is None


def test_a_cluster_file_with_a_mistake_is_refused_in_one_line(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("sites: {}\n", encoding="utf-8")
    refused = trading_sim("up", "--state", str(tmp_path), "--cluster", str(file))
    assert refused.returncode == 2 and "mine.yaml.sites: must not be empty" in refused.stderr
