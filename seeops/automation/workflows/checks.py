"""What is wrong with a workflow, found before it is saved: every finding names the step and says what to do. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from seeops.automation.workflows import check_locks, check_parameters
from seeops.automation.workflows.definition import normal, shape_problems, successors
from seeops.automation.workflows.findings import ERROR, Finding, finding
from seeops.automation.workflows.graph import cycle, reached, surely
from seeops.automation.workflows.kinds import ENDS, KINDS
from seeops.automation.workflows.parallel import regions
from seeops.automation.workflows.values import is_a

__all__ = ["ERROR", "Around", "Finding", "check", "refused"]


@dataclass(frozen=True)
class Around:
    """What a workflow is checked against.

    `playbooks`: code → {"options": {name: {"type", "required", "choices"}}, "from_form", "changes_nodes"}. `version(slug, number)`: the
    definition of an approved version, or None. `calls`: slug → slugs that its newest version runs. `slug`: its own name.
    """

    playbooks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    version: Callable[[str, int], dict[str, Any] | None] = lambda slug, number: None
    calls: Mapping[str, list[str]] = field(default_factory=dict)
    slug: str = ""


def check(definition: Any, around: Around) -> list[Finding]:
    """Every finding, in the order of the steps. A definition without the right form has only the findings of its form."""
    broken = shape_problems(definition)
    if broken:
        return [finding("shape", _step_in(path), path=path or "–", problem=problem) for path, problem in broken]
    flow = normal(definition)
    found = [*_edges(flow), *_order(flow), *_recursion(flow, around)]
    graph = edges(flow)
    whole = flow["start"] in graph and not any(item.code == "cycle" for item in found)
    parts = regions(flow) if whole else None
    if parts is not None:
        found += [finding(item.code, item.step, **item.values) for item in parts.problems]
        found += check_locks.check_locks(flow, parts, around)
    known = surely(flow, graph, parts) if parts is not None and not parts.problems else None
    for name in flow["steps"]:
        found += check_parameters.check_step(flow, name, around, known)
    found += _inputs(flow)
    places = {name: place for place, name in enumerate(flow["steps"])}
    return sorted(found, key=lambda item: (item.severity != ERROR, places.get(item.step, -1)))


def refused(findings: list[Finding]) -> bool:
    """Whether these findings forbid to save."""
    return any(item.severity == ERROR for item in findings)


def _step_in(path: str) -> str:
    parts = path.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "steps" else ""


def edges(flow: dict[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """The graph of a definition: edges to known steps."""
    steps = flow["steps"]
    return {name: [edge for edge in successors(step) if edge[1] in steps] for name, step in steps.items()}


_MISSING = {"first": "no-branch-edge", "second": "no-branch-edge"}


def _edges(flow: dict[str, Any]) -> Iterator[Finding]:
    steps = flow["steps"]
    if flow["start"] not in steps:
        yield finding("no-start", "", start=flow["start"])
    for name, step in steps.items():
        outcomes = KINDS[step["kind"]].outcomes
        for outcome in outcomes:
            if outcome not in step["next"] and outcome not in KINDS[step["kind"]].optional:
                yield finding(_MISSING.get(outcome, f"no-{outcome}-edge"), name)
        for outcome, target in step["next"].items():
            if outcome not in outcomes:
                yield finding("unknown-outcome", name, outcome=outcome, outcomes=", ".join(outcomes))
            elif target not in steps and target not in ENDS:
                yield finding("unknown-step", name, outcome=outcome, target=target)


def _order(flow: dict[str, Any]) -> Iterator[Finding]:
    graph = edges(flow)
    loop = cycle({name: [target for _outcome, target in following] for name, following in graph.items()})
    if loop:
        yield finding("cycle", loop[-2], path=" → ".join(loop))
    if flow["start"] in graph:
        seen = reached(graph, flow["start"])
        for name in flow["steps"]:
            if name not in seen:
                yield finding("unreachable", name)


def called(flow: dict[str, Any]) -> list[str]:
    """Names of the workflows that a definition runs, each once."""
    names = [
        str(step["parameters"].get("workflow", "")) for step in flow["steps"].values() if step["kind"] == "workflow"
    ]
    return [name for name in dict.fromkeys(names) if name]


def _recursion(flow: dict[str, Any], around: Around) -> Iterator[Finding]:
    """By name, whatever the versions: what calls itself through others could grow without end with every new version."""
    if not around.slug:
        return
    graph = {**around.calls, around.slug: called(flow)}
    loop = cycle({around.slug: graph[around.slug], **graph})
    if around.slug not in loop:
        return
    place = loop.index(around.slug)
    ordered = [*loop[place:-1], *loop[:place], around.slug]
    guilty = next(name for name, step in flow["steps"].items() if step["parameters"].get("workflow") == ordered[1])
    yield finding("workflow-cycle", guilty, path=" → ".join(ordered))


def _inputs(flow: dict[str, Any]) -> Iterator[Finding]:
    used = check_parameters.inputs_used(flow)
    for name, given in flow["inputs"].items():
        if "default" in given and not is_a(given["default"], given["type"]):
            yield finding("default", "", name=name, wanted=given["type"])
        if name not in used:
            yield finding("unused-input", "", name=name)
