"""Would branches that run at the same time want the same nodes? A node has one owner at a time, so one of them would be refused. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from seeops.automation.workflows.findings import Finding, finding
from seeops.automation.workflows.parallel import Regions
from seeops.automation.workflows.references import has_reference

DEEPEST = 5


@dataclass(frozen=True)
class Wanted:
    """The nodes that a step changes. Empty fields are no limit; `perhaps` when a value is known only when it runs."""

    step: str
    service: str
    centre: str
    nodes: frozenset[str]
    perhaps: bool

    @property
    def what(self) -> str:
        return self.service or self.centre or ", ".join(sorted(self.nodes)[:3]) or "*"


def check_locks(flow: dict[str, Any], parts: Regions, around: Any) -> Iterator[Finding]:
    """Pairs of steps in branches of one fork that change the same nodes."""
    for ways in parts.ways.values():
        wanted = {branch: _in_branch(flow, parts, branch, around) for branch in ways}
        for one, other in combinations(ways, 2):
            yield from _conflicts(wanted[one], wanted[other])


def _conflicts(ones: list[Wanted], others: list[Wanted]) -> Iterator[Finding]:
    for one in ones:
        for other in others:
            if one.perhaps or other.perhaps:
                # The same reference on both sides is the same service, whichever it is.
                if (
                    one.service
                    and one.service == other.service
                    and not one.nodes
                    and not other.nodes
                    and one.centre == other.centre
                ):
                    yield finding("lock-conflict", other.step, what=one.service, other=one.step)
                else:
                    yield finding("lock-perhaps", other.step, other=one.step)
            elif _overlap(one, other):
                yield finding("lock-conflict", other.step, what=one.what, other=one.step)


def _overlap(one: Wanted, other: Wanted) -> bool:
    if one.nodes and other.nodes:
        return bool(one.nodes & other.nodes)
    services = not one.service or not other.service or one.service == other.service
    centres = not one.centre or not other.centre or one.centre == other.centre
    return services and centres


def _in_branch(flow: dict[str, Any], parts: Regions, branch: str, around: Any) -> list[Wanted]:
    """What the steps of a branch, of the forks in it and of the workflows that they run change."""
    inside = set(parts.inside(branch))
    names = [name for name in flow["steps"] if parts.branch_of.get(name) in inside]
    return [one for name in names for one in _of_step(name, flow["steps"][name], around, 0)]


def _of_step(name: str, step: dict[str, Any], around: Any, depth: int) -> list[Wanted]:
    told = step["parameters"]
    if step["kind"] == "playbook":
        book = around.playbooks.get(told.get("playbook"))
        return [_wanted(name, told)] if book and book.get("changes_nodes", True) else []
    if step["kind"] in ("http", "script"):
        return [_wanted(name, {"service": told["service"]})] if told.get("service") else []
    if step["kind"] == "workflow" and depth < DEEPEST:
        number = told.get("version")
        other = around.version(str(told.get("workflow", "")), number) if isinstance(number, int) else None
        steps = other["steps"].values() if other else ()
        return [_hidden(one) for inner in steps for one in _of_step(name, inner, around, depth + 1)]
    return []


def _hidden(one: Wanted) -> Wanted:
    """A reference inside another workflow names that one's inputs: which service it is, is not known here."""
    return Wanted(one.step, "", "", frozenset(), True) if one.perhaps else one


def _wanted(name: str, told: dict[str, Any]) -> Wanted:
    nodes = told.get("nodes") or []
    listed = nodes if isinstance(nodes, list) else [nodes]
    service, centre = str(told.get("service") or ""), str(told.get("centre") or "")
    perhaps = any(has_reference(value) for value in (service, centre, *listed))
    return Wanted(name, service, centre, frozenset(map(str, listed)), perhaps)
