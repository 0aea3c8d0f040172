"""The life of capacity tests and shadow runs: started once, stopped at any time, taken over from their process, ended whatever dies."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from seeops.audit.models import AuditRecord
from seeops.capacity import options, process, selectors, services
from seeops.capacity.models import CapacityTest, ShadowRun, WorkState
from seeops.cluster import door
from seeops.core.clock import now
from seeops.core.errors import Conflict, Forbidden, InvalidInput, RuleViolation
from seeops.inventory.models import Service, Version
from seeops.resilience import catalogue
from seeops.resilience import services as experiments
from tests.estate import person
from tests.seeops.capacity.conftest import ramp_report, shadow_report


def start(actor: Any, **changes: Any) -> CapacityTest:
    return services.capacity_test_start(actor=actor, chosen=options.Options(), reason="before the peak", **changes)


def finish(work: Any, report: dict[str, Any]) -> Any:
    Path(work.spool).mkdir(parents=True, exist_ok=True)
    (Path(work.spool) / "report.json").write_text(json.dumps(report))
    advance(work)
    return work


def advance(work: Any) -> None:
    (services.capacity_test_advance if isinstance(work, CapacityTest) else services.shadow_advance)(work.pk)
    work.refresh_from_db()


def test_a_start_needs_the_right_and_is_recorded(ready: Any, on_call: Any) -> None:
    with pytest.raises(Forbidden):
        start(person("he", "auditor"))
    test = start(on_call)
    assert (test.number[:4], test.state, test.session_phase) == ("CAP-", WorkState.STARTING, "morning")
    assert test.options["declared_peak"] == 160.0
    record = AuditRecord.objects.get(action="capacity.start")
    assert (record.reason, record.actor_name) == ("before the peak", "mei")


def test_one_at_a_time_by_the_guard_and_by_the_database(
    ready: Any, on_call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = start(on_call)
    with pytest.raises(RuleViolation, match=f"{first.number} is running"):
        start(on_call)
    # Two people at the same moment: both saw nothing running, the constraint decides.
    monkeypatch.setattr(selectors, "active_tests", CapacityTest.objects.none)
    with pytest.raises(Conflict, match="same moment"):
        start(on_call)
    assert CapacityTest.objects.count() == 1


def test_tests_and_experiments_keep_out_of_each_others_way(ready: Any, on_call: Any) -> None:
    test = start(on_call)
    experiment = catalogue.experiment("shard-primary-kill")
    with pytest.raises(RuleViolation, match=f"{test.number} is running"):
        experiments.experiment_start(actor=on_call, experiment=experiment, reason="drill")
    finish(test, ramp_report())
    experiments.lever_pull(actor=on_call, reason="phones ring")
    with pytest.raises(RuleViolation, match="lever"):
        start(on_call)


def test_a_report_becomes_the_result_with_its_digest(ready: Any, on_call: Any) -> None:
    test = finish(start(on_call), ramp_report())
    assert (test.state, test.active, test.outcome, test.mark) == (WorkState.ENDED, None, "measured", "bad")
    assert (test.knee_per_s, test.ratio, test.enough, test.peak_source) == (400.0, 2.5, False, "declared")
    assert "position in SZ-A" in test.limit_text
    assert len(test.report_sha256) == 64
    assert AuditRecord.objects.filter(action="capacity.end").count() == 1
    assert selectors.short_of_capacity() == 1
    assert (test.level_gone, ready["ended"]) == (True, [f"capacity:{test.number}"])


def test_a_stopped_test_is_halted_and_judges_nothing(
    ready: Any, on_call: Any, django_capture_on_commit_callbacks: Any
) -> None:
    test = start(on_call)
    CapacityTest.objects.filter(pk=test.pk).update(state=WorkState.RUNNING, pid=1, pid_started_at=0.0)
    with django_capture_on_commit_callbacks(execute=True):
        services.capacity_test_stop(actor=person("ops", "operator"), test=test, reason="enough")
    assert (Path(test.spool) / "stop").read_text() == "enough"
    finish(test, ramp_report(outcome="broken-off", why="enough", enough=False))
    assert (test.outcome, test.enough, test.mark, test.word) == ("halted", None, "absent", "halted")
    with pytest.raises(RuleViolation, match="already ended"):
        services.capacity_test_stop(actor=on_call, test=test, reason="again")


def test_a_test_stopped_before_it_began_touches_nothing(
    ready: Any, on_call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = start(on_call)
    services.capacity_test_stop(actor=on_call, test=test, reason="wrong day")
    monkeypatch.setattr(process, "spawn", lambda *_: pytest.fail("nothing may be started"))
    advance(test)
    assert (test.outcome, test.level_gone, test.pid) == ("halted", True, None)


def sleeper(work: Any, arguments: list[str]) -> dict[str, Any]:
    """A process that goes on for ever in place of the real one."""
    words = [sys.executable, "-c", "import time; time.sleep(600)"]
    child = process.subprocess.Popen(words, start_new_session=True)
    process._children.append(child)
    return {"pid": child.pid, "pid_started_at": process._start_time(child.pid), "host": process.socket.gethostname()}


def test_kill_9_of_the_process_is_seen_and_the_load_taken_away(
    ready: Any, on_call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "spawn", sleeper)
    test = start(on_call)
    advance(test)
    assert test.state == WorkState.RUNNING
    advance(test)
    assert test.state == WorkState.RUNNING, "nothing has happened: it goes on"
    os.kill(test.pid, signal.SIGKILL)
    process._children[-1].wait(10)
    advance(test)
    assert (test.state, test.outcome, test.mark) == (WorkState.ENDED, "unknown", "unknown")
    assert "died without a report" in test.why
    assert ready["ended"] == [f"capacity:{test.number}"]


def test_a_hanging_process_is_ended(ready: Any, on_call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "spawn", sleeper)
    test = start(on_call)
    advance(test)
    CapacityTest.objects.filter(pk=test.pk).update(created_at=now() - services.TEST_DUTY.longest * 1.1)
    advance(test)
    assert test.outcome == "unknown"
    assert process._children[-1].wait(10) == -signal.SIGKILL


def test_a_result_that_cannot_be_confirmed_is_said_to_be_unknown(
    ready: Any, on_call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(owner: str) -> bool:
        raise door.Unreached("no answer")

    monkeypatch.setattr(door, "end_level", silent)
    assert finish(start(on_call), ramp_report()).level_gone is None


@pytest.mark.parametrize(
    "row", [{"reason": ""}, {"state": "ended"}, {"active": None}, {"state": "ended", "active": None}]
)
def test_the_database_refuses_impossible_rows(ready: Any, on_call: Any, row: dict[str, Any]) -> None:
    test = start(on_call)
    with pytest.raises(IntegrityError), transaction.atomic():
        CapacityTest.objects.filter(pk=test.pk).update(**row)


# -- shadow runs -------------------------------------------------------------------------------------------------------


@pytest.fixture
def journal(ready: Any, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Version:
    """A shard's folder with a journal, and one package of the matching service in the catalogue."""
    shards = {"0": {"SZ-A": {}}, "1": {"SZ-A": {}}}
    monkeypatch.setattr(door, "endpoints", lambda: {"state": str(tmp_path), "shards": shards})
    (tmp_path / "shards" / "shard-0-SZ-A" / "journal").mkdir(parents=True)
    (tmp_path / "shards" / "shard-0.json").write_text("{}")
    file = tmp_path / "matching-9.0.0.tar.gz"
    file.write_bytes(b"package")
    return Version.objects.create(
        service=Service.objects.get(name="matching"), number="9.0.0", file=str(file), notes="Library updates.",
        digest=hashlib.sha256(b"package").hexdigest(),
    )  # fmt: skip


def replay(actor: Any, candidate: str = "9.0.0", shard: int = 0) -> ShadowRun:
    return services.shadow_start(actor=actor, shard=shard, centre="", candidate=candidate, reason="before the release")


def test_a_shadow_run_becomes_evidence_that_a_release_can_ask_for(journal: Version, on_call: Any) -> None:
    shadow = replay(on_call)
    words = services._shadow_arguments(shadow)
    assert words[words.index("--package") + 1] == journal.file
    report = shadow_report()
    report["candidate"]["digest"] = journal.digest
    finish(shadow, report)
    assert (shadow.same, shadow.mark, shadow.word, shadow.differing_entries) == (False, "bad", "different", 4)
    assert len(shadow.report_sha256) == 64
    assert AuditRecord.objects.filter(action="shadow.end").count() == 1
    assert selectors.shadow_gate(journal.digest, 0) == shadow
    assert selectors.shadow_gate(journal.digest, 1) is None


def test_a_report_on_another_package_judges_nothing(journal: Version, on_call: Any) -> None:
    shadow = finish(replay(on_call), shadow_report(same=True))
    assert (shadow.same, shadow.mark) == (None, "unknown")
    assert "replaced" in shadow.why
    assert selectors.shadow_gate(journal.digest, 0) is None


def test_only_what_is_there_and_what_it_says_it_is_can_be_replayed(journal: Version, on_call: Any) -> None:
    with pytest.raises(Forbidden):
        replay(person("he", "auditor"))
    with pytest.raises(InvalidInput, match="no candidate"):
        replay(on_call, candidate="0.0.1")
    with pytest.raises(InvalidInput, match="No journal of shard 1"):
        replay(on_call, shard=1)
    Path(journal.file).write_bytes(b"another package")
    with pytest.raises(InvalidInput, match="not the one in the catalogue"):
        replay(on_call)
    replay(on_call, candidate="twin")
    with pytest.raises(Conflict, match="under way"):
        replay(on_call, candidate="twin")


def test_a_stopped_or_dead_shadow_run_cannot_be_judged(
    journal: Version, on_call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "spawn", sleeper)
    shadow = replay(on_call, candidate="twin")
    advance(shadow)
    services.shadow_stop(actor=on_call, shadow=shadow, reason="takes too long")
    process._children[-1].wait(10)
    shadow.refresh_from_db()
    advance(shadow)
    assert (shadow.state, shadow.same, shadow.why) == (WorkState.ENDED, None, "stopped before its end")
    second = replay(on_call, candidate="twin")
    advance(second)
    os.kill(second.pid, signal.SIGKILL)
    process._children[-1].wait(10)
    advance(second)
    assert (second.same, second.mark) == (None, "unknown")
    assert "died" in second.why
