"""Pages of workflows: the list, one workflow, the editor, a run."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from seeops.accounts import rights
from seeops.automation import clockwork, scheduling
from seeops.automation import workflow_selectors as selectors
from seeops.automation.models import Schedule, StepRun, Workflow, WorkflowRun, WorkflowVersion
from seeops.automation.workflow_evidence import evidence
from seeops.automation.workflow_words import words
from seeops.automation.workflows import commands, versions
from seeops.automation.workflows.checks import check
from seeops.automation.workflows.definition import normal, shape_problems
from seeops.automation.workflows.text import write
from seeops.core import sentences
from seeops.core.errors import InvalidInput, SeeOpsError
from seeops.core.http import done

PAGE_ROWS = 100
LONGEST_BODY = 1_000_000
WORKFLOW_TABS = {
    "graph": _lazy("Graph"), "yaml": _lazy("YAML"), "difference": _lazy("Difference"), "versions": _lazy("Versions"),
    "runs": _lazy("Runs"), "schedules": _lazy("Schedules"), "audit": _lazy("Audit"),
}  # fmt: skip
RUN_TABS = {
    "steps": _lazy("Attempts"),
    "history": _lazy("History"),
    "evidence": _lazy("Evidence"),
    "audit": _lazy("Audit"),
}


@require_http_methods(["GET", "POST"])
def workflow_list(request: HttpRequest) -> HttpResponse:
    """Every workflow, and the last runs below; POST makes a new one."""
    rights.require(request.user, "automation.view")
    if request.method == "POST":
        workflow = versions.workflow_create(actor=request.user, title=request.POST.get("title", ""))
        return done(request, _("“%(title)s” was made.") % {"title": workflow.title}, _edit(workflow))
    context = {"rows": selectors.workflows()[:500], "runs": selectors.runs()[:20]}
    return render(request, "automation/workflows.html", context)


def _edit(workflow: Workflow) -> str:
    return reverse("automation:workflow_edit", args=[workflow.slug])


@require_GET
def workflow_detail(request: HttpRequest, slug: str) -> HttpResponse:
    """One workflow: its versions, the graph and text of the chosen one, how to start it."""
    rights.require(request.user, "automation.view")
    workflow = get_object_or_404(Workflow, slug=slug)
    listed = list(selectors.versions(workflow)[:PAGE_ROWS])
    wanted = request.GET.get("version", "")
    number = int(wanted) if wanted.isdigit() else listed[0].number
    version = get_object_or_404(
        WorkflowVersion.objects.select_related("workflow", "created_by", "decided_by"), workflow=workflow, number=number
    )
    tab = request.GET.get("tab", "graph")
    context = {
        "workflow": workflow, "versions": listed, "version": version, "tab": tab, "lines": selectors.lines(version.definition),
        "picture": selectors.picture(version.definition), "yaml": write(version.definition) if tab == "yaml" else "",
        "runs": selectors.runs().filter(version__workflow=workflow)[:50] if tab == "runs" else [],
        "schedules": selectors.schedules(workflow) if tab == "schedules" else [],
        "own": version.created_by_id == request.user.pk, "words": words(), "tabs": WORKFLOW_TABS.items(),
        "expected": selectors.expected(version),
    }  # fmt: skip
    against = request.GET.get("against", "")
    if tab == "difference" or version.state == "submitted":
        context["difference"] = selectors.compared(version, int(against) if against.isdigit() else None)
    return render(request, "automation/workflow.html", context)


@require_GET
def workflow_yaml(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """The text of a version, to be kept beside code."""
    rights.require(request.user, "automation.view")
    version = get_object_or_404(WorkflowVersion.objects.select_related("workflow"), workflow__slug=slug, number=number)
    response = HttpResponse(write(version.definition), content_type="application/yaml; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{slug}-v{number}.yaml"'
    return response


@require_http_methods(["GET", "POST"])
def workflow_edit(request: HttpRequest, slug: str) -> HttpResponse:
    """The editor. Its form holds the YAML text, so that it can be edited and saved without a script as well."""
    rights.require(request.user, "workflow.edit")
    workflow = get_object_or_404(Workflow, slug=slug)
    last = workflow.versions.order_by("-number").first()
    context: dict[str, Any] = {"workflow": workflow, "base": last.number, "yaml": write(last.definition), "note": ""}
    if request.method == "POST":
        text, base = request.POST.get("yaml", ""), request.POST.get("base", "")
        try:
            saved = versions.version_save(
                actor=request.user, workflow=workflow, definition=versions.parsed(text),
                base=int(base) if base.isdigit() else 0, note=request.POST.get("note", ""),
            )  # fmt: skip
        except SeeOpsError as error:
            context |= {"problem": str(error), "yaml": text, "base": base, "note": request.POST.get("note", "")}
            context["findings"] = getattr(error, "findings", [])
            return _editor(request, context, error.status)
        return done(
            request, _("%(version)s was saved.") % {"version": saved}, reverse("automation:workflow", args=[slug])
        )
    return _editor(request, context)


def _editor(request: HttpRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    try:
        definition = versions.parsed(context["yaml"])
    except InvalidInput:
        definition = None
    sound = definition is not None and not shape_problems(definition)
    context |= {
        "definition": normal(definition) if sound and definition else None,
        "palette": selectors.palette(),
        "words": words(),
    }
    return render(request, "automation/workflow_edit.html", context, status=status)


@require_POST
def workflow_check(request: HttpRequest, slug: str) -> JsonResponse:
    """What the editor asks after every change: findings, the canonical definition and its text, from either of the two."""
    rights.require(request.user, "workflow.edit")
    get_object_or_404(Workflow, slug=slug)
    if len(request.body) > LONGEST_BODY:
        raise InvalidInput(_("The workflow is larger than 1 MB: split it."), field="definition")
    try:
        asked = json.loads(request.body)
        definition = versions.parsed(str(asked["yaml"])) if "yaml" in asked else asked["definition"]
    except InvalidInput as error:
        finding = {"severity": "error", "step": "", "text": str(error), "remedy": "", "code": "yaml"}
        return JsonResponse({"findings": [finding], "definition": None, "yaml": None})
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidInput(_("The request is no JSON with a definition or a text."), field="definition") from error
    findings = [
        {**found.as_dict(), "text": sentences.read(found.text), "remedy": sentences.read(found.remedy)}
        for found in check(definition, versions.around(slug))
    ]
    sound = not shape_problems(definition)
    flow = normal(definition) if sound else None
    return JsonResponse({"findings": findings, "definition": flow, "yaml": write(flow) if flow else None})


@require_POST
def version_submit(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    version = _version(slug, number)
    versions.version_submit(actor=request.user, version=version)
    return done(request, _("%(version)s waits for approval.") % {"version": version}, _page(version))


@require_POST
def version_decide(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    version = _version(slug, number)
    versions.version_decide(
        actor=request.user, version=version, approve=request.POST.get("decision") == "approve",
        digest=request.POST.get("digest", ""), reason=request.POST.get("reason", ""),
    )  # fmt: skip
    return done(request, f"{version}: {version.get_state_display()}", _page(version))


@require_POST
def version_start(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Start a run from the form; inputs come as `input-NAME`, read by their types."""
    version = _version(slug, number)
    run = commands.workflow_start(
        actor=request.user, version=version, inputs=_inputs(request, version),
        reason=request.POST.get("reason", ""), trial="trial" in request.POST,
    )  # fmt: skip
    return done(
        request, _("%(run)s was started.") % {"run": run.number}, reverse("automation:workflow_run", args=[run.pk])
    )


@require_POST
def schedule_make(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    version = _version(slug, number)
    scheduling.schedule_make(
        actor=request.user, version=version, expression=request.POST.get("expression", ""), inputs=_inputs(request, version),
        trading_days_only="trading_days_only" in request.POST, missed=request.POST.get("missed", ""),
        reason=request.POST.get("reason", ""),
    )  # fmt: skip
    return done(request, _("%(version)s is scheduled.") % {"version": version}, f"{_page(version)}&tab=schedules")


@require_POST
def schedule_switch(request: HttpRequest, pk: int) -> HttpResponse:
    schedule = get_object_or_404(Schedule.objects.select_related("version__workflow"), pk=pk)
    enabled = request.POST.get("enabled") == "1"
    clockwork.switch(
        scheduling.WORKFLOWS, actor=request.user, item=schedule, enabled=enabled, reason=request.POST.get("reason", "")
    )
    text = _("The schedule goes on.") if enabled else _("The schedule is stopped.")
    return done(request, text, f"{_page(schedule.version)}&tab=schedules")


def _inputs(request: HttpRequest, version: WorkflowVersion) -> dict[str, Any]:
    """The inputs of a form; what was left empty is left out."""
    declared = version.definition["inputs"].items()
    found = {name: _typed(name, item["type"], request.POST.get(f"input-{name}", "")) for name, item in declared}
    return {name: value for name, value in found.items() if value != ""}


def _typed(name: str, wanted: str, text: str) -> Any:
    """The value of a form field by the type of its input. Raises InvalidInput naming it."""
    if wanted == "str" or text == "":
        return text
    if wanted == "any":
        try:
            return json.loads(text)
        except ValueError:
            return text
    try:
        return json.loads(text.lower() if wanted == "bool" else text)
    except ValueError as error:
        raise InvalidInput(
            _("The input “%(name)s” must be of type %(wanted)s, “%(given)s” is not.")
            % {"name": name, "wanted": wanted, "given": text[:60]},
            field=name,
        ) from error


def _version(slug: str, number: int) -> WorkflowVersion:
    found = WorkflowVersion.objects.select_related("workflow", "created_by")
    return get_object_or_404(found, workflow__slug=slug, number=number)


def _page(version: WorkflowVersion) -> str:
    return f"{reverse('automation:workflow', args=[version.workflow.slug])}?version={version.number}"


@require_GET
def run_detail(request: HttpRequest, pk: int) -> HttpResponse:
    rights.require(request.user, "automation.view")
    tab = request.GET.get("tab", "steps")
    run = _run(pk)
    context = {**_state(request, run), "tab": tab if tab in RUN_TABS else "steps", "tabs": RUN_TABS.items()}
    if context["tab"] == "history":
        context["history"] = run.history.select_related("actor")[:1000]
    elif context["tab"] == "evidence":
        context["evidence"] = evidence(run)
    return render(request, "automation/workflow_run.html", context)


@require_GET
def run_evidence(request: HttpRequest, pk: int) -> JsonResponse:
    """The evidence of a run as a file to keep."""
    rights.require(request.user, "automation.view")
    run = _run(pk)
    response = JsonResponse(evidence(run), json_dumps_params={"indent": 2, "ensure_ascii": False})
    response["Content-Disposition"] = f'attachment; filename="{run.number}-evidence.json"'
    return response


@require_GET
def run_live(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of a run's page that lives."""
    rights.require(request.user, "automation.view")
    return render(request, "automation/workflow_run_live.html", _state(request, _run(pk)))


def _run(pk: int) -> WorkflowRun:
    run = selectors.run_with_steps(pk)
    return run or get_object_or_404(WorkflowRun, pk=pk)


def _state(request: HttpRequest, run: WorkflowRun) -> dict[str, Any]:
    attempts = list(run.steps.all())
    asked = [
        {"step": attempt, "may_decide": _may_decide(request.user, run, attempt)}
        for attempt in attempts if attempt.kind == "approval" and attempt.state == "waiting"
    ]  # fmt: skip
    return {
        "run": run, "lines": selectors.lines(run.version.definition, attempts), "attempts": attempts, "asked": asked, "words": words(),
        "picture": selectors.picture(run.version.definition, attempts, run),
        "settleable": run.state in ("holding", "failed", "cancelled") and (run.parent_id is None or run.state == "holding"),
    }  # fmt: skip


def _may_decide(person: Any, run: WorkflowRun, asked: StepRun) -> bool:
    decided = {decision.person_id for decision in asked.decisions.all()}
    return (
        asked.parameters["role"] in person.roles
        and person.pk not in (run.started_by_id, run.version.created_by_id)
        and person.pk not in decided
    )


@require_POST
def run_command(request: HttpRequest, pk: int, command: str) -> HttpResponse:
    """pause, resume, cancel; retry, skip and fail of a step."""
    run = get_object_or_404(WorkflowRun, pk=pk)
    reason, step = request.POST.get("reason", ""), request.POST.get("step", "")
    if command == "pause":
        commands.workflow_pause(actor=request.user, run=run, reason=reason)
    elif command == "resume":
        commands.workflow_resume(actor=request.user, run=run)
    elif command == "cancel":
        commands.workflow_cancel(actor=request.user, run=run, reason=reason)
    elif command == "retry":
        commands.step_retry(actor=request.user, run=run, step=step, reason=reason)
    elif command in ("skip", "fail"):
        commands.step_pass_over(actor=request.user, run=run, step=step, reason=reason, as_failed=command == "fail")
    else:
        raise InvalidInput(_("There is no command “%(command)s”.") % {"command": command}, field="command")
    run.refresh_from_db()
    return done(request, f"{run.number}: {run.get_state_display()}", reverse("automation:workflow_run", args=[pk]))


@require_POST
def step_decide(request: HttpRequest, pk: int) -> HttpResponse:
    step = get_object_or_404(StepRun.objects.select_related("run"), pk=pk)
    agreed = request.POST.get("decision") == "agree"
    commands.step_decide(actor=request.user, step=step, agreed=agreed, comment=request.POST.get("reason", ""))
    return done(request, _("Your decision is recorded."), reverse("automation:workflow_run", args=[step.run_id]))
