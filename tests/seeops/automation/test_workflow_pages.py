"""Pages of workflows: every one draws for whoever may see it, with few queries; the editor's check; forms do what they say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from seeops.automation.models import StepRun, Workflow, WorkflowRun, WorkflowVersion
from seeops.automation.workflows import commands, engine, text, versions
from tests.estate import person
from tests.seeops.automation.test_workflow_checks import branch, flow, step, wait


@pytest.fixture
def people(db: None) -> dict[str, Any]:
    return {"lin": person("lin", "operator"), "wu": person("wu", "operator"), "wang": person("wang", "approver")}


@pytest.fixture
def version(people: dict[str, Any]) -> WorkflowVersion:
    workflow = versions.workflow_create(actor=people["wu"], title="Mine")
    definition = flow(
        inputs={"n": {"type": "int", "default": 1, "description": "How many"}},
        a=step("approval", "b", "failed", question="really?", role="approver"),
        b={**branch({"left": "${inputs.n}", "operator": ">", "right": 0}), "next": {"yes": "c", "no": "done", "failure": "failed"}},
        c=wait(),
    )  # fmt: skip
    return versions.version_save(
        actor=people["wu"], workflow=workflow, definition=definition, base=1, note="three steps"
    )


def test_a_workflow_from_its_making_to_the_end_of_its_run_by_forms_alone(client, people, django_assert_max_num_queries):
    client.force_login(people["wu"])
    assert client.post("/automation/workflows/", {"title": "Mine"}).url == "/automation/workflows/mine/edit/"
    with django_assert_max_num_queries(24):
        page = client.get("/automation/workflows/mine/edit/").content.decode()
    assert 'data-flow="edit"' in page
    asking = step("approval", question="really?", role="approver")
    written = text.write(flow(a=asking))
    assert (
        client.post("/automation/workflows/mine/edit/", {"yaml": written, "base": "1", "note": "ask"}).status_code
        == 302
    )
    refused = client.post(
        "/automation/workflows/mine/edit/", {"yaml": written.replace("failed", "nowhere"), "base": "2"}
    )
    assert (refused.status_code, "nowhere" in refused.content.decode()) == (400, True)
    assert client.post("/automation/workflows/mine/edit/", {"yaml": "a: [", "base": "2"}).status_code == 400
    client.post("/automation/workflows/mine/2/submit/")
    assert 'value="approve"' not in client.get("/automation/workflows/mine/?version=2").content.decode()
    client.force_login(people["wang"])
    assert 'value="approve"' in client.get("/automation/workflows/mine/?version=2").content.decode()
    client.post(
        "/automation/workflows/mine/2/decide/",
        {"decision": "approve", "digest": WorkflowVersion.objects.get(number=2).digest},
    )
    client.force_login(people["lin"])
    address = client.post("/automation/workflows/mine/2/start/", {"reason": "test"}).url
    run = WorkflowRun.objects.get()
    engine.advance(run.pk)
    assert 'value="agree"' not in client.get(address).content.decode()
    client.force_login(people["wang"])
    assert 'value="agree"' in client.get(address).content.decode()
    assert (
        client.post(
            f"/automation/workflows/steps/{StepRun.objects.get().pk}/decide/", {"decision": "refuse"}
        ).status_code
        == 302
    )
    engine.advance(run.pk)
    client.force_login(people["lin"])
    assert "Go on from here" in client.get(address).content.decode()
    client.post(f"/automation/workflows/runs/{run.pk}/retry/", {"step": "a", "reason": "ask again"})
    engine.advance(run.pk)
    assert list(run.steps.values_list("attempt", "state")) == [(1, "failed"), (2, "waiting")]
    client.post(f"/automation/workflows/runs/{run.pk}/cancel/", {"reason": "enough"})
    engine.advance(run.pk)
    run.refresh_from_db()
    assert run.state == "cancelled"


def test_every_page_draws_with_few_queries_however_long_the_workflow(
    client, people, version, django_assert_max_num_queries
):
    run = commands.workflow_start(actor=people["wu"], version=version, inputs={}, reason="try", trial=True)
    engine.advance(run.pk)
    for who in people.values():
        client.force_login(who)
        for address in (
            "/automation/workflows/", *[f"/automation/workflows/mine/?tab={tab}" for tab in ("graph", "yaml", "versions", "runs", "audit")],
            "/automation/workflows/mine/2/yaml/", *[f"/automation/workflows/runs/{run.pk}/?tab={tab}" for tab in ("steps", "history", "audit")],
            f"/automation/workflows/runs/{run.pk}/live/",
        ):  # fmt: skip
            with django_assert_max_num_queries(24):
                assert client.get(address).status_code == 200, address
    client.force_login(people["wang"])
    assert client.get("/automation/workflows/mine/edit/").status_code == 403
    assert client.post("/automation/workflows/", {"title": "Other"}).status_code == 403


def ask(client: Any, **question: Any) -> dict[str, Any]:
    return client.post(
        "/automation/workflows/mine/check/", json.dumps(question), content_type="application/json"
    ).json()


def test_the_check_of_the_editor_answers_findings_and_text_for_either_form(client, people, version):
    client.force_login(people["wu"])
    answer = ask(client, definition=version.definition)
    assert answer["findings"] == []
    assert text.read(answer["yaml"]) == version.definition
    broken = json.loads(json.dumps(version.definition))
    broken["steps"]["c"]["next"] = {"success": "a"}
    answer = ask(client, yaml=text.write(broken))
    assert {item["code"] for item in answer["findings"]} == {"cycle", "no-failure-edge"}
    assert answer["definition"] == broken
    assert ask(client, yaml="a: [")["findings"][0]["text"].startswith("The YAML cannot be read")
    assert ask(client, definition=[])["definition"] is None
    assert (
        client.post("/automation/workflows/mine/check/", "nonsense", content_type="application/json").status_code == 400
    )


def test_inputs_of_the_form_are_read_by_their_types(client, people, version):
    client.force_login(people["wu"])
    assert (
        client.post("/automation/workflows/mine/2/start/", {"trial": "1", "reason": "x", "input-n": "two"}).status_code
        == 400
    )
    assert (
        client.post("/automation/workflows/mine/2/start/", {"trial": "1", "reason": "x", "input-n": "2"}).status_code
        == 302
    )
    assert WorkflowRun.objects.get().inputs == {"n": 2}
    assert client.post("/automation/workflows/mine/2/start/", {"reason": "x"}).status_code == 409


def test_a_title_without_letters_or_taken_is_refused(client, people):
    client.force_login(people["wu"])
    assert client.post("/automation/workflows/", {"title": "运行"}).status_code == 400
    assert client.post("/automation/workflows/", {"title": "Mine"}).status_code == 302
    assert client.post("/automation/workflows/", {"title": "mine"}).status_code == 409
    assert Workflow.objects.count() == 1


def test_the_api_does_what_the_pages_do(client, people):
    def send(who: str, path: str, **body: Any) -> Any:
        client.force_login(people[who])
        return client.post(f"/api/v1/{path}", json.dumps(body), content_type="application/json")

    assert send("wang", "workflows/", title="Mine").status_code == 403
    assert send("wu", "workflows/", title="Mine").json()["newest"] == 1
    refused = send("wu", "workflows/mine/save/", base=1, definition=flow(a=wait("nowhere")))
    assert (refused.status_code, refused.json()["findings"][0]["step"]) == (400, "a")
    asking = flow(a=step("approval", question="really?", role="approver"))
    saved = send("wu", "workflows/mine/save/", base=1, yaml=text.write(asking)).json()
    send("wu", "workflows/mine/versions/2/submit/")
    decided = send("wang", "workflows/mine/versions/2/decide/", approve=True, digest=saved["digest"])
    assert decided.json()["state"] == "approved"
    run = send("lin", "workflows/mine/versions/2/start/", reason="test").json()
    engine.advance(run["id"])
    (attempt,) = client.get(f"/api/v1/workflow-runs/{run['id']}/steps/").json()["results"]
    decide = f"workflow-runs/{run['id']}/steps/{attempt['id']}/decide/"
    assert send("lin", decide, agreed=True).status_code == 403
    assert send("wang", decide, agreed=False, comment="no").status_code == 200
    engine.advance(run["id"])
    assert send("lin", f"workflow-runs/{run['id']}/pause/").status_code == 409
    assert send("lin", f"workflow-runs/{run['id']}/skip/", step="a", reason="x").status_code == 409
    assert send("lin", f"workflow-runs/{run['id']}/retry/", step="a").json()["state"] == "running"
    assert send("lin", f"workflow-runs/{run['id']}/cancel/").json()["state"] == "cancelling"
    assert client.get("/api/v1/workflows/mine/versions/2/yaml/").json()["yaml"] == text.write(saved["definition"])
    assert client.get("/api/v1/workflow-runs/").json()["count"] == 1
