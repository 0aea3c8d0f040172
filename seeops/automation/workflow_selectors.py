"""Reads about workflows: lists, the picture of a graph, what a person may do next."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from statistics import median
from typing import Any

from django.db.models import OuterRef, Prefetch, Q, QuerySet, Subquery

from seeops.automation import catalogue, clockwork
from seeops.automation import workflow_states as states
from seeops.automation.models import Schedule, ScheduleMoment, StepRun, Workflow, WorkflowRun, WorkflowVersion
from seeops.automation.workflows import difference
from seeops.automation.workflows.estimate import Estimate, estimate
from seeops.automation.workflows.kinds import DECIDES, DONE, ENDS, FAILED, KINDS
from seeops.automation.workflows.parallel import regions
from seeops.core import sentences
from seeops.inventory import selectors as inventory


def workflows() -> QuerySet[Workflow]:
    """Every workflow with its newest version and the newest approved one."""
    newest = WorkflowVersion.objects.filter(workflow=OuterRef("pk")).order_by("-number")
    return Workflow.objects.select_related("created_by").annotate(
        newest=Subquery(newest.values("number")[:1]),
        newest_state=Subquery(newest.values("state")[:1]),
        approved=Subquery(newest.filter(state="approved").values("number")[:1]),
    )


def versions(workflow: Workflow) -> QuerySet[WorkflowVersion]:
    return workflow.versions.select_related("created_by", "decided_by").defer("definition")


def runs() -> QuerySet[WorkflowRun]:
    """Runs for a list, those that are steps of others left out."""
    return (
        WorkflowRun.objects.filter(parent__isnull=True)
        .select_related("version__workflow", "started_by")
        .defer("version__definition", "inputs")
    )


@dataclass(frozen=True)
class Scheduled:
    """A schedule with its next moments and the last ones."""

    schedule: Schedule
    next: list[dt.datetime]
    last: list[ScheduleMoment]


def schedules(workflow: Workflow) -> list[Scheduled]:
    """The schedules of a workflow; the last three moments of each."""
    found = Schedule.objects.filter(version__workflow=workflow).select_related("version__workflow", "created_by")[:50]
    rows = list(found)
    latest = ScheduleMoment.objects.filter(schedule=OuterRef("schedule")).order_by("-due_at").values("pk")[:3]
    moments = ScheduleMoment.objects.filter(schedule__in=rows, pk__in=latest).select_related("run")
    by_schedule: dict[int, list[ScheduleMoment]] = {}
    for moment in moments:
        by_schedule.setdefault(moment.schedule_id, []).append(moment)
    return [Scheduled(row, clockwork.upcoming(row), by_schedule.get(row.pk, [])) for row in rows]


def run_with_steps(pk: int) -> WorkflowRun | None:
    """A run with its attempts, oldest first, and what people said to each."""
    steps = StepRun.objects.select_related("playbook_run", "child", "settled_by").prefetch_related("decisions__person")
    return (
        WorkflowRun.objects.select_related("version__workflow", "version__created_by", "started_by", "parent__run")
        .prefetch_related(Prefetch("steps", queryset=steps.order_by("id")))
        .filter(pk=pk)
        .first()
    )


LOOKED_AT = 500


def expected(version: WorkflowVersion) -> Estimate:
    """How long a run will probably take, by the last runs of the workflow."""
    ended = StepRun.objects.filter(
        run__version__workflow=version.workflow_id, run__trial=False, state="succeeded", finished_at__isnull=False
    ).exclude(kind__in=("fork", "join", "branch", "approval"))
    times: dict[str, list[float]] = {}
    for name, began, ends in ended.order_by("-id").values_list("step", "started_at", "finished_at")[:LOOKED_AT]:
        times.setdefault(name, []).append((ends - began).total_seconds())
    measured = {name: median(found) for name, found in times.items()}
    return estimate(version.definition, regions(version.definition), measured)


@dataclass(frozen=True)
class Difference:
    """What a version changes against an earlier one, by steps and by lines of text."""

    other: WorkflowVersion
    changes: list[difference.Changed]
    lines: list[tuple[str, str]]


def compared(version: WorkflowVersion, number: int | None = None) -> Difference | None:
    """Against version `number`, by default the newest approved one before it, else the one before; None when there is none."""
    earlier = version.workflow.versions.filter(number__lt=version.number).order_by("-number")
    chosen = version.workflow.versions.filter(number=number) if number else earlier.filter(state="approved")
    other = chosen.first() or earlier.first()
    if other is None or other.pk == version.pk:
        return None
    before, after = other.definition, version.definition
    return Difference(other, difference.changes(before, after), difference.lines(before, after))


def waiting_runs(person: Any) -> QuerySet[WorkflowRun]:
    """Runs that wait for this person: those that ask their roles, and held ones that they started."""
    asked = StepRun.objects.filter(state="waiting", kind="approval", parameters__role__in=list(person.roles))
    asked = (
        asked.exclude(run__started_by=person).exclude(run__version__created_by=person).exclude(decisions__person=person)
    )
    held = Q(state="holding", started_by=person)
    return WorkflowRun.objects.filter(held | Q(pk__in=asked.values("run")))


@dataclass(frozen=True)
class Way:
    """One edge as a line of text: `success → restart`."""

    outcome: str
    target: str


@dataclass(frozen=True)
class Line:
    """One step of a definition with its last attempt in a run, if any."""

    name: str
    kind: str
    title: str
    ways: list[Way]
    last: StepRun | None
    attempts: int
    parameters: dict[str, Any]

    @property
    def repeatable(self) -> bool:
        return self.last is not None and self.last.state in states.REPEATABLE

    @property
    def decides(self) -> bool:
        return self.kind in DECIDES


def lines(definition: dict[str, Any], attempts: list[StepRun] | None = None) -> list[Line]:
    """The steps in the order in which they are reached, each with its attempts."""
    by_step: dict[str, list[StepRun]] = {}
    for attempt in attempts or []:
        by_step.setdefault(attempt.step, []).append(attempt)
    result = []
    for name in _in_order(definition):
        step = definition["steps"][name]
        own = by_step.get(name, [])
        result.append(
            Line(
                name, step["kind"], step["title"], [Way(*way) for way in step["next"].items()], own[-1] if own else None,
                len(own), step["parameters"],
            )
        )  # fmt: skip
    return result


def _in_order(definition: dict[str, Any]) -> list[str]:
    steps, seen, waiting = definition["steps"], [], [definition["start"]]
    while waiting:
        name = waiting.pop(0)
        if name in steps and name not in seen:
            seen.append(name)
            waiting += [target for target in steps[name]["next"].values() if target not in ENDS]
    return [*seen, *[name for name in steps if name not in seen]]


def picture(
    definition: dict[str, Any], attempts: list[StepRun] | None = None, run: WorkflowRun | None = None
) -> dict[str, Any]:
    """The graph for the script that draws it: {"definition", "states": {step: {state, mark, word, attempts}}}."""
    found: dict[str, Any] = {}
    for line in lines(definition, attempts):
        if line.last is not None:
            found[line.name] = {
                "state": line.last.state, "mark": line.last.mark, "word": str(line.last.get_state_display()),
                "attempts": line.attempts,
            }  # fmt: skip
    if run is not None and run.state in (DONE, FAILED):
        found[str(run.state)] = {
            "state": run.state,
            "mark": run.mark,
            "word": str(run.get_state_display()),
            "attempts": 1,
        }
    return {"definition": definition, "states": found}


def palette() -> dict[str, Any]:
    """What the editor must know: kinds with their schemas in the reader's language, playbooks, workflows, services, centres."""
    return {
        "kinds": [
            {
                "code": kind.code, "title": sentences.read(kind.title), "description": sentences.read(kind.description),
                "outcomes": kind.outcomes, "optional": kind.optional, "outputs": kind.outputs, "required": kind.parameters["required"],
                "parameters": {name: _translated(schema) for name, schema in kind.parameters["properties"].items()},
            }
            for kind in KINDS.values()
        ],
        "playbooks": [
            {
                "code": book.code, "title": sentences.read(book.title),
                "options": [
                    {"name": o.name, "type": o.type, "required": o.required, "description": sentences.read(o.description)}
                    for o in book.options
                ],
            }
            for book in catalogue.playbooks().values() if book.from_form
        ],
        "workflows": [
            {"slug": slug, "version": number, "inputs": list(definition["inputs"])}
            for slug, number, definition in WorkflowVersion.objects.filter(state="approved")
            .order_by("workflow__slug", "-number").distinct("workflow__slug")
            .values_list("workflow__slug", "number", "definition")
        ],
        "services": [service.name for service in inventory.services()],
        "centres": [centre.code for centre in inventory.centres()],
    }  # fmt: skip


def _translated(schema: dict[str, Any]) -> dict[str, Any]:
    words = {key: sentences.read(schema[key]) for key in ("title", "description") if schema.get(key)}
    return {**schema, **words}
