"""Runs of workflows: every kind of step, people's commands, and a worker or step process killed at every point."""

from __future__ import annotations

import datetime as dt
import http.server
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest
from django.db import IntegrityError, connection, transaction

from seeops.automation import process
from seeops.automation.models import StepRun, Workflow, WorkflowRun, WorkflowVersion
from seeops.automation.workflows import commands, engine, versions
from seeops.core.errors import Conflict, Forbidden, InvalidInput, RuleViolation
from seeops.monitoring import prometheus
from tests.estate import person
from tests.polling import eventually
from tests.seeops.automation.test_workflow_checks import branch, flow, step, wait

DEADLINE_S = 60


class Server(http.server.ThreadingHTTPServer):
    """Counts what it was asked; `gate` holds answers back."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.keys: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.status = 200
        self.url = f"http://127.0.0.1:{self.server_port}/"


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self) -> None:
        server: Any = self.server
        server.keys.append(self.headers["Idempotency-Key"])
        server.gate.wait(30)
        body = b'{"n": 5}'
        try:
            self.send_response(server.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            return  # the caller was killed, as the test wanted

    do_GET = do_POST = answer

    def log_message(self, *args: Any) -> None:
        return


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.gate.set()
        running.shutdown()
        thread.join()


@pytest.fixture
def people(transactional_db: None, valkey_url: str, settings: Any, tmp_path: Any) -> Iterator[dict[str, Any]]:
    settings.VAR_DIR = tmp_path
    yield {"lin": person("lin", "operator"), "wu": person("wu", "operator"), "wang": person("wang", "approver")}
    for attempt in StepRun.objects.filter(pid__isnull=False):
        process.end(attempt)
    for child in process._children:
        child.wait(timeout=20)


def approved(people: dict[str, Any], definition: dict[str, Any], title: str = "Mine") -> WorkflowVersion:
    workflow = Workflow.objects.filter(title=title).first() or versions.workflow_create(actor=people["wu"], title=title)
    base = workflow.versions.order_by("-number").first().number
    version = versions.version_save(
        actor=people["wu"], workflow=workflow, definition={**definition, "title": title}, base=base
    )
    versions.version_submit(actor=people["wu"], version=version)
    versions.version_decide(actor=people["wang"], version=version, approve=True, digest=version.digest, reason="")
    return version


def started(people: dict[str, Any], definition: dict[str, Any], **inputs: Any) -> WorkflowRun:
    return commands.workflow_start(
        actor=people["lin"], version=approved(people, definition), inputs=inputs, reason="test"
    )


def follow(
    run: WorkflowRun,
    until: Callable[[WorkflowRun], bool] = lambda run: run.state in ("done", "failed", "holding", "cancelled"),
) -> WorkflowRun:
    def look() -> bool:
        for pk in engine.driven():
            engine.advance(pk)
        run.refresh_from_db()
        return until(run)

    def standing() -> str:
        return f"{run.state} {run.state_reason} {list(run.steps.values_list('step', 'state', 'problem'))}"

    eventually(look, standing, DEADLINE_S)
    return run


def attempts(run: WorkflowRun) -> list[tuple[str, int, str]]:
    return list(run.steps.values_list("step", "attempt", "state"))


def call(server: Server, success: str = "done", failure: str = "failed", **more: Any) -> dict[str, Any]:
    return step("http", success, failure, **{"method": "POST", "url": server.url, "timeout_s": 30, **more})


def test_a_script_a_call_a_branch_and_another_workflow_hand_values_on(people, server):
    inner = flow(
        inputs={"n": {"type": "int", "required": True}}, a=branch({"left": "${inputs.n}", "operator": ">", "right": 4})
    )
    inner["steps"]["a"]["next"] = {"yes": "done", "no": "failed", "failure": "failed"}
    number = approved(people, inner, "Inner").number
    code = "import json, os\nx = json.load(open(os.environ['INPUTS']))\njson.dump({'n': len(x['who'])}, open(os.environ['RESULT'], 'w'))"
    run = started(
        people,
        flow(
            inputs={"who": {"type": "str", "default": "alice"}},
            a=step("script", "b", "failed", language="python", code=code, outputs={"n": "int"}, inputs={"who": "${inputs.who}"}),
            b=call(server, "c", url=server.url + "?n=${steps.a.n}&w=${inputs.who}"),
            c={**branch({"left": "${steps.b.json}", "operator": "contains", "right": 5}, {"left": "${steps.b.code}", "operator": "==", "right": 200}),
               "next": {"yes": "d", "no": "d", "failure": "failed"}},
            d=step("workflow", "done", "failed", workflow="inner", version=number, inputs={"n": "${steps.a.n}"}),
        ),
        who="a&b?c",
    )  # fmt: skip
    run = follow(run)
    assert (run.state, attempts(run)) == ("done", [(name, 1, "succeeded") for name in "abcd"]), run.state_reason
    assert run.steps.get(step="b").parameters["url"].endswith("?n=5&w=a%26b%3Fc")
    assert server.keys == [f"{run.number}/b/1"]
    assert run.steps.get(step="d").child.state == "done"


def test_failure_edges_retry_and_skip(people, server):
    server.status = 500
    run = follow(started(people, flow(a=call(server, "done", "b"), b=wait("failed", "failed"))))
    assert (run.state, attempts(run)) == ("failed", [("a", 1, "failed"), ("b", 1, "succeeded")])
    with pytest.raises(InvalidInput):
        commands.step_retry(actor=people["lin"], run=run, step="b", reason="")
    commands.step_retry(actor=people["lin"], run=run, step="a", reason="again")
    run = follow(run)
    assert (run.state, len(server.keys), len(set(server.keys))) == ("failed", 2, 2)
    with pytest.raises(InvalidInput):
        commands.step_pass_over(actor=people["lin"], run=run, step="a", reason=" ")
    commands.step_pass_over(actor=people["lin"], run=run, step="a", reason="done by hand")
    run = follow(run)
    assert (run.state, run.steps.filter(step="a").order_by("-attempt").first().state) == ("done", "skipped")


def test_approval_excludes_author_and_starter_and_asks_for_as_many_as_wanted(people):
    run = started(people, flow(a=step("approval", question="go?", role="approver", count=2)))
    run = follow(run, lambda run: run.state == "waiting")
    asked = run.steps.get()
    also = [person(name, "approver") for name in ("zhao", "qian")]
    for who in (people["lin"], people["wu"]):
        who.roles = ["operator", "approver"]
        who.save()
    for who in (people["lin"], people["wu"], person("he", "auditor")):
        with pytest.raises(Forbidden):
            commands.step_decide(actor=who, step=asked, agreed=True, comment="")
    commands.step_decide(actor=also[0], step=asked, agreed=True, comment="fine")
    with pytest.raises(Conflict):
        commands.step_decide(actor=also[0], step=asked, agreed=True, comment="")
    assert follow(run, lambda run: True).state == "waiting"
    commands.step_decide(actor=also[1], step=asked, agreed=True, comment="")
    run = follow(run)
    assert (run.state, run.steps.get().outputs) == ("done", {"decided_by": "zhao, qian", "comment": "fine"})


def test_an_approval_that_is_refused_or_expires_fails(people):
    asking = flow(a=step("approval", question="go?", role="approver"))
    run = follow(started(people, asking), lambda run: run.state == "waiting")
    commands.step_decide(actor=person("zhao", "approver"), step=run.steps.get(), agreed=False, comment="no")
    assert follow(run).state == "failed"
    run = commands.workflow_start(actor=people["lin"], version=run.version, inputs={}, reason="again")
    run = follow(run, lambda run: run.state == "waiting")
    run.steps.update(due_at=run.created_at)
    assert follow(run).state_reason == "a: nobody decided in time"


def test_a_gate_holds_for_its_time_and_no_data_never_passes(people, monkeypatch):
    answers: list[Any] = [None, 9.0, prometheus.Unavailable("away"), 1.0]

    def value(query: str) -> Any:
        assert query == 'up{a="x\\"y"}'
        found = answers[0] if len(answers) == 1 else answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(prometheus, "value", value)
    monkeypatch.setattr("seeops.automation.workflows.drivers.LOOK_AGAIN_S", 0.01)
    gate = step("promql", query='up{a="${inputs.a}"}', operator="<", threshold=5, hold_s=0, timeout_s=60)
    definition = flow(inputs={"a": {"type": "str"}}, a=gate)
    run = follow(started(people, definition, a='x"y'))
    assert (run.state, run.steps.get().outputs, len(answers)) == ("done", {"value": 1.0}, 1)
    answers[:] = [None]
    run = commands.workflow_start(actor=people["lin"], version=run.version, inputs={"a": 'x"y'}, reason="again")
    follow(run, lambda run: run.steps.exists())
    run.steps.update(due_at=run.created_at)
    assert follow(run).state_reason == "a: nothing was measured in time: no data"


def test_pause_resume_and_cancel(people, server):
    run = started(people, flow(a=wait("b", seconds=3600), b=wait()))
    follow(run, lambda run: run.steps.exists())
    commands.workflow_pause(actor=people["lin"], run=run, reason="look first")
    run.steps.update(due_at=run.created_at)
    run = follow(run, lambda run: run.state == "paused")
    assert attempts(run) == [("a", 1, "succeeded")]
    commands.workflow_resume(actor=people["lin"], run=run)
    follow(run, lambda run: run.steps.filter(step="b").exists())
    commands.workflow_cancel(actor=people["lin"], run=run, reason="enough")
    assert attempts(follow(run)) == [("a", 1, "succeeded"), ("b", 1, "cancelled")]
    server.gate.clear()
    run = started(people, flow(a=call(server)))
    follow(run, lambda run: bool(server.keys))
    commands.workflow_cancel(actor=people["lin"], run=run, reason="enough")
    run = follow(run)
    assert (run.state, attempts(run)) == ("cancelled", [("a", 1, "unknown")])
    assert not psutil.pid_exists(run.steps.get().pid) or not process.alive(run.steps.get())


def test_only_approved_versions_run_and_nobody_approves_their_own(people):
    workflow = versions.workflow_create(actor=people["wu"], title="Mine")
    version = workflow.versions.get()
    with pytest.raises(RuleViolation, match="only an approved"):
        commands.workflow_start(actor=people["lin"], version=version, inputs={}, reason="x")
    versions.version_submit(actor=people["wu"], version=version)
    people["wu"].roles = ["operator", "approver", "administrator"]
    people["wu"].save()
    with pytest.raises(Forbidden, match="your own"):
        versions.version_decide(
            actor=type(people["wu"]).objects.get(pk=people["wu"].pk),
            version=version,
            approve=True,
            digest=version.digest,
            reason="",
        )
    with pytest.raises(Conflict, match="read it again"):
        versions.version_decide(actor=people["wang"], version=version, approve=True, digest="other", reason="")
    with pytest.raises(IntegrityError), transaction.atomic():
        WorkflowVersion.objects.filter(pk=version.pk).update(state="approved", decided_by=people["wu"])
    for values in ({"definition": {}}, {"digest": "x"}):
        with pytest.raises(Exception, match="Cannot update"), transaction.atomic():
            WorkflowVersion.objects.filter(pk=version.pk).update(**values)
    with pytest.raises(versions.NotSound) as refused:
        versions.version_save(actor=people["wu"], workflow=workflow, definition=flow(a=wait("nowhere")), base=1)
    assert refused.value.findings
    versions.version_save(actor=people["wu"], workflow=workflow, definition=flow(a=wait()), base=1)
    with pytest.raises(Conflict, match="meanwhile"):
        versions.version_save(actor=people["lin"], workflow=workflow, definition=flow(b=wait(), start="b"), base=1)


def test_a_trial_changes_nothing_outside(people, server):
    workflow = versions.workflow_create(actor=people["wu"], title="Mine")
    definition = flow(a=wait("b", seconds=3600), b=call(server, "c"), c=step("approval", "d", question="${steps.b.code}?", role="approver"),
                      d=branch({"left": "${steps.b.code}", "operator": "==", "right": 0}))  # fmt: skip
    version = versions.version_save(actor=people["wu"], workflow=workflow, definition=definition, base=1)
    run = follow(commands.workflow_start(actor=people["wu"], version=version, inputs={}, reason="try", trial=True))
    assert (run.state, [state for _step, _n, state in attempts(run)]) == (
        "done",
        ["succeeded", "pretended", "pretended", "succeeded"],
    )
    assert server.keys == []


class Killed(BaseException):
    """What a worker sees of kill -9: nothing; it never raises in production."""


def advance_killed_at(pk: int, statement: int) -> bool:
    """Let a worker die before its n-th statement; True when it got that far. A dead worker gives no lease back."""
    count = 0

    def execute(run: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal count
        count += 1
        if count >= statement:
            raise Killed
        return run(sql, params, many, context)

    try:
        with connection.execute_wrapper(execute):
            engine.advance(pk)
    except Killed:
        connection.close()
        return True
    return False


@pytest.mark.parametrize("stride", [9, pytest.param(1, marks=pytest.mark.soak)])
def test_a_worker_killed_before_every_single_statement_leaves_nothing_done_twice(people, server, monkeypatch, stride):
    """Begin, look, finish, end: each transaction is there as a whole or not at all, and the next worker goes on."""
    calls: list[int] = []
    monkeypatch.setattr(process, "spawn", lambda pk, module: calls.append(pk))
    inner = approved(people, flow(a=wait(seconds=1)), "Inner")
    version = approved(
        people, flow(a=wait("b"), b=step("workflow", "c", workflow="inner", version=inner.number), c=call(server))
    )
    for statement in range(1, 400, stride):
        run = commands.workflow_start(actor=people["lin"], version=version, inputs={}, reason="test")
        calls.clear()
        died = False
        for _round in range(40):
            StepRun.objects.filter(run__in=(run, *WorkflowRun.objects.filter(parent__run=run)), kind="wait").update(
                due_at=run.created_at
            )
            for pk in engine.driven():
                if not died:
                    died = advance_killed_at(pk, statement)
                WorkflowRun.objects.filter(pk=pk).update(lease_until=run.created_at)
                engine.advance(pk)
            if calls:
                StepRun.objects.filter(pk=calls[0], outcome="").update(state="running", outcome="success")
            run.refresh_from_db()
            if run.state == "done":
                break
        assert (run.state, attempts(run)) == ("done", [(name, 1, "succeeded") for name in "abc"]), statement
        assert WorkflowRun.objects.filter(parent__run=run).count() == 1
        assert len(calls) == 1 or len(set(calls)) == 1
        if not died:
            break
    assert 20 < statement < 399


def test_two_workers_at_once_and_a_late_one_do_each_step_once(people):
    run = started(people, flow(a=wait("b"), b=wait()))
    barrier = threading.Barrier(4)

    def work() -> None:
        barrier.wait()
        for _turn in range(20):
            engine.advance(run.pk)
            StepRun.objects.filter(run=run).update(due_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
        connection.close()

    threads = [threading.Thread(target=work) for _n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run = follow(run)
    assert attempts(run) == [("a", 1, "succeeded"), ("b", 1, "succeeded")]


@pytest.mark.parametrize("more", [{}, {"repeatable": True}], ids=["held", "repeated"])
def test_a_call_whose_process_is_killed_while_it_waits_for_the_answer(people, server, more):
    server.gate.clear()
    run = started(people, flow(a=call(server, **more)))
    follow(run, lambda run: bool(server.keys))
    os.kill(run.steps.get().pid, signal.SIGKILL)
    follow(run, lambda run: run.steps.first().state in ("lost", "unknown"))
    server.gate.set()
    run = follow(run)
    if more:
        assert (run.state, attempts(run)) == ("done", [("a", 1, "unknown"), ("a", 2, "succeeded")])
        assert server.keys == [f"{run.number}/a/1"] * 2
        return
    assert (run.state, len(server.keys)) == ("holding", 1)
    assert "unknown" in run.state_reason
    commands.step_pass_over(actor=people["lin"], run=run, step="a", reason="the other side has it")
    assert (follow(run).state, len(server.keys)) == ("done", 1)


def test_a_process_killed_before_it_acted_is_begun_again_by_itself(people, server):
    """The row says RUNNING, its process is gone, and it had not noted that it was about to act."""
    run = started(people, flow(a=call(server)))
    engine.advance(run.pk)
    StepRun.objects.filter(run=run).update(
        state="running", acting_at=None, epoch=5, **{**process.identity(), "pid": 2**22 - 3}
    )
    run = follow(run)
    assert (run.state, attempts(run)) == ("done", [("a", 1, "unknown"), ("a", 2, "succeeded")])
    assert server.keys == [f"{run.number}/a/1"]


def test_a_process_killed_after_the_deed_but_before_its_word_is_held(people, server):
    """Its last statement waits for a lock while it is killed: the answer was there, and nobody knows of it."""
    server.gate.clear()
    run = started(people, flow(a=call(server)))
    follow(run, lambda run: bool(server.keys))
    with transaction.atomic(), connection.cursor() as cursor:
        attempt = StepRun.objects.select_for_update().get(run=run)
        server.gate.set()
        ends = time.monotonic() + DEADLINE_S
        waiting = 0
        while not waiting:
            assert time.monotonic() < ends
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            (waiting,) = cursor.fetchone()
        os.kill(attempt.pid, signal.SIGKILL)
        # Its session at the database would still carry the waiting statement out, as it should.
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted")
    run = follow(run)
    assert (run.state, attempts(run), len(server.keys)) == ("holding", [("a", 1, "unknown")], 1)
    commands.step_retry(actor=people["lin"], run=run, step="a", reason="the other side does not have it")
    run = follow(run)
    assert (run.state, server.keys) == ("done", [f"{run.number}/a/1"] * 2)
