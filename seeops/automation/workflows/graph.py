"""Questions about the graph of a workflow: cycles, what is reached, what has surely happened before. Pure.

A graph is {step: [(outcome, next step)]}; edges to an end or to nowhere are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seeops.automation.workflows.kinds import FAILURE

Graph = Mapping[str, Sequence[tuple[str, str]]]


def reached(graph: Graph, start: str, *, without: str = "", only_failure_of: str = "") -> set[str]:
    """Steps that may run: from `start`, not through `without`, leaving `only_failure_of` by its failure edge only."""
    seen: set[str] = set()
    waiting = [start] if start in graph and start != without else []
    while waiting:
        step = waiting.pop()
        if step in seen:
            continue
        seen.add(step)
        for outcome, target in graph[step]:
            if target != without and not (step == only_failure_of and outcome != FAILURE):
                waiting.append(target)
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


def surely_before(graph: Graph, start: str, earlier: str, step: str) -> bool:
    """Whether no way leads from `start` to `step` but through `earlier`."""
    return earlier != step and step not in reached(graph, start, without=earlier)


def surely_succeeded(graph: Graph, start: str, earlier: str, step: str) -> bool:
    """Whether no way leads from `start` to `step` but through a success of `earlier`."""
    return earlier != step and step not in reached(graph, start, only_failure_of=earlier)
