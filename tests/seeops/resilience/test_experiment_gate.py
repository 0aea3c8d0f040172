"""Bounded faults for the gates of releases: guarded like every experiment, but the release that asks is no obstacle to itself."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from seeops.changes import services as changes
from seeops.core.clock import now
from seeops.inventory.models import Node, Service, Version
from seeops.releases import states
from seeops.releases.gates import options
from seeops.releases.gates.ports import Busy, Impossible
from seeops.releases.models import Release, ReleasePart
from seeops.resilience import gate, selectors
from seeops.resilience.gate import Gates
from seeops.resilience.models import ExperimentRun, RunState
from tests.seeops.changes.control import colleague
from tests.seeops.resilience.test_experiment_runs import finish

SERVICE = "order-trading"


def running(number: str) -> Release:
    """A release of the service that is under way."""
    lin = colleague(f"lin-{number[-1]}", "operator")
    service = Service.objects.get(name=SERVICE)
    ticket = changes.ticket_create(actor=lin, title="new", kind="normal", services=[service], reason="test")
    release = Release.objects.create(number=number, ticket=ticket, plan_digest="d" * 64, created_by=lin, started_by=lin)
    version = Version.objects.create(service=service, number=f"9.{number[-1]}.0", digest="e" * 64, file="absent")
    ReleasePart.objects.create(release=release, position=1, service=service, version=version, expression="1")
    Release.objects.filter(pk=release.pk).update(state=states.RUNNING, started_at=now())
    return release


def canaries(count: int = 1) -> list[tuple[str, str]]:
    own = Node.objects.filter(service__name=SERVICE, centre__code="SZ-A").order_by("name")
    return [(node.name, "SZ-A") for node in own[:count]]


def start(release: str = "REL-000001", **changes: Any) -> str:
    given = {"service": SERVICE, "nodes": canaries(), "options": asdict(options.Chaos()), "reason": "gate", **changes}
    return Gates().start(release=release, **given)


def test_its_own_release_is_no_obstacle_and_another_one_is(ready: None) -> None:
    running("REL-000001")
    with pytest.raises(Busy, match="REL-000001 is changing a target"):
        start(release="REL-000002")
    number = start()
    run = ExperimentRun.objects.get(number=number)
    assert run.started_by.username == "release-engine"
    assert (run.code, run.declared["max_nodes"]) == ("gate-rel-000001", 1)
    assert run.document["method"][0]["provider"]["arguments"]["nodes"] == [canaries()[0][0]]
    with pytest.raises(Busy, match=f"{number} is running"):
        start()


def test_the_guard_asks_all_it_ever_asks(ready: None, monkeypatch: pytest.MonkeyPatch) -> None:
    many = canaries(50)
    with pytest.raises(Busy, match="would be hit"):
        start(nodes=many)
    monkeypatch.setattr(selectors, "session_phase", lambda: "")
    with pytest.raises(Busy, match="does not answer"):
        start()
    assert not ExperimentRun.objects.exists()


def test_what_it_found_is_told_and_what_was_not_measured_is_not(ready: None) -> None:
    number = start()
    assert not Gates().look(number).ended
    finish(ExperimentRun.objects.get(number=number))
    told = Gates().look(number)
    assert (told.ended, told.outcome, told.lost, told.duplicates, told.undo_ok) == (True, "held", 0, 0, True)
    Gates().stop(number, "too late")


def test_a_stop_asks_the_runner_to_clear_its_faults(ready: None, django_capture_on_commit_callbacks: Any) -> None:
    number = start()
    with django_capture_on_commit_callbacks(execute=True):
        Gates().stop(number, "the release is held")
    run = ExperimentRun.objects.get(number=number)
    assert run.state == RunState.STOPPING
    assert (Path(run.spool) / "stop").read_text() == "the release is held"


def test_a_document_that_does_not_fit_is_not_run(ready: None) -> None:
    with pytest.raises(Impossible, match="required property"):
        gate.written({"title": "nothing"}, "REL-000001")
