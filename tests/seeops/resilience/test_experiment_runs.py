"""The life of a run: started once, stopped at any time, taken over from its process, ended whatever dies."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.db import connection

from seeops.alerts.models import Alert, AlertGroup
from seeops.audit.models import AuditRecord
from seeops.core.clock import now
from seeops.core.errors import Conflict, Forbidden, RuleViolation
from seeops.resilience import catalogue, process, selectors, services
from seeops.resilience.models import ExperimentRun, Outcome, RunState, SafetyLever
from tests.estate import person

CODE = "node-kill-order-processing"


def start(actor: Any, code: str = CODE) -> ExperimentRun:
    return services.experiment_start(actor=actor, experiment=catalogue.experiment(code), reason="quarterly test")


def result(**changes: Any) -> dict[str, Any]:
    at = time.time()
    return {
        "experiment": CODE,
        "digest": "d",
        "verdict": {"outcome": "held", "why": "", "undo_ok": True, "restored": True},
        "undo_why": "",
        "recovery": {
            "recovered_s": 0.0,
            "felt_s": None,
            "worst_success": 1.0,
            "failed_requests": 0,
            "unmeasured_s": 0,
            "lost_orders": 0,
            "duplicate_orders": 0,
        },
        "injected_at": at - 50,
        "ended_at": at,
        "journal_sha256": "0" * 64,
        **changes,
    }


def finish(run: ExperimentRun, **changes: Any) -> ExperimentRun:
    Path(run.spool).mkdir(parents=True, exist_ok=True)
    (Path(run.spool) / "result.json").write_text(json.dumps(result(**changes)))
    services.run_advance(run.pk)
    run.refresh_from_db()
    return run


def test_a_start_freezes_file_prediction_and_reason(ready: None, on_call: Any) -> None:
    run = start(on_call)
    assert run.number.startswith("EXP-")
    assert (run.state, run.active, run.session_phase) == (RunState.STARTING, True, "morning")
    assert run.document["title"] == run.title
    assert (run.prediction["effect"], len(run.prediction_digest)) == ("none", 64)
    record = AuditRecord.objects.get(action="experiment.start")
    assert (record.reason, record.actor_name) == ("quarterly test", "mei")


def test_only_those_who_may_start_and_stop(ready: None, on_call: Any) -> None:
    auditor = person("he", "auditor")
    with pytest.raises(Forbidden):
        start(auditor)
    run = start(on_call)
    with pytest.raises(Forbidden):
        services.experiment_stop(actor=auditor, run=run, reason="no")
    with pytest.raises(Forbidden):
        services.lever_pull(actor=auditor, reason="no")
    services.experiment_stop(actor=person("ops", "operator"), run=run, reason="yes")


def test_one_at_a_time_by_the_guard_and_by_the_database(
    ready: None, on_call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = start(on_call)
    with pytest.raises(RuleViolation, match=f"{first.number} is running"):
        start(on_call)
    # Two people at the same moment: both saw nothing running, the constraint decides.
    monkeypatch.setattr(selectors, "active_runs", list)
    with pytest.raises(Conflict, match="same moment"):
        start(on_call)
    assert ExperimentRun.objects.count() == 1


def test_a_pulled_lever_stops_what_runs_and_refuses_what_comes(ready: None, on_call: Any) -> None:
    run = start(on_call)
    services.lever_pull(actor=on_call, reason="phones ring")
    run.refresh_from_db()
    assert (run.state, run.stop_reason) == (RunState.STOPPING, "phones ring")
    services.run_advance(run.pk)
    run.refresh_from_db()
    assert (run.outcome, run.undo_ok, run.pid) == (Outcome.HALTED, True, None)
    with pytest.raises(RuleViolation, match="lever"):
        start(on_call)
    services.lever_release(actor=on_call, reason="calm again")
    assert start(on_call).active


def test_the_lever_needs_a_reason(ready: None, on_call: Any) -> None:
    with pytest.raises(RuleViolation, match="reason"):
        services.lever_pull(actor=on_call, reason="  ")
    assert not SafetyLever.objects.exists()


def test_a_critical_alert_or_a_lost_cluster_refuses_the_start(
    ready: None, on_call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = AlertGroup.objects.create(
        distinction="CentreDown/SZ-B",
        name="CentreDown",
        severity="critical",
        centre="SZ-B",
        started_at=now(),
        last_at=now(),
    )
    with pytest.raises(RuleViolation, match="CentreDown"):
        start(on_call)
    group.delete()
    monkeypatch.setattr(selectors, "session_phase", lambda: "")
    with pytest.raises(RuleViolation, match="does not answer"):
        start(on_call)


def test_a_stop_can_be_repeated_and_comes_too_late_after_the_end(
    ready: None, on_call: Any, django_capture_on_commit_callbacks: Any
) -> None:
    run = start(on_call)
    with django_capture_on_commit_callbacks(execute=True):
        services.experiment_stop(actor=on_call, run=run, reason="one")
        services.experiment_stop(actor=on_call, run=run, reason="two")
    assert (Path(run.spool) / "stop").exists()
    finish(run, verdict={"outcome": "halted", "why": "stopped", "undo_ok": True, "restored": True})
    assert (run.state, run.outcome, run.active) == (RunState.ENDED, Outcome.HALTED, None)
    with pytest.raises(RuleViolation, match="already ended"):
        services.experiment_stop(actor=on_call, run=run, reason="three")


def test_a_result_becomes_columns_and_an_audit_record(ready: None, on_call: Any) -> None:
    run = finish(start(on_call))
    assert (run.outcome, run.recovered_s, run.lost_orders, run.restored) == (Outcome.HELD, 0.0, 0, True)
    assert run.predicted_right is True
    assert (run.detected, run.alerts_fired) == (False, [])
    assert AuditRecord.objects.get(action="experiment.end").after["outcome"] == "held"
    # A late poke changes nothing.
    services.run_advance(run.pk)
    assert AuditRecord.objects.filter(action="experiment.end").count() == 1


def alert(run: ExperimentRun, name: str, after_s: float) -> None:
    group, _ = AlertGroup.objects.get_or_create(
        distinction=name, defaults={"name": name, "severity": "warning", "started_at": now(), "last_at": now()}
    )
    assert run.injected_at is not None
    Alert.objects.create(
        group=group,
        fingerprint=f"{name}{after_s}",
        starts_at=run.injected_at + dt.timedelta(seconds=after_s),
        status="firing",
        labels={"alertname": name},
    )


def test_an_alert_that_arrives_after_the_end_still_counts(ready: None, on_call: Any) -> None:
    run = finish(start(on_call))
    alert(run, "ChainSlow", 10)
    services.detections_review()
    run.refresh_from_db()
    assert (run.detected, run.alerts_fired) == (False, ["ChainSlow"])
    alert(run, "NodeDown", 31)
    alert(run, "NodeDown", 4000)
    services.detections_review()
    run.refresh_from_db()
    assert (run.detected, run.detected_by, run.detected_after_s) == (True, "NodeDown", 31)


def runner_of(run: ExperimentRun) -> subprocess.Popen[bytes]:
    """A real process that stands for the runner and never writes a result."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    found = psutil.Process(child.pid)
    ExperimentRun.objects.filter(pk=run.pk).update(
        pid=child.pid, pid_started_at=found.create_time(), host=os.uname().nodename, state=RunState.RUNNING
    )
    run.refresh_from_db()
    return child


def test_a_runner_that_dies_is_cleaned_up_after_and_ends_as_unknown(
    ready: None, on_call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(on_call)
    child = runner_of(run)
    services.run_advance(run.pk)
    run.refresh_from_db()
    assert run.state == RunState.RUNNING
    seen: list[str] = []

    def clear(cleared: ExperimentRun) -> str:
        seen.append(ExperimentRun.objects.get(pk=cleared.pk).state)
        return "WH-A did not answer"

    monkeypatch.setattr(process, "clear", clear)
    child.send_signal(signal.SIGKILL)
    child.wait(10)
    services.run_advance(run.pk)
    run.refresh_from_db()
    assert seen == [RunState.LOST]
    assert (run.state, run.outcome, run.undo_ok) == (RunState.ENDED, Outcome.UNKNOWN, False)
    assert "died" in run.why and "WH-A did not answer" in run.why


def test_a_runner_that_hangs_is_killed(ready: None, on_call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run = start(on_call)
    child = runner_of(run)
    monkeypatch.setattr(process, "clear", lambda _: "")
    ExperimentRun.objects.filter(pk=run.pk).update(created_at=now() - services.overdue_after(run))
    services.run_advance(run.pk)
    assert child.wait(10) == -signal.SIGKILL
    run.refresh_from_db()
    assert (run.outcome, run.undo_ok) == (Outcome.UNKNOWN, True)


def test_a_pid_given_to_somebody_else_is_not_the_runner(ready: None, on_call: Any) -> None:
    run = start(on_call)
    run.pid, run.host = os.getpid(), os.uname().nodename
    run.pid_started_at = psutil.Process().create_time() - 100
    assert not process.alive(run)
    process.kill(run)  # would end this test


def test_a_runner_whose_worker_died_is_found_again(ready: None, on_call: Any) -> None:
    run = start(on_call)
    Path(run.spool).mkdir(parents=True)
    command = [sys.executable, "-c", "import time; time.sleep(600)", process.owner_of(run)]
    with subprocess.Popen(command) as child:
        event = {"at": time.time(), "kind": "started", "pid": child.pid}
        (Path(run.spool) / "events.jsonl").write_text(json.dumps(event) + "\n")
        services.run_advance(run.pk)
        run.refresh_from_db()
        assert (run.pid, run.state) == (child.pid, RunState.RUNNING)
        child.kill()


def test_a_run_cannot_end_without_an_outcome(ready: None, on_call: Any) -> None:
    from django.db import IntegrityError, transaction

    run = start(on_call)
    with pytest.raises(IntegrityError), transaction.atomic():
        ExperimentRun.objects.filter(pk=run.pk).update(state=RunState.ENDED, active=None)
    assert connection.in_atomic_block


def test_a_run_that_has_not_ended_counts_as_the_active_one(ready: None, on_call: Any) -> None:
    from django.db import IntegrityError, transaction

    run = start(on_call)
    with pytest.raises(IntegrityError), transaction.atomic():
        ExperimentRun.objects.filter(pk=run.pk).update(active=None)
    assert connection.in_atomic_block
