"""Forks and joins: what the checks find, what is known behind a join, and runs with branches, killed and resumed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seeops.automation import process
from seeops.automation.models import StepRun, WorkflowRun
from seeops.automation.workflows import commands, engine
from seeops.automation.workflows.checks import check, edges, refused
from seeops.automation.workflows.definition import normal
from seeops.automation.workflows.graph import surely
from seeops.automation.workflows.parallel import regions
from tests.seeops.automation.test_workflow_checks import AROUND, SCRIPT, flow, step, wait
from tests.seeops.automation.test_workflow_engine import advance_killed_at, approved, attempts, follow, people, started

__all__ = ["people"]


def fork(*ways: str) -> dict[str, Any]:
    return {
        "kind": "fork",
        "parameters": {},
        "next": dict(zip(("first", "second", "third", "fourth"), ways, strict=False)),
    }


def join(success: str = "done", failure: str = "failed", rule: str = "all") -> dict[str, Any]:
    return step("join", success, failure, rule=rule)


def two(rule: str = "all", a: dict[str, Any] | None = None, b: dict[str, Any] | None = None) -> dict[str, Any]:
    return flow("f", f=fork("a", "b"), a=a or wait("j", "j"), b=b or wait("j", "j"), j=join(rule=rule))


GATE = {"query": "up", "operator": ">", "threshold": 0, "timeout_s": 3600}
RESTART = {"playbook": "restart", "service": "auth"}
CASES = {
    "no-branch-edge": flow("f", f=fork("a"), a=wait("j", "j"), j=join()),
    "join-without-fork": flow(a=wait("j"), j=join()),
    "join-from-outside": flow("s", s=wait("f", "j"), f=fork("a", "b"), a=wait("j", "j"), b=wait("j", "j"), j=join()),
    "two-joins": flow("f", f=fork("a", "b"), a=wait("j", "j"), b=wait("k", "k"), j=join(), k=join()),
    "branch-ends": two(b=wait("j", "failed")),
    "branches-touch": flow("f", f=fork("a", "b"), a=wait("c", "j"), b=wait("c", "j"), c=wait("j", "j"), j=join()),
    "not-before": flow("f", f=fork("a", "b"), a=wait("j", "j"), b=wait("j", "j", seconds="${steps.a.status}"), j=join()),
    "lock-conflict": two(a=step("playbook", "j", "j", **RESTART), b=step("playbook", "j", "j", playbook="restart", everywhere=True)),
    "lock-perhaps": flow("f", inputs={"s": {"type": "str", "required": True}}, f=fork("a", "b"), j=join(),
                         a=step("playbook", "j", "j", **RESTART), b=step("playbook", "j", "j", playbook="restart", service="${inputs.s}")),
}  # fmt: skip


@pytest.mark.parametrize("code", CASES)
def test_each_mistake_with_branches_is_found(code):
    found = check(CASES[code], AROUND)
    assert code in {item.code for item in found}, found
    assert refused(found) == (code != "lock-perhaps")


def test_the_same_service_in_branches_is_a_conflict_and_another_or_reading_is_not():
    other = {**RESTART, "service": "gate"}
    assert check(two(a=step("playbook", "j", "j", **RESTART), b=step("playbook", "j", "j", **other)), AROUND) == []
    centres = [step("playbook", "j", "j", **RESTART, centre=centre) for centre in ("SZ-A", "SZ-B")]
    assert check(two(a=centres[0], b=centres[1]), AROUND) == []
    script = step("script", "j", "j", **SCRIPT, service="auth")
    assert {item.code for item in check(two(a=script, b=step("playbook", "j", "j", **RESTART)), AROUND)} == {
        "lock-conflict"
    }


def test_behind_a_join_of_all_every_branch_is_known_and_of_any_none():
    def told(rule: str) -> dict[str, Any]:
        return flow(
            "f", f=fork("a", "b"), j=join("c", rule=rule), a=step("script", "j", "j", **SCRIPT),
            b=step("script", "j", "j", **SCRIPT), c=wait(seconds="${steps.a.count}"),
        )  # fmt: skip

    assert check(told("all"), AROUND) == []
    assert {item.code for item in check(told("any"), AROUND)} == {"not-before"}


def test_forks_in_forks_have_branches_of_their_own():
    nested = flow("f", f=fork("g", "b"), g=fork("x", "y"), x=wait("k", "k"), y=wait("k", "k"), k=join("z", "j"), z=wait("j", "j"),
                  b=wait("j", "j"), j=join())  # fmt: skip
    assert check(nested, AROUND) == []
    shape = regions(normal(nested))
    assert shape.join_of == {"f": "j", "g": "k"}
    assert (shape.branch_of["z"], shape.branch_of["x"], shape.branch_of["j"]) == ("f.first", "g.first", "")
    assert shape.around("x") == [("g", "g.first"), ("f", "f.first")]
    assert shape.inside("f.first") == ["f.first", "g.first", "g.second"]


STEPS = [f"s{n}" for n in range(7)]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 8), st.integers(1, 8)), min_size=7, max_size=7))
def test_without_forks_what_surely_ran_is_what_no_way_leaves_out(drawn):
    """Against the definition itself: take a step away and see whether the other is still reached."""

    def target(place: int, ahead: int) -> str:
        return STEPS[place + ahead] if place + ahead < len(STEPS) else "done"

    steps = {
        name: wait(target(n, good), target(n, bad))
        for n, (name, (good, bad)) in enumerate(zip(STEPS, drawn, strict=True))
    }
    whole = normal(flow("s0", **steps))
    graph = edges(whole)
    known = surely(whole, graph, regions(whole))

    def reaches(name: str, without: str) -> bool:
        seen, waiting = set(), ["s0"] if without != "s0" else []
        while waiting:
            at = waiting.pop()
            if at not in seen and at != without:
                seen.add(at)
                waiting += [following for _outcome, following in graph[at]]
        return name in seen

    for name in known.ran:
        assert known.ran[name] == {other for other in known.ran if other != name and not reaches(name, other)}


def overdue(run: WorkflowRun, *names: str) -> None:
    """As if the time of these steps had passed."""
    StepRun.objects.filter(run=run, step__in=names).update(due_at=run.created_at)


def settled(run: WorkflowRun) -> dict[str, str]:
    return {name: state for name, _attempt, state in attempts(run)}


def test_branches_run_at_the_same_time_and_the_join_waits_for_all(people):
    run = started(people, two(a=wait("j", "j", 3600), b=wait("j", "j", 3600)))
    engine.advance(run.pk)
    assert settled(run) == {"f": "running", "a": "running", "b": "running"}
    overdue(run, "b")
    engine.advance(run.pk)
    assert settled(run) == {"f": "running", "a": "running", "b": "succeeded"}
    overdue(run, "a")
    assert follow(run).state == "done"
    assert run.steps.get(step="f").outputs == {"first": "well", "second": "well"}
    assert run.steps.get(step="j").outputs == {"well": 2, "badly": 0}


def test_a_branch_that_failed_fails_the_join_of_all_and_goes_on_from_there_alone(people, monkeypatch):
    from seeops.monitoring import prometheus

    monkeypatch.setattr(prometheus, "value", lambda query: 0.0)
    run = started(people, two(a=step("promql", "j", "j", **GATE)))
    engine.advance(run.pk)
    overdue(run, "a", "b")
    run = follow(run)
    assert (run.state, settled(run)["a"], settled(run)["j"]) == ("failed", "failed", "failed")
    assert "1 of 2 branches" in run.state_reason
    monkeypatch.setattr(prometheus, "value", lambda query: 1.0)
    commands.step_retry(actor=people["lin"], run=run, step="a", reason="it is up now")
    run = follow(run)
    assert run.state == "done"
    assert [one for one in attempts(run) if one[0] != "f"] == [
        ("a", 1, "failed"), ("b", 1, "succeeded"), ("j", 1, "failed"), ("a", 2, "succeeded"), ("j", 2, "succeeded"),
    ]  # fmt: skip


def test_any_goes_on_with_the_first_and_stops_the_others(people):
    run = started(people, two("any", a=wait("j", "j", 3600), b=wait("j", "j", 3600)))
    engine.advance(run.pk)
    overdue(run, "b")
    run = follow(run)
    assert (run.state, settled(run)) == (
        "done",
        {"f": "succeeded", "a": "cancelled", "b": "succeeded", "j": "succeeded"},
    )
    assert run.steps.get(step="f").outputs == {"first": "stopped", "second": "well"}


def test_any_stops_a_fork_within_a_branch_with_all_that_is_in_it(people):
    nested = flow("f", f=fork("g", "b"), g=fork("x", "y"), x=wait("k", "k", 3600), y=wait("k", "k", 3600), k=join("j", "j"),
                  b=wait("j", "j", 3600), j=join(rule="any"))  # fmt: skip
    run = started(people, nested)
    engine.advance(run.pk)
    assert set(settled(run).values()) == {"running"}
    overdue(run, "b")
    run = follow(run)
    assert run.state == "done"
    assert {name: settled(run)[name] for name in "gxy"} == dict.fromkeys("gxy", "cancelled")
    assert "k" not in settled(run)


def test_an_approval_in_one_branch_leaves_the_other_going_and_both_can_be_asked(people):
    ask = step("approval", "j", "j", question="really?", role="approver")
    run = started(people, flow("f", f=fork("a", "b", "c"), a=ask, b=ask, c=wait("j", "j"), j=join()))
    engine.advance(run.pk)
    overdue(run, "c")
    engine.advance(run.pk)
    run.refresh_from_db()
    assert (run.state, settled(run)["c"]) == ("waiting", "succeeded")
    for name in "ab":
        commands.step_decide(actor=people["wang"], step=run.steps.get(step=name), agreed=True, comment="")
        engine.advance(run.pk)
        run.refresh_from_db()
        assert run.state == ("waiting" if name == "a" else "done")


def test_an_unknown_outcome_holds_its_branch_and_the_run_only_when_the_other_has_come(people, monkeypatch):
    monkeypatch.setattr(process, "spawn", lambda pk, module: None)
    post = step("http", "j", "j", method="POST", url="http://127.0.0.1:1/", timeout_s=1)
    run = started(people, two(a=post, b=wait("j", "j", 3600)))
    engine.advance(run.pk)
    died = {"state": "lost", "acting_at": run.created_at, "owner": "gone"}
    StepRun.objects.filter(run=run, step="a").update(**died)
    engine.advance(run.pk)
    run.refresh_from_db()
    assert (run.state, settled(run)["a"], settled(run)["b"]) == ("running", "unknown", "running")
    overdue(run, "b")
    run = follow(run)
    assert run.state == "holding"
    assert run.state_reason.startswith("a: ")
    commands.step_pass_over(actor=people["lin"], run=run, step="a", reason="the other side has it")
    assert follow(run).state == "done"
    assert [one for one in attempts(run) if one[0] in "ab"] == [("a", 1, "skipped"), ("b", 1, "succeeded")]


def test_a_cancelled_fork_goes_on_branch_by_branch(people):
    run = started(people, two(a=wait("j", "j", 3600), b=wait("j", "j", 3600)))
    engine.advance(run.pk)
    commands.workflow_cancel(actor=people["lin"], run=run, reason="stop")
    run = follow(run)
    assert (run.state, settled(run)) == ("cancelled", dict.fromkeys("fab", "cancelled"))
    commands.step_retry(actor=people["lin"], run=run, step="a", reason="after all")
    engine.advance(run.pk)
    assert run.steps.filter(state="running").count() == 2, "the fork and branch a; nobody asked for b"
    overdue(run, "a")
    run = follow(run)
    assert (run.state, run.state_reason.split(":")[0]) == ("holding", "b")
    commands.step_pass_over(actor=people["lin"], run=run, step="b", reason="not needed", as_failed=True)
    run = follow(run)
    assert (run.state, run.steps.get(step="j").outputs) == ("failed", {"well": 1, "badly": 1})


def test_a_pause_begins_nothing_in_any_branch(people):
    run = started(people, two(a=wait("c", "j", 3600), b=wait("j", "j", 3600)) | {"steps": {
        **two()["steps"], "a": wait("c", "j", 3600), "c": wait("j", "j", 3600)}})  # fmt: skip
    engine.advance(run.pk)
    commands.workflow_pause(actor=people["lin"], run=run, reason="a moment")
    overdue(run, "a", "b")
    run = follow(run, lambda run: run.state == "paused")
    assert settled(run) == {"f": "running", "a": "succeeded", "b": "succeeded"}
    commands.workflow_resume(actor=people["lin"], run=run)
    engine.advance(run.pk)
    overdue(run, "c")
    assert follow(run).state == "done"


@pytest.mark.parametrize("stride", [13, pytest.param(1, marks=pytest.mark.soak)])
def test_a_worker_killed_before_every_single_statement_begins_no_branch_twice(people, monkeypatch, stride):
    calls: list[int] = []
    monkeypatch.setattr(process, "spawn", lambda pk, module: calls.append(pk))
    post = step("http", "j", "j", method="POST", url="http://127.0.0.1:1/")
    version = approved(people, flow("f", f=fork("a", "b"), a=wait("c", "j"), c=post, b=wait("j", "j"), j=join()))
    for statement in range(1, 600, stride):
        run = commands.workflow_start(actor=people["lin"], version=version, inputs={}, reason="test")
        calls.clear()
        died = False
        for _round in range(40):
            StepRun.objects.filter(run=run, kind="wait").update(due_at=run.created_at)
            died = died or advance_killed_at(run.pk, statement)
            WorkflowRun.objects.filter(pk=run.pk).update(lease_until=run.created_at)
            engine.advance(run.pk)
            StepRun.objects.filter(pk__in=calls, outcome="", run=run).update(state="running", outcome="success")
            run.refresh_from_db()
            if run.state == "done":
                break
        assert (run.state, sorted(attempts(run))) == ("done", [(name, 1, "succeeded") for name in "abcfj"]), statement
        assert len(set(calls)) == 1
        if not died:
            break
    assert 20 < statement < 599
