"""Questions about the graph of a workflow: cycles, what is reached, what has surely happened before. Pure.

A graph is {step: [(outcome, next step)]}; edges to an end or to nowhere are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seeops.automation.workflows.kinds import ALL, FAILURE, SUCCESS
from seeops.automation.workflows.parallel import Regions

Graph = Mapping[str, Sequence[tuple[str, str]]]


def reached(graph: Graph, start: str) -> set[str]:
    """Steps that may run, from `start` on."""
    seen: set[str] = set()
    waiting = [start] if start in graph else []
    while waiting:
        step = waiting.pop()
        if step not in seen:
            seen.add(step)
            waiting += [target for _outcome, target in graph[step]]
    return seen


def cycle(graph: Mapping[str, Sequence[str]]) -> list[str]:
    """The steps of one cycle in order, the first one repeated at the end; [] when there is none."""
    state: dict[str, int] = {}
    for root in graph:
        path: list[str] = []
        stack: list[tuple[str, int]] = [(root, 0)] if root not in state else []
        while stack:
            step, place = stack.pop()
            if place == 0:
                state[step] = 1
                path.append(step)
            targets = graph.get(step, ())
            if place < len(targets):
                stack.append((step, place + 1))
                target = targets[place]
                if state.get(target) == 1:
                    return [*path[path.index(target) :], target]
                if target not in state:
                    stack.append((target, 0))
            else:
                state[step] = 2
                path.pop()
    return []


def ordered(graph: Graph, start: str) -> list[str]:
    """The steps that may run, each behind all that lead to it; of a graph without a cycle."""
    seen = reached(graph, start)
    leading = dict.fromkeys(seen, 0)
    for step in seen:
        for _outcome, target in graph[step]:
            leading[target] += 1
    ready, found = [start] if start in seen else [], []
    while ready:
        step = ready.pop(0)
        found.append(step)
        for _outcome, target in graph[step]:
            leading[target] -= 1
            if not leading[target]:
                ready.append(target)
    return found


@dataclass(frozen=True)
class Surely:
    """Of every step: what has run whenever it begins, and what of that has succeeded."""

    ran: Mapping[str, frozenset[str]]
    succeeded: Mapping[str, frozenset[str]]


_Edge = tuple[str, str]


def surely(flow: Mapping[str, Any], graph: Graph, regions: Regions) -> Surely:
    """What holds on every way to a step. Ways that exclude each other leave what they share; branches that are joined by
    the rule `all` bring together what each of them knows."""
    into: dict[str, list[_Edge]] = {}
    for step, ways in graph.items():
        for outcome, target in ways:
            into.setdefault(target, []).append((step, outcome))
    fork_of = {join: fork for fork, join in regions.join_of.items()}
    ran: dict[str, frozenset[str]] = {}
    succeeded: dict[str, frozenset[str]] = {}
    joined_well: dict[str, frozenset[str]] = {}

    def after(edge: _Edge) -> frozenset[str]:
        return ran[edge[0]] | {edge[0]}

    def after_success(edge: _Edge) -> frozenset[str]:
        step, outcome = edge
        known = joined_well.get(step, succeeded[step]) if outcome == SUCCESS else succeeded[step]
        return known if outcome == FAILURE else known | {step}

    for step in ordered(graph, flow["start"]):
        edges = [edge for edge in into.get(step, ()) if edge[0] in ran]
        groups = _arrivals(edges, fork_of.get(step), regions)
        every = flow["steps"][step]["parameters"].get("rule", ALL) == ALL
        ran[step] = _together([_shared(map(after, group)) for group in groups], every)
        succeeded[step] = _together([_shared(map(after_success, group)) for group in groups], every)
        if step in fork_of:
            well = [[edge for edge in group if edge[1] != FAILURE] for group in groups]
            joined_well[step] = _together([_shared(map(after_success, group)) for group in well if group], every)
    return Surely(ran, succeeded)


def _arrivals(edges: list[_Edge], fork: str | None, regions: Regions) -> list[list[_Edge]]:
    """The edges into a step: one group, but for a join one of every branch."""
    if fork is None:
        return [edges]
    groups: dict[str, list[_Edge]] = {}
    for step, outcome in edges:
        branch = f"{fork}.{outcome}" if step == fork else regions.branch_of.get(step, "")
        groups.setdefault(branch, []).append((step, outcome))
    return list(groups.values())


def _shared(found: Iterable[frozenset[str]]) -> frozenset[str]:
    sets = list(found)
    return frozenset.intersection(*sets) if sets else frozenset()


def _together(groups: list[frozenset[str]], every: bool) -> frozenset[str]:
    if not groups:
        return frozenset()
    return frozenset.union(*groups) if every else frozenset.intersection(*groups)
