"""Pages and API of capacity: complete in every state, few queries, rights kept."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from seeops.capacity import figure, options, progress, services
from seeops.capacity.models import CapacityTest, ShadowRun
from seeops.cluster import door
from seeops.console import navigation
from seeops.core.errors import Unavailable
from tests.estate import person
from tests.seeops.capacity.conftest import ramp_report, shadow_report, step

QUERIES = 32


def signed_in(who: Any) -> Client:
    client = Client()
    client.force_login(who)
    return client


def text(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200, response.content[:300]
    return response.content.decode()


@pytest.fixture
def running(ready: Any, on_call: Any) -> CapacityTest:
    """A test whose process has measured two steps and holds a third rate."""
    test = services.capacity_test_start(actor=on_call, chosen=options.Options(), reason="before <the> peak")
    spool = Path(test.spool)
    spool.mkdir(parents=True)
    events = [
        {"kind": "started", "target": {}},
        {"kind": "step-begins", "rate": 160.0},
        {"kind": "step", "kept": True, **step(160.0, 8.0)},
        {"kind": "step-begins", "rate": 400.0},
        {"kind": "step", "kept": False, **step(400.0, None, "no order was answered")},
        {"kind": "step-begins", "rate": 253.0},
        {"kind": "waiting", "why": "waiting for continuous trading that lasts for a whole step"},
        {"kind": "look", "rate": 253.0, "answered_per_s": 250.0, "p99_ms": None, "failed": 0.0},
    ]
    lines = "".join(json.dumps({"at": time.time(), "pid": 1, **event}) + "\n" for event in events)
    (spool / "events.jsonl").write_text(lines + '{"half')
    return test


def ended(test: CapacityTest, **changes: Any) -> CapacityTest:
    Path(test.spool).mkdir(parents=True, exist_ok=True)
    (Path(test.spool) / "report.json").write_text(json.dumps(ramp_report(**changes)))
    services.capacity_test_advance(test.pk)
    test.refresh_from_db()
    return test


def test_the_list_says_what_it_is_for_before_the_first_test(ready: Any, on_call: Any) -> None:
    page = text(signed_in(on_call), "/capacity/")
    assert "was never measured" in page and "No test yet" in page
    assert 'data-dialog="start"' in page and '<dialog id="start">' in page
    assert 'data-dialog="start"' not in text(signed_in(person("he", "auditor")), "/capacity/")


def test_the_list_names_what_speaks_against_a_start(running: CapacityTest, ready: Any, on_call: Any) -> None:
    page = text(signed_in(on_call), "/capacity/")
    assert running.number in page and "disabled" in page
    ended(running)
    ready["paused"] = True
    assert "flow is paused" in text(signed_in(on_call), "/capacity/")


def test_a_silent_cluster_is_no_error_page(ready: Any, on_call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent() -> None:
        raise Unavailable("no answer")

    monkeypatch.setattr(door, "session", silent)
    assert "does not answer" in text(signed_in(on_call), "/capacity/")


@pytest.mark.parametrize("tab", ["summary", "relations", "history", "audit", "nonsense"])
def test_a_running_test_is_readable_in_every_part(
    running: CapacityTest, on_call: Any, tab: str, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(QUERIES):
        page = text(signed_in(on_call), f"/capacity/tests/{running.pk}/?tab={tab}")
    assert running.number in page
    assert "before &lt;the&gt; peak" in page


def test_the_live_part_shows_the_steps_so_far(running: CapacityTest, on_call: Any) -> None:
    client = signed_in(on_call)
    page = text(client, f"/capacity/tests/{running.pk}/live/")
    assert "holding 253 orders a second" in page
    assert "kept the bounds" in page and "left the bounds" in page
    drawn = client.get(f"/capacity/tests/{running.pk}/figure/").json()
    assert drawn["data"][0]["x"] == [160.0] and drawn["data"][1]["x"] == [400.0]
    assert drawn["data"][1]["y"] == [200.0], "a step without an answer is drawn at the top, not left out"


@pytest.mark.parametrize("tab", ["summary", "relations", "history", "audit"])
def test_an_ended_test_shows_knee_ratio_and_bottleneck(
    running: CapacityTest, on_call: Any, tab: str, django_assert_max_num_queries: Any
) -> None:
    ended(running)
    with django_assert_max_num_queries(QUERIES):
        page = text(signed_in(on_call), f"/capacity/tests/{running.pk}/?tab={tab}")
    wanted = {"summary": "2.50 ×", "relations": "position", "history": "too little", "audit": running.report_sha256}
    assert wanted[tab] in page


def test_a_test_whose_process_died_keeps_what_it_had_measured(running: CapacityTest, on_call: Any) -> None:
    CapacityTest.objects.filter(pk=running.pk).update(pid=2**22 - 1, pid_started_at=1.0)
    services.capacity_test_advance(running.pk)
    page = text(signed_in(on_call), f"/capacity/tests/{running.pk}/")
    assert "died without a report" in page and "kept the bounds" in page


def test_list_history_and_downloads_of_ended_tests(
    running: CapacityTest, on_call: Any, django_assert_max_num_queries: Any
) -> None:
    ended(running)
    client = signed_in(on_call)
    with django_assert_max_num_queries(QUERIES):
        assert "2.50 ×" in text(client, "/capacity/")
    assert client.get("/capacity/history/").json()["data"][0]["y"] == [400.0]
    assert client.get(f"/capacity/tests/{running.pk}/report.json").json()["ratio"] == 2.5
    assert client.get(f"/capacity/tests/{running.pk}/report.txt").status_code == 404, "this one was never written"


def test_the_rail_counts_a_capacity_that_is_too_small(running: CapacityTest, on_call: Any) -> None:
    def count() -> int:
        watch = next(place for place in navigation.rail(on_call, "/") if place["key"] == "watch")
        return next(item for item in watch["items"] if item["url"] == "/capacity/")["count"]

    assert count() == 0
    ended(running)
    assert count() == 1


def test_forms_start_and_stop(ready: Any, on_call: Any) -> None:
    client = signed_in(on_call)
    assert client.post("/capacity/start/", {"reason": ""}).status_code == 400
    ready["segment"] = "opening"
    assert client.post("/capacity/start/", {"reason": "x"}).status_code == 409
    assert client.post("/capacity/start/", {"reason": "x", "confirmed": "1", "hold_s": "6"}).status_code == 302
    test = CapacityTest.objects.get()
    assert (test.options["hold_s"], test.options["confirmed"]) == (6.0, True)
    assert client.post(f"/capacity/tests/{test.pk}/stop/", {"reason": "y"}).status_code == 302
    test.refresh_from_db()
    assert test.stop_reason == "y"


def test_the_api_does_what_the_pages_do(ready: Any, on_call: Any) -> None:
    client = signed_in(on_call)

    def post(url: str, **body: Any) -> Any:
        return client.post(url, json.dumps(body), content_type="application/json")

    made = post("/api/v1/capacity-tests/", reason="x", asked=2.5)
    assert made.status_code == 201, made.content
    assert post("/api/v1/capacity-tests/", reason="x").status_code == 409
    pk = made.json()["id"]
    assert client.get(f"/api/v1/capacity-tests/{pk}/").json()["report"] == {}
    assert "report" not in client.get("/api/v1/capacity-tests/").json()["results"][0]
    assert post(f"/api/v1/capacity-tests/{pk}/stop/", reason="y").json()["state"] == "stopping"
    stranger = signed_in(person("nobody"))
    assert stranger.get("/api/v1/capacity-tests/").status_code == 403
    assert stranger.get("/capacity/").status_code == 403


def test_a_shadow_run_shows_its_first_difference_and_its_evidence(
    ready: Any, on_call: Any, django_assert_max_num_queries: Any
) -> None:
    shadow = ShadowRun.objects.create(
        number="SHD-00001", shard=0, centre="SZ-A", candidate="1.6.0", reason="before <the> release", started_by=on_call,
        spool=str(Path(services.process.spool_of("SHD-00001"))),
    )  # fmt: skip
    client = signed_in(on_call)
    assert "is being replayed" in text(client, f"/capacity/shadow/{shadow.pk}/")
    Path(shadow.spool).mkdir(parents=True)
    (Path(shadow.spool) / "report.json").write_text(json.dumps(shadow_report()))
    services.shadow_advance(shadow.pk)
    with django_assert_max_num_queries(QUERIES):
        page = text(client, f"/capacity/shadow/{shadow.pk}/")
    assert "different" in page and "price collar" in page and "before &lt;the&gt; release" in page
    assert client.get(f"/capacity/shadow/{shadow.pk}/report.json").json()["same"] is False
    with django_assert_max_num_queries(QUERIES):
        listed = text(client, "/capacity/shadow/")
    assert "SHD-00001" in listed and "the plain Python twin" in listed
    assert client.get("/api/v1/shadow-runs/?same=false").json()["count"] == 1


def test_progress_and_figures_of_nothing() -> None:
    assert progress.read([]).best is None
    assert figure.history([]) is None
    drawn = figure.throughput([step(1.0, 2.0)], bound_ms=100.0, knee=None, peak=None, asked=3.0)
    assert drawn["data"][1]["x"] == []
