"""The client's promise: a topology without a cluster, clear errors, unknown never taken for an answer."""

import http.server
import json
import threading

import pytest

from trading_sim.client import ClusterClient, EndpointsMissing, Refused, StaleEpoch, UnknownName, Unreachable


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers every call with what the test put there."""

    status, body = 200, b"{}"

    def _answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    do_GET = do_POST = do_PUT = do_DELETE = _answer

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    handler = type("Handler", (Answers,), {})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        running.daemon_threads = True
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running, handler
        running.shutdown()
        thread.join()


@pytest.fixture
def client(server, tmp_path):
    url = f"http://127.0.0.1:{server[0].server_port}"
    file = tmp_path / "endpoints.json"
    file.write_text(json.dumps({"centres": {"SZ-A": url}, "load": url, "control": url, "shards": {}}), encoding="utf-8")
    return ClusterClient(file, timeout_s=2)


def test_it_describes_the_cluster_without_one_running():
    described = ClusterClient(None).describe()
    assert len(described["nodes"]) >= 1200
    assert json.loads(json.dumps(described)) == described
    assert {node["service"] for node in described["nodes"]} == {service["name"] for service in described["services"]}


def test_without_a_cluster_it_says_how_to_start_one(tmp_path):
    with pytest.raises(EndpointsMissing, match="trading_sim up"):
        ClusterClient(tmp_path / "endpoints.json").nodes("SZ-A")
    (tmp_path / "endpoints.json").write_text("{", encoding="utf-8")
    with pytest.raises(EndpointsMissing, match="not valid JSON"):
        ClusterClient(tmp_path / "endpoints.json").nodes("SZ-A")


def test_names_that_are_not_there(client):
    with pytest.raises(UnknownName, match="NOWHERE"):
        client.nodes("NOWHERE")
    with pytest.raises(UnknownName, match="nobody"):
        client.agent("nobody")
    with pytest.raises(UnknownName, match="shard 9"):
        client.shard_status(9, "SZ-A")


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (409, b'{"error": "stale_epoch", "detail": "too old", "seen": 7}', StaleEpoch),
        (422, b'{"error": "digest_mismatch", "detail": "no"}', Refused),
        (404, b"plain text", Refused),
        (500, b'{"error": "internal"}', Unreachable),
        (200, b"not json", Unreachable),
    ],
)
def test_every_answer_is_an_answer_a_refusal_or_unknown(server, client, status, body, error):
    server[1].status, server[1].body = status, body
    with pytest.raises(error) as raised:
        client.agent("session-sza-001").restart(key="k", epoch=1, reason="r")
    assert type(raised.value) is error


def test_a_refusal_carries_its_code_detail_and_body(server, client):
    server[1].status, server[1].body = 409, b'{"error": "stale_epoch", "detail": "too old", "seen": 7}'
    with pytest.raises(StaleEpoch, match="too old") as raised:
        client.load_status()
    assert (raised.value.status, raised.value.code, raised.value.body["seen"]) == (409, "stale_epoch", 7)


def test_silence_is_unknown(client, server):
    server[0].shutdown()
    server[0].server_close()
    with pytest.raises(Unreachable, match="outcome is unknown"):
        client.processes()


def test_where_prometheus_finds_a_node(client, server):
    address, path = client.metrics_address("session-sza-001")
    assert address == f"127.0.0.1:{server[0].server_port}" and path == "/nodes/session-sza-001/metrics"
