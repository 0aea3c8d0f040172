"""What became of each node: done only with its playbook's word, silent otherwise; a budget that counts all three."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seeops.automation import process, selectors, services, slicing
from seeops.automation.events import Event, from_runner
from seeops.automation.results import Results
from seeops.core.clock import now
from tests.estate import person

NAMES = ["a", "b", "c", "d", "e"]
STATUSES = st.sampled_from(["ok", "failed", "unreachable", "skipped", "info"])


def event(host: str, status: str) -> Event:
    return Event(now(), host, "task", status, False, "", None)


@given(
    reported=st.lists(st.tuples(st.sampled_from(NAMES), STATUSES)),
    finished=st.sets(st.sampled_from(NAMES)),
    ended=st.booleans(),
)
def test_every_node_is_done_bad_or_silent_and_nobody_is_done_without_a_word(reported, finished, ended):
    results = Results()
    results.take(event(host, status) for host, status in reported)
    results.summed_up({"finished": sorted(finished)})
    if ended:
        results.slice_ended(NAMES)
    counts = results.counts(NAMES)
    assert sum(counts.values()) == len(NAMES)
    last = {host: status for host, status in reported if status != "info"}
    done = {name for name in NAMES if name in finished and last.get(name) in ("ok", "skipped")}
    assert counts["hosts_done"] == len(done)
    assert counts["hosts_failed"] == sum(status in ("failed", "unreachable") for status in last.values())
    assert results.lost() == (len(NAMES) - len(done) if ended else counts["hosts_failed"])


def test_a_summary_without_names_finishes_nobody():
    results = Results()
    results.take(from_runner({"event": "runner_batch", "event_data": {"results": [{"h": "a", "t": "t", "s": "ok"}]}}))
    results.summed_up({"hosts": 1})
    assert results.silent(["a", "b"]) == ["a", "b"]


@pytest.fixture
def own_folder(transactional_db: None, valkey_url: str, settings: Any, tmp_path: Any) -> Any:
    settings.VAR_DIR = tmp_path
    return tmp_path


GONE = {f"gone-{name}": "http://127.0.0.1:1/nodes/gone" for name in NAMES}


def carried_out(budget: int | None, concurrency: int, agents: Mapping[str, str] = GONE) -> Any:
    """A run over nodes, name → address of the agent, by a real runner process. Nobody answers for GONE."""
    targets = [
        {"name": name, "agent_url": url, "vars": {"node_key": name, "node_epoch": 1}} for name, url in agents.items()
    ]
    run = services.run_queue(
        actor=person("lin", "operator"), playbook="undrain", title="nobody there", targets=targets, inputs={},
        purpose="playbook", fence=1, concurrency=concurrency, budget=budget,
    )  # fmt: skip
    services.run_spawn(run.pk)
    assert process._children[-1].wait(timeout=100) == 0
    run.refresh_from_db()
    return run


def test_a_cancelled_run_ends_leaves_no_process_and_calls_nobody_done(own_folder):
    with socket.create_server(("127.0.0.1", 0)) as mute:  # takes connections and never answers
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/nodes/mute"
        targets = [
            {"name": f"mute-{n}", "agent_url": url, "vars": {"node_key": f"k{n}", "node_epoch": 1}} for n in range(8)
        ]
        run = services.run_queue(
            actor=person("lin", "operator"), playbook="undrain", title="mute", targets=targets, inputs={},
            purpose="playbook", fence=1, concurrency=4,
        )  # fmt: skip
        services.run_spawn(run.pk)
        mute.settimeout(60)
        asked = mute.accept()  # somebody is being asked, so workers are under way
        runner = psutil.Process(process._children[-1].pid)
        family = [runner, *runner.children(recursive=True)]
        run.refresh_from_db()
        services.run_ask_to_stop(run)
        assert process._children[-1].wait(timeout=30) == 0
        assert psutil.wait_procs(family, timeout=5)[1] == []
        asked[0].close()
    run.refresh_from_db()
    assert (run.state, run.hosts_done, run.hosts_failed + run.hosts_silent) == ("cancelled", 0, 8)


def test_unreachable_nodes_spend_the_budget_and_the_rest_is_silent_not_done(own_folder):
    run = carried_out(budget=1, concurrency=1)
    assert (run.state, run.hosts_done, run.hosts_failed, run.hosts_silent) == ("failed", 0, 2, 3)
    assert "no further node is begun" in run.problem
    begun = run.events.filter(status="unreachable").values_list("host", flat=True)
    assert sorted(begun) == ["gone-a", "gone-b"]
    assert selectors.log_verify(run).intact


class Agents(ThreadingHTTPServer):
    """One node is up and slow to say so; another one hangs up, but not before the slow one has answered once."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), OneAgent)
        self.served = threading.Event()


class OneAgent(BaseHTTPRequestHandler):
    server: Agents

    def do_GET(self) -> None:
        if "/gone/" in self.path:
            self.server.served.wait(8)
            return
        time.sleep(0.2)
        body = b'{"state": "up"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.server.served.set()

    def log_message(self, *_said: object) -> None:
        pass


def test_slices_side_by_side_spend_one_budget(own_folder):
    """The second slice loses its nodes at once, and the first one stops for it."""
    server = Agents()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    good, gone = (f"http://127.0.0.1:{server.server_port}/nodes/{name}" for name in ("good", "gone"))
    names = [f"n{number:03d}" for number in range(2 * slicing.WORTH)]
    agents = [good] * slicing.WORTH + [gone] * slicing.WORTH
    run = carried_out(budget=3, concurrency=2, agents=dict(zip(names, agents, strict=True)))
    server.shutdown()
    server.server_close()
    assert (run.state, run.hosts_failed) == ("failed", 4)
    served = run.events.filter(status="ok").values("host").distinct().count()
    assert 0 < served < slicing.WORTH
    assert "no further node is begun" in run.problem
    assert (run.hosts_done, run.hosts_silent) == (0, len(names) - 4)
    assert selectors.log_verify(run).intact
