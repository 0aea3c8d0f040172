"""A real centre process: agents over HTTP, exactly-once actions, survival of kill -9, faults that end by themselves."""

import hashlib
import http.server
import threading

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.trading_sim.cluster.running_centre import RunningCentre, until
from trading_sim.client import Refused, StaleEpoch, Unreachable
from trading_sim.nodes.packages import EDITIONS, package_bytes, write_repository

NODE = "quote-push-sza-001"


@pytest.fixture(scope="module")
def centre(tmp_path_factory):
    running = RunningCentre(tmp_path_factory.mktemp("centre"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    out = tmp_path_factory.mktemp("packages")
    index = write_repository(["quote-push", "session"], out)
    return {(entry["service"], entry["version"]): (str(out / entry["file"]), entry["digest"]) for entry in index}


def executed(agent) -> dict[str, int]:
    return {key: action["times_executed"] for key, action in agent.actions()["actions"].items()}


def test_a_release_is_executed_once_per_key_and_survives_kill_9(centre, repository):
    agent = centre.client.agent(NODE)
    package, digest = repository["quote-push", "1.1.0"]
    before = agent.health()
    assert before["state"] == "up" and before["version"] == "1.0.0"
    staged = [agent.stage("1.1.0", package, digest, key="r1-stage", epoch=5) for _ in range(3)]
    assert [answer["replayed"] for answer in staged] == [False, True, True]
    switched = [agent.switch("1.1.0", key="r1-switch", epoch=5) for _ in range(2)]
    assert [answer["replayed"] for answer in switched] == [False, True]
    until(lambda: centre.state_of(NODE) == "up", "the node is up again")
    after = agent.health()
    assert after["version"] == "1.1.0" and after["epoch"] == 5 and after["started_at"] > before["started_at"]

    with pytest.raises(StaleEpoch) as refusal:
        agent.restart(key="old-owner", epoch=4, reason="late")
    assert refusal.value.status == 409 and refusal.value.body["seen"] == 5

    agent.drain(key="r1-drain", epoch=6, reason="test")
    content = agent.config()["content"].replace("workers = 8", "workers = 6")
    written = agent.put_config(content, key="r1-config", epoch=6)
    assert written["changed"]
    centre.kill()
    centre.start()
    health = agent.health()
    assert health["version"] == "1.1.0" and health["drained"] and health["epoch"] == 6
    assert health["config_digest"] == written["digest"] == hashlib.sha256(content.encode()).hexdigest()
    assert agent.stage("1.1.0", package, digest, key="r1-stage", epoch=6)["replayed"]
    assert agent.switch("1.1.0", key="r1-switch", epoch=6)["replayed"]
    with pytest.raises(StaleEpoch):
        agent.undrain(key="late", epoch=5, reason="test")
    agent.undrain(key="r1-undrain", epoch=6, reason="test")
    assert centre.state_of(NODE) == "up"
    counts = executed(agent)
    assert set(counts.values()) == {1} and {"r1-stage", "r1-switch", "r1-drain", "r1-config"} <= set(counts)
    assert agent.actions()["actions"]["r1-stage"]["times_requested"] == 4


def test_a_package_may_come_by_http(centre, repository):
    package, digest = repository["quote-push", "1.2.0"]
    data = package_bytes("quote-push", EDITIONS[2])

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        agent = centre.client.agent("quote-push-sza-002")
        agent.stage("1.2.0", f"http://127.0.0.1:{server.server_port}/p", digest, key="http", epoch=1)
        server.shutdown()
        thread.join()
    assert agent.version()["staged"] == ["1.0.0", "1.2.0"]
    assert agent.version()["version"] == "1.0.0"


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("release/stage", {"version": "1.1.0", "package": "/nowhere", "digest": "0" * 64}, 422, "package_unreadable"),
        ("release/stage", {"version": "1.1.0", "package": "PACKAGE", "digest": "0" * 64}, 422, "digest_mismatch"),
        ("release/stage", {"version": "1.3.0", "package": "PACKAGE", "digest": "DIGEST"}, 422, "wrong_package"),
        ("release/stage", {"version": "../1", "package": "/x", "digest": "0" * 64}, 400, "bad_field"),
        ("release/switch", {"version": "9.9.9"}, 422, "unknown_version"),
        ("restart", {"epoch": "seven"}, 400, "bad_field"),
        ("drain", {"key": ""}, 400, "bad_field"),
        ("faults", {"kind": "earthquake", "lease_s": 5, "owner": "t"}, 400, "bad_fault"),
        ("faults", {"kind": "delay", "lease_s": 0, "owner": "t"}, 400, "bad_fault"),
        ("faults", {"kind": "errors", "params": {"rate": 7}, "lease_s": 5, "owner": "t"}, 400, "bad_fault"),
    ],
)
def test_a_wrong_request_is_refused_in_json_and_changes_nothing(centre, repository, path, body, status, code):
    package, digest = repository["quote-push", "1.1.0"]
    body = {name: {"PACKAGE": package, "DIGEST": digest}.get(str(value), value) for name, value in body.items()}
    agent = centre.client.agent("quote-push-sza-003")
    before = agent.actions()["actions"], agent.health() | {"epoch": None}
    response = requests.post(f"{agent.url}/{path}", json={"key": "wrong", "epoch": 1} | body, timeout=5)
    assert (response.status_code, response.json()["error"]) == (status, code)
    assert (agent.actions()["actions"], agent.health() | {"epoch": None}) == before


def test_noise_is_refused_in_json(centre):
    node = f"{centre.url}/nodes/{NODE}"
    for response, status, code in (
        (requests.post(f"{node}/restart", data=b"{no json", timeout=5), 400, "bad_json"),
        (requests.post(f"{node}/restart", data=b"[1]", timeout=5), 400, "bad_json"),
        (requests.post(f"{node}/restart", data=b"x" * (2 << 20), timeout=5), 413, "too_large"),
        (requests.get(f"{centre.url}/nodes/nobody/health", timeout=5), 404, "unknown_node"),
        (requests.get(f"{centre.url}/nothing", timeout=5), 404, "not_found"),
        (requests.post(f"{centre.url}/flow", data=b"noise", timeout=5), 400, "bad_flow"),
        (requests.get(f"{node}/log", params={"offset": "x"}, timeout=5), 400, "bad_field"),
    ):
        assert (response.status_code, response.json()["error"]) == (status, code)
        assert response.json()["detail"]


def test_a_configuration_the_release_does_not_accept_is_refused(centre):
    agent = centre.client.agent("session-sza-001")
    before = agent.config()
    with pytest.raises(Refused, match="line 1, workers: 900 is outside 1 to 64") as refusal:
        agent.put_config("workers = 900\n", key="bad", epoch=1)
    assert refusal.value.code == "bad_config"
    assert agent.config() == before
    assert not agent.put_config(before["content"], key="bad", epoch=1)["replayed"], "a refused key is free again"


def test_a_key_names_one_kind_of_action(centre):
    agent = centre.client.agent("session-sza-001")
    agent.drain(key="shared", epoch=1, reason="test")
    with pytest.raises(Refused, match="was used for drain"):
        agent.undrain(key="shared", epoch=1, reason="test")
    agent.undrain(key="other", epoch=1, reason="test")


def test_faults_end_with_their_lease_and_by_hand(centre):
    killed, paused, lost = "auth-sza-001", "account-sza-001", "fund-sza-001"
    client = centre.client
    lease = client.agent(killed).inject("kill", {}, lease_s=1.0, owner="test")["lease"]
    client.agent(paused).inject("pause", {}, lease_s=60, owner="test", key="once")
    again = client.agent(paused).inject("pause", {}, lease_s=60, owner="test", key="once")
    assert len(client.agent(paused).faults()) == 1
    client.agent(lost).inject("host", {}, lease_s=60, owner="test")
    assert centre.state_of(killed) == "down" and centre.state_of(paused) == "paused"
    assert metrics_of(centre, killed) == {"trading_up": 0.0, "trading_drained": 0.0, "trading_build_info": 1.0}
    with pytest.raises(Unreachable):
        client.agent(lost).health()
    assert {n["node"]: n["state"] for n in client.nodes("SZ-A")}[lost] == "lost"
    until(lambda: centre.state_of(killed) == "up", "the lease of the kill ends by itself")
    assert client.clear_fault("SZ-A", lease) == {"lease": lease, "removed": False}
    assert client.agent(paused).clear(again["lease"])["removed"]
    assert centre.state_of(paused) == "up"
    for fault in client.faults("SZ-A"):
        client.clear_fault("SZ-A", fault["lease"])
    until(lambda: centre.state_of(lost) == "up", "the host is back")


def test_a_restart_ends_a_kill_and_a_lease_outlives_the_centre(centre):
    node, other = "auth-sza-001", "order-router-sza-001"
    centre.client.agent(node).inject("kill", {}, lease_s=300, owner="test")
    centre.client.agent(node).restart(key="revive", epoch=1, reason="test")
    until(lambda: centre.state_of(node) == "up", "the restart revives it")
    assert centre.client.faults("SZ-A") == []
    lease = centre.client.agent(other).inject("kill", {}, lease_s=300, owner="test")["lease"]
    centre.kill()
    centre.start()
    assert centre.state_of(other) == "down"
    centre.client.clear_fault("SZ-A", lease)
    until(lambda: centre.state_of(other) == "up", "cleared")


def test_a_lost_centre_closes_every_connection_but_the_one_that_undoes_it(centre):
    lease = centre.client.fault("centre-loss", centre="SZ-A", lease_s=60, owner="test")["lease"]
    with pytest.raises(Unreachable):
        centre.client.centre_health("SZ-A")
    with pytest.raises(Unreachable):
        centre.client.agent(NODE).health()
    assert [fault["kind"] for fault in centre.client.faults("SZ-A")] == ["centre-loss"]
    centre.client.clear_fault("SZ-A", lease)
    assert centre.client.centre_health("SZ-A")["nodes"] > 0


def test_a_service_wide_fault_names_its_nodes(centre):
    members = [n["node"] for n in centre.client.nodes("SZ-A") if n["service"] == "quote-push"]
    made = centre.client.fault("delay", centre="SZ-A", service="quote-push", fraction=0.5, lease_s=60, owner="test")
    assert made["nodes"] == members[: len(members) // 2]
    centre.client.clear_fault("SZ-A", made["lease"])
    with pytest.raises(Refused, match="name the nodes, or a service"):
        centre.client.fault("delay", centre="SZ-A", lease_s=60, owner="test")


def metrics_of(centre, node: str) -> dict[str, float]:
    text = requests.get(f"{centre.url}/nodes/{node}/metrics", timeout=5).text
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "le" not in sample.labels
    }


def test_metrics_and_log_say_what_the_node_did(centre):
    found = metrics_of(centre, NODE)
    assert found["trading_up"] == 1 and found["trading_memory_bytes"] > 2**20
    assert found["trading_request_duration_seconds_count"] == found["trading_requests_total"]
    assert requests.get(f"{centre.url}/metrics", timeout=5).text.count("trading_chain_duration_seconds_count") == 14
    agent = centre.client.agent(NODE)
    first = agent.log(limit=1)
    assert len(first["lines"]) == 1 and "starting quote-push 1.0.0" in first["lines"][0]
    rest = agent.log(offset=first["next_offset"], limit=5000)
    assert rest["offset"] == first["next_offset"] and any("quote-push" in line for line in rest["lines"])
    assert agent.log(offset=rest["next_offset"])["lines"] == []
    assert len(agent.log(offset=-200)["lines"]) >= 1
    assert agent.diagnostics()["staged"]


def test_an_action_may_be_answered_when_the_node_is_where_it_shall_be(centre):
    node = "quote-push-sza-005"
    url = f"{centre.url}/nodes/{node}"
    ask = {"key": "w-drain", "epoch": 1, "reason": "test", "until": ["drained"], "wait_s": 5}
    for wrong in ({"until": "drained"}, {"until": [1]}, {"wait_s": -1}, {"wait_s": 31}, {"wait_s": True}):
        refused = requests.post(f"{url}/drain", json=ask | wrong, timeout=10)
        assert (refused.status_code, refused.json()["error"]) == (400, "bad_field"), wrong
    assert "w-drain" not in executed(centre.client.agent(node)), "what is refused is not done"
    drained = requests.post(f"{url}/drain", json=ask, timeout=10).json()
    assert (drained["health"]["state"], drained["replayed"]) == ("drained", False)
    assert drained["waited_ms"] >= 900, "the node takes a second to drain"
    at_once = requests.post(f"{url}/restart", json=ask | {"key": "w-1", "until": ["drained"], "wait_s": 0}, timeout=10)
    assert at_once.json()["health"]["state"] == "starting", "at the latest after that time, wherever the node is"
    again = requests.post(f"{url}/restart", json=ask | {"key": "w-1", "until": ["up", "drained"]}, timeout=10).json()
    assert (again["health"]["state"], again["replayed"]) == ("drained", True)
    back = requests.post(f"{url}/undrain", json=ask | {"key": "w-2", "until": ["up"]}, timeout=10).json()
    assert back["health"]["state"] == "up"
    assert "health" not in centre.client.agent(node).actions()["actions"]["w-2"]["result"]
