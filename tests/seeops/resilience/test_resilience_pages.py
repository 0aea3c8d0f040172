"""Pages and API of the experiments: complete in every state of a run, few queries, rights kept."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from seeops.resilience import catalogue, services
from seeops.resilience.models import ExperimentRun
from tests.estate import person

CODE = "shard-primary-kill"
SAMPLE = {
    "t": 0.0, "asked": 100, "bad": 0, "by_chain": {}, "lost": 0, "duplicates": 0, "p99_ms": {"cash-order": 12.0}, "gap": "",
    "orders": [50, 0], "waiting_s": 0.1, "success": 1.0,
}  # fmt: skip


def signed_in(who: Any) -> Client:
    client = Client()
    client.force_login(who)
    return client


@pytest.fixture
def run(ready: None, on_call: Any) -> ExperimentRun:
    """A run whose runner has written some seconds."""
    found = services.experiment_start(actor=on_call, experiment=catalogue.experiment(CODE), reason="before the peak")
    spool = Path(found.spool)
    spool.mkdir(parents=True)
    at = time.time()
    events = [
        {"at": at, "kind": "started"},
        {"at": at + 6, "kind": "steady-state-before", "met": True},
        {
            "at": at + 7,
            "kind": "action",
            "name": "kill -9 the primary",
            "status": "succeeded",
            "output": {"where": "x"},
        },
        {"at": at + 9, "kind": "steady-state-missed", "probes": {"Customers are served": 0.25}},
        {"at": at + 11, "kind": "steady-state-missed", "probes": {"Customers are served": None}},
        {"at": at + 40, "kind": "rolling-back"},
        {"at": at + 41, "kind": "clear-failed", "why": "WH-A: <no> answer"},
    ]
    (spool / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    lines = [{**SAMPLE, "at": at}, {**SAMPLE, "at": at + 1, "success": None, "gap": "time-out"}]
    (spool / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"half')
    return found


def text(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200, response.content[:300]
    return response.content.decode()


def test_the_list_names_every_experiment_and_what_was_never_tested(
    run: ExperimentRun, on_call: Any, django_assert_max_num_queries: Any
) -> None:
    client = signed_in(on_call)
    with django_assert_max_num_queries(24):
        page = text(client, "/experiments/")
    for experiment in catalogue.catalogue().experiments.values():
        assert experiment.title.replace("'", "&#x27;") in page
    assert run.number in page
    assert "never run" in page and "never tested" in page


@pytest.mark.parametrize("tab", ["summary", "relations", "metrics", "history", "nonsense"])
def test_an_experiment_says_why_it_may_not_start(run: ExperimentRun, on_call: Any, tab: str) -> None:
    page = text(signed_in(on_call), f"/experiments/{CODE}/?tab={tab}")
    assert f"{run.number} is running" in page
    assert "disabled" in page


@pytest.mark.parametrize("tab", ["summary", "relations", "metrics", "history", "audit"])
def test_a_run_is_readable_in_every_part(
    run: ExperimentRun, on_call: Any, tab: str, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(26):
        page = text(signed_in(on_call), f"/experiments/runs/{run.pk}/?tab={tab}")
    assert run.number in page


def test_the_story_of_a_run_tells_misses_and_failures(run: ExperimentRun, on_call: Any) -> None:
    page = text(signed_in(on_call), f"/experiments/runs/{run.pk}/live/")
    assert "Out of tolerance 2 times" in page
    assert "no data" in page
    assert "WH-A: &lt;no&gt; answer" in page


def test_figures_keep_gaps_and_half_written_lines_wait(run: ExperimentRun, on_call: Any) -> None:
    client = signed_in(on_call)
    figure = json.loads(text(client, f"/experiments/runs/{run.pk}/figure/"))
    assert figure["data"][0]["y"] == [100.0, None]
    assert len(figure["layout"]["shapes"]) == 0 or figure["layout"]["shapes"][0]["type"] == "rect"
    waits = json.loads(text(client, f"/experiments/runs/{run.pk}/figure/?view=waits"))
    assert waits["data"][0]["y"] == [100, None]


def test_runs_are_filtered_and_only_existing_ones_have_a_journal(run: ExperimentRun, on_call: Any) -> None:
    client = signed_in(on_call)
    assert run.number in text(client, "/experiments/runs/")
    assert run.number not in text(client, "/experiments/runs/?outcome=held")
    assert client.get(f"/experiments/runs/{run.pk}/journal/").status_code == 404
    assert client.get("/experiments/no-such/").status_code == 404
    assert "clear_faults" in text(client, "/experiments/faults/")


def test_an_auditor_reads_but_sees_no_button(run: ExperimentRun) -> None:
    client = signed_in(person("he", "auditor"))
    assert "data-dialog" not in text(client, f"/experiments/{CODE}/")
    assert client.post(f"/experiments/runs/{run.pk}/stop/", {"reason": "no"}).status_code == 403
    assert client.post(f"/experiments/{CODE}/start/", {"reason": "no"}).status_code == 403


def test_forms_start_stop_and_pull(run: ExperimentRun, on_call: Any) -> None:
    client = signed_in(on_call)
    assert client.post(f"/experiments/runs/{run.pk}/stop/", {"reason": ""}).status_code == 400
    assert client.post(f"/experiments/runs/{run.pk}/stop/", {"reason": "enough"}).status_code == 302
    assert client.post("/experiments/lever/", {"pull": "1", "reason": "all of it"}).status_code == 302
    assert "all of it" in text(client, "/experiments/")
    assert client.post("/experiments/lever/", {"reason": "again"}).status_code == 302


def test_the_api_starts_stops_and_explains(run: ExperimentRun, on_call: Any) -> None:
    client = signed_in(on_call)
    listed = client.get("/api/v1/experiments/?limit=3").json()
    assert (listed["count"] > 3, len(listed["results"])) == (True, 3)
    shown = client.get(f"/api/v1/experiments/{CODE}/").json()
    assert shown["prediction"]["effect"] == "interruption"
    assert shown["refusals"]
    refused = client.post(f"/api/v1/experiments/{CODE}/start/", {"reason": "x"}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (409, "unsafe")
    stopped = client.post(
        f"/api/v1/experiment-runs/{run.pk}/stop/", {"reason": "enough"}, content_type="application/json"
    )
    assert stopped.json()["state"] == "stopping"
    lever = client.post(
        "/api/v1/experiments/lever/", {"pulled": True, "reason": "all"}, content_type="application/json"
    )
    assert lever.json()["pulled"] is True
    assert client.get("/api/v1/experiment-runs/?state=stopping").json()["count"] == 1
