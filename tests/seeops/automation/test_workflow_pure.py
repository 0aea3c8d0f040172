"""Estimates and differences of workflows, the shipped ones, and the evidence of a run."""

from __future__ import annotations

import hashlib

import pytest
import rfc8785

from seeops.automation import catalogue
from seeops.automation.models import Workflow
from seeops.automation.workflow_evidence import evidence
from seeops.automation.workflow_selectors import compared, run_with_steps
from seeops.automation.workflows import commands, difference, engine, shipped, versions
from seeops.automation.workflows.checks import Around, check
from seeops.automation.workflows.definition import normal
from seeops.automation.workflows.estimate import estimate
from seeops.automation.workflows.parallel import regions
from seeops.automation.workflows.text import read, write
from tests.seeops.automation.test_workflow_branches import fork, join, two
from tests.seeops.automation.test_workflow_checks import branch, flow, step, wait
from tests.seeops.changes.control import colleague


def expected(definition, **measured):
    whole = normal(definition)
    return estimate(whole, regions(whole), measured)


def test_the_estimate_takes_the_longest_branch_of_all_and_the_shortest_of_any():
    assert expected(two("all", a=wait("j", "j", 30), b=wait("j", "j", 50))).seconds == 50
    assert expected(two("any", a=wait("j", "j", 30), b=wait("j", "j", 50))).seconds == 30
    ways = flow(
        "a", a={**branch(), "next": {"yes": "b", "no": "c", "failure": "failed"}}, b=wait(seconds=5), c=wait(seconds=9)
    )
    assert expected(ways).seconds == 9
    nested = flow("f", f=fork("g", "b"), g=fork("x", "y"), x=wait("k", "k", 10), y=wait("k", "k", 20), k=join("z", "j"),
                  z=wait("j", "j", 5), b=wait("j", "j", 7), j=join("e"), e=wait(seconds=3))  # fmt: skip
    assert expected(nested).seconds == 28


def test_what_was_measured_counts_and_what_was_not_is_named():
    asked = flow(
        a=step("playbook", "b", playbook="restart", service="auth"), b=step("approval", "c", question="?", role="approver"),
        c=step("http", method="GET", url="http://x/"),
    )  # fmt: skip
    found = expected(asked, a=42.0)
    assert (found.seconds, found.asks, found.unmeasured) == (42.0, ("b",), ("c",))


def test_a_difference_names_steps_and_fields_and_where_boxes_stand_is_none():
    before = normal(flow(a=wait("b"), b=wait()))
    after = normal(flow(a=wait("c", seconds=9), c=wait()))
    moved = normal({**before, "steps": {**before["steps"], "b": {**before["steps"]["b"], "at": [900, 900]}}})
    assert difference.changes(before, moved) == []
    found = {(item.name, item.how): item.fields for item in difference.changes(before, after)}
    assert found == {("b", "removed"): (), ("a", "changed"): ("next", "parameters"), ("c", "added"): ()}
    assert ("added", "+      seconds: 9") in difference.lines(before, after)


@pytest.mark.parametrize("file", shipped.files(), ids=lambda file: file.stem)
def test_what_is_shipped_is_sound_and_is_its_own_canonical_text(file):
    definition = read(file.read_text(encoding="utf-8"))
    books = {book.code: {"options": {}, "from_form": book.from_form, "changes_nodes": book.changes_nodes}
             for book in catalogue.playbooks().values()}  # fmt: skip
    assert check(definition, Around(playbooks=books, slug="x")) == []
    assert read(write(definition)) == normal(definition)


@pytest.mark.django_db
def test_shipped_workflows_are_put_in_once_and_wait_for_another_person():
    wu, chen = colleague("wu", "operator"), colleague("chen", "approver")
    made = shipped.put_in(wu)
    assert len(made) == len(shipped.files()) == 2
    assert shipped.put_in(wu) == []
    version = Workflow.objects.get(slug="check-before-the-open").versions.first()
    assert (version.number, version.state) == (2, "submitted")
    changes = compared(version)
    assert changes is not None
    assert {item.name for item in changes.changes} >= {"look", "wait", "start"}
    versions.version_decide(actor=chen, version=version, approve=True, digest=version.digest, reason="read")
    assert version.state == "approved"


@pytest.mark.django_db
def test_the_evidence_of_a_run_says_who_what_and_when_and_its_digest_holds(client):
    wu, chen = colleague("wu", "operator"), colleague("chen", "approver")
    made = versions.workflow_create(actor=wu, title="Mine")
    version = made.versions.get()
    versions.version_submit(actor=wu, version=version)
    versions.version_decide(actor=chen, version=version, approve=True, digest=version.digest, reason="read")
    run = commands.workflow_start(actor=wu, version=version, inputs={}, reason="a look")
    engine.advance(run.pk)
    run.steps.update(due_at=run.created_at)
    engine.advance(run.pk)
    found = evidence(run_with_steps(run.pk))
    assert (found["state"], found["workflow"]["author"], found["workflow"]["decided_by"]) == ("done", "wu", "chen")
    assert [(item["step"], item["state"]) for item in found["steps"]] == [("wait", "succeeded")]
    assert found["audit"]["records"] >= 3
    rest = {key: value for key, value in found.items() if key != "digest"}
    assert found["digest"] == hashlib.sha256(rfc8785.dumps(rest)).hexdigest()
    client.force_login(chen)
    assert client.get(f"/automation/workflows/runs/{run.pk}/evidence.json").json() == found
    page = client.get(f"/automation/workflows/runs/{run.pk}/?tab=evidence").content.decode()
    assert found["digest"][:8] in page
    assert client.get(f"/api/v1/workflow-runs/{run.pk}/evidence/").json()["digest"] == found["digest"]
    assert client.get("/automation/workflows/mine/?tab=difference").status_code == 200
