"""Runs of the catalogue on a real centre: forms from argument specs, a complete log, a killed process found lost."""

from __future__ import annotations

import os
import signal
from typing import Any

import psutil
import pytest
import requests

from seeops.automation import catalogue, process, selectors, services
from seeops.automation.models import Run, RunEvent
from seeops.core.errors import Forbidden, InvalidInput, RuleViolation
from seeops.inventory.models import Node
from tests.estate import import_estate, observed_up, person
from tests.polling import eventually

DEADLINE_S = 90


@pytest.fixture
def here(transactional_db: None, centre: Any, valkey_url: str, settings: Any, tmp_path: Any) -> Any:
    settings.VAR_DIR = tmp_path
    import_estate(0.05)
    observed_up()
    for row in requests.get(f"{centre.url}/nodes", timeout=10).json()["nodes"]:
        Node.objects.filter(name=row["node"]).update(agent_url=f"{centre.url}/nodes/{row['node']}")
    yield centre
    for run in Run.objects.filter(state="running"):
        process.end(run)
    for child in process._children:
        child.kill()
        child.wait(timeout=10)


def follow(run: Run, until: Any = lambda run: not run.live) -> Run:
    def look() -> Run | None:
        checked = services.run_check(run)
        return checked if until(checked) else None

    return eventually(look, lambda: f"{run.state}: {run.problem}", DEADLINE_S, interval_s=0.2)


def start(actor: Any, playbook: str, names: list[str], **inputs: Any) -> Run:
    return services.run_start(actor=actor, playbook=playbook, nodes=names, inputs=inputs, reason="test")


def test_inspection_of_all_nodes_reports_everyone_and_the_log_is_complete_by_proof(here, client):
    lin = person("lin", "operator")
    names = list(Node.objects.filter(centre__code="SZ-A").order_by("name").values_list("name", flat=True))
    run = follow(start(lin, "inspection", names))
    assert (run.state, run.hosts_done, run.hosts_failed) == ("done", len(names), 0)
    report = selectors.inspection(run)
    assert (len(report.nodes), report.silent) == (len(names), [])
    assert selectors.log_verify(run).intact
    RunEvent.objects.filter(run=run, seq=3).update(message="altered")
    assert not selectors.log_verify(run).intact
    client.force_login(lin)
    for tab in ("log", "nodes", "report", "audit"):
        assert client.get(f"/automation/runs/{run.pk}/?tab={tab}").status_code == 200
    assert names[0] in client.get(f"/automation/runs/{run.pk}/log/?after=0").content.decode()


def test_a_killed_process_is_found_lost_and_its_playbook_dies_with_it(here):
    names = list(Node.objects.filter(centre__code="SZ-A", service__name="quote-push").values_list("name", flat=True))
    run = start(person("lin", "operator"), "restart", names)
    run = follow(run, lambda run: run.hosts_done >= 1 or not run.live)
    children = psutil.Process(run.pid).children(recursive=True)
    os.kill(run.pid, signal.SIGKILL)
    run = follow(run)
    assert run.state == "lost"
    assert selectors.log_verify(run).intact
    assert psutil.wait_procs(children, timeout=10)[1] == []


def test_what_a_playbook_needs_is_checked_before_anything_is_queued(here):
    lin, wang = person("lin", "operator"), person("wang", "approver")
    name = Node.objects.first().name
    with pytest.raises(Forbidden):
        start(wang, "inspection", [name])
    with pytest.raises(RuleViolation, match="releases only"):
        start(lin, "release", [name])
    for playbook, names, inputs, words in (
        ("nonsense", [name], {}, "no playbook"),
        ("inspection", [], {}, "No node"),
        ("inspection", ["nowhere-1"], {}, "nowhere-1"),
        ("restart", [name], {"wait_s": "soon"}, "whole number"),
        ("restart", [name], {"other": 1}, "no option"),
        ("configuration", [name], {}, "is missing"),
    ):
        with pytest.raises(InvalidInput, match=words):
            start(lin, playbook, names, **inputs)
    assert not Run.objects.exists()


def test_every_playbook_of_the_catalogue_has_a_form(client, small_estate):
    client.force_login(person("lin", "operator"))
    assert client.get("/automation/").status_code == 200
    for book in catalogue.playbooks().values():
        if book.from_form:
            page = client.get(f"/automation/playbooks/{book.code}/?service=auth").content.decode()
            assert all(f'name="{option.name}"' in page for option in book.options)


def test_what_a_person_writes_is_a_value_and_never_a_template(here, tmp_path):
    """A reason or input with a lookup would otherwise run a command of its author on the controller."""
    traces = [tmp_path / name for name in ("from-reason", "from-input")]
    by_reason, by_input = ("{{ lookup('pipe', 'touch PATH') }}".replace("PATH", str(path)) for path in traces)
    lin = person("lin", "operator")
    name = Node.objects.filter(centre__code="SZ-A").order_by("name").values_list("name", flat=True)[0]
    run = follow(services.run_start(actor=lin, playbook="inspection", nodes=[name], inputs={}, reason=by_reason))
    assert (run.state, run.reason) == ("done", by_reason)
    run = follow(
        services.run_start(
            actor=lin, playbook="configuration", nodes=[name], inputs={"content": f"note = {by_input}\n"}, reason="test"
        )
    )
    assert not run.live
    assert [path for path in traces if path.exists()] == []
