"""Moving the lead of a shard: refused with the reason before anything is asked, and believed only when the replicas say so."""

from __future__ import annotations

import importlib
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
OPTIONS = {"key": "RUN-1/matching", "epoch": 7, "reason": "maintenance", "timeout_s": 3}


@pytest.fixture(scope="module")
def leads() -> Any:
    """The collection's module, found as Ansible finds it."""
    sys.path.insert(0, str(ROOT / "playbooks" / "collections"))
    try:
        yield importlib.import_module("ansible_collections.seeops.nodes.plugins.module_utils.leads")
    finally:
        sys.path.remove(str(ROOT / "playbooks" / "collections"))


def status(role: str, **changes: Any) -> dict[str, Any]:
    return {
        "role": role, "lease": role == "leader", "term": 4, "last_index": 90, "stable": 90, "commit": 90, "applied": 90,
        "last_seq": 500, "state_index": 90, "state_hash": "ab", "checkpoint": {"index": 64, "hash": "cd"},
        "hash_mismatches": {}, "repairing": False, "alone_since": None, **changes,
    }  # fmt: skip


class Shard:
    """Three agents whose replicas hand over as real ones do; `spoil` changes what they say afterwards."""

    def __init__(self) -> None:
        self.seen = {"SZ-A": status("leader"), "SZ-B": status("follower"), "WH-A": status("follower")}
        self.silent: set[str] = set()
        self.asked: list[dict[str, Any]] = []
        self.spoil: dict[str, dict[str, Any]] = {}
        self.flows = True
        shard = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                """Say nothing."""

            def do_GET(self) -> None:
                centre = self.path.split("/")[2]
                if shard.flows:
                    for one in shard.seen.values():
                        one["last_seq"] += 1
                self._send({"replica": shard.seen[centre]} if centre not in shard.silent else {"error": "silent"},
                           200 if centre not in shard.silent else 503)  # fmt: skip

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                shard.asked.append(body)
                for centre, one in shard.seen.items():
                    role = "leader" if centre == body["to"] else "follower"
                    shard.seen[centre] = {**one, **status(role, term=5, last_index=91, stable=91, commit=91),
                                          "last_seq": one["last_seq"], **shard.spoil.get(centre, {})}  # fmt: skip
                self._send({"seconds": 0.01}, 200)

            def _send(self, answer: dict[str, Any], code: int) -> None:
                data = json.dumps(answer).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.peers = {centre: f"http://127.0.0.1:{self.server.server_port}/nodes/{centre}" for centre in self.seen}


@pytest.fixture
def shard() -> Iterator[Shard]:
    made = Shard()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_the_leader_is_asked_once_with_its_term_and_the_report_says_before_and_after(leads: Any, shard: Shard) -> None:
    report = leads.move(shard.peers, "WH-A", options=OPTIONS, check=False)
    assert shard.asked == [
        {"to": "WH-A", "term": 4, "key": "RUN-1/matching/WH-A", "epoch": 7, "reason": "maintenance"}
    ]  # fmt: skip
    assert (report["changed"], report["leader"], report["orders_flowed_before"]) == (True, "WH-A", True)
    assert report["before"]["SZ-A"]["role"] == "leader"
    assert report["after"]["WH-A"]["role"] == "leader"
    again = leads.move(shard.peers, "WH-A", options=OPTIONS, check=False)
    assert (again["changed"], len(shard.asked)) == (False, 1), "who leads already is not asked"


def test_check_mode_says_what_would_be_done_and_asks_nobody(leads: Any, shard: Shard) -> None:
    report = leads.move(shard.peers, "SZ-B", options=OPTIONS, check=True)
    assert report["msg"] == "would do: SZ-A (term 4) hands over to SZ-B"
    assert not shard.asked


@pytest.mark.parametrize(
    ("centre", "changes", "text"),
    [
        ("WH-A", {"stable": -3000}, "WH-A is 3090 entries behind"),
        ("WH-A", {"repairing": True}, "under repair"),
        ("WH-A", {"role": "failed"}, "failed"),
        ("SZ-B", {"hash_mismatches": {"SZ-A": 1}}, "states differ"),
        ("SZ-A", {"alone_since": 40}, "taken over alone"),
        ("SZ-A", {"role": "follower", "lease": False}, "0 replicas lead"),
        ("SZ-B", {"role": "leader", "lease": True}, "2 replicas lead"),
    ],
)
def test_who_is_not_fit_is_refused(leads: Any, shard: Shard, centre: str, changes: dict[str, Any], text: str) -> None:
    shard.seen[centre].update(changes)
    with pytest.raises(leads.LeadsError, match=text):
        leads.move(shard.peers, "WH-A", options=OPTIONS, check=False)
    assert not shard.asked


def test_without_a_majority_or_an_answer_nothing_is_asked(leads: Any, shard: Shard) -> None:
    shard.silent = {"WH-A"}
    with pytest.raises(leads.LeadsError, match="WH-A does not answer"):
        leads.move(shard.peers, "WH-A", options=OPTIONS, check=False)
    shard.silent = {"WH-A", "SZ-B"}
    with pytest.raises(leads.LeadsError, match="no majority answers"):
        leads.move(shard.peers, "SZ-B", options=OPTIONS, check=True)
    with pytest.raises(leads.LeadsError, match="no replica in XX"):
        leads.move(shard.peers, "XX", options=OPTIONS, check=True)
    assert not shard.asked


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        ({"SZ-B": {"role": "leader", "lease": True}}, "SZ-B, WH-A leads instead"),
        ({"WH-A": {"role": "follower", "lease": False}}, "nobody leads"),
        ({"WH-A": {"term": 4}}, "term did not rise"),
        ({"WH-A": {"commit": 90}}, "committed up to 90"),
        ({"WH-A": {"last_seq": 1}}, "knows commands up to"),
        ({"SZ-B": {"state_hash": "zz"}}, "different states"),
        ({"SZ-B": {"hash_mismatches": {"WH-A": 2}}}, "different states"),
    ],
)
def test_what_the_replicas_do_not_confirm_is_not_done(
    leads: Any, shard: Shard, spoil: dict[str, dict[str, Any]], text: str
) -> None:
    before = leads.look(shard.peers)
    shard.flows, shard.spoil = False, spoil
    leads._ask(shard.peers["SZ-A"], 4, "WH-A", OPTIONS)
    found = leads.findings(before, leads.look(shard.peers), "WH-A")
    assert text in "; ".join(found)
