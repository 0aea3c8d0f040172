"""Which steps run at the same time: every fork with its branches and its one join. Pure.

A branch is named `FORK.WAY`; steps outside of every fork belong to the branch "". All ways of a branch lead to the join of its
fork, no step belongs to two branches: so the place of a step in a run follows from the definition alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from seeops.automation.workflows.kinds import ENDS

MAIN = ""


@dataclass(frozen=True)
class Problem:
    """`code` is that of a finding about `step`."""

    code: str
    step: str
    values: Mapping[str, str]


@dataclass
class Regions:
    """`branch_of`: step → branch; `join_of`: fork → join; `ways`: fork → {branch: first step}."""

    branch_of: dict[str, str] = field(default_factory=dict)
    join_of: dict[str, str] = field(default_factory=dict)
    ways: dict[str, dict[str, str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def fork_of(self, branch: str) -> str:
        return branch.rpartition(".")[0]

    def around(self, step: str) -> list[tuple[str, str]]:
        """(fork, branch) that hold the step, the innermost first."""
        found = []
        branch = self.branch_of.get(step, MAIN)
        while branch != MAIN:
            fork = self.fork_of(branch)
            found.append((fork, branch))
            branch = self.branch_of.get(fork, MAIN)
        return found

    def inside(self, branch: str) -> list[str]:
        """The branch and every branch of the forks in it."""
        inner = [one for fork in self.ways if self.branch_of.get(fork) == branch for one in self.ways[fork]]
        return [branch, *(deeper for one in inner for deeper in self.inside(one))]


def regions(flow: Mapping[str, Any]) -> Regions:
    """The branches of a definition without a cycle."""
    found, steps = Regions(), flow["steps"]
    joins, _ended = _walk(steps, flow["start"], MAIN, found)
    found.problems += [Problem("join-without-fork", name, {}) for name in sorted(joins - set(found.join_of.values()))]
    for name, step in steps.items():
        for target in set(step["next"].values()) & set(found.join_of.values()):
            fork = next(fork for fork, join in found.join_of.items() if join == target)
            if name != fork and found.branch_of.get(name) not in found.ways[fork]:
                found.problems.append(Problem("join-from-outside", name, {"join": target, "fork": fork}))
    return found


def _walk(steps: Mapping[str, Any], start: str, branch: str, found: Regions) -> tuple[set[str], bool]:
    """Give the steps from `start` on to a branch. Returns the joins at which it stops and whether a way leads to an end."""
    joins: set[str] = set()
    ended = False
    waiting, seen = [start], set()
    while waiting:
        name = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        if name in ENDS or name not in steps:
            ended = ended or name in ENDS
            continue
        if steps[name]["kind"] == "join" and name not in _own_joins(found, branch):
            joins.add(name)
            continue
        if found.branch_of.setdefault(name, branch) != branch:
            found.problems.append(Problem("branches-touch", name, {}))
            continue
        waiting += _following(steps, name, branch, found)
    return joins, ended


def _own_joins(found: Regions, branch: str) -> set[str]:
    """Joins of forks that lie in the branch: behind them the branch goes on."""
    return {join for fork, join in found.join_of.items() if found.branch_of.get(fork) == branch}


def _following(steps: Mapping[str, Any], name: str, branch: str, found: Regions) -> Iterator[str]:
    step = steps[name]
    if step["kind"] != "fork":
        yield from step["next"].values()
        return
    ways = {f"{name}.{way}": target for way, target in step["next"].items()}
    found.ways[name] = ways
    joins: set[str] = set()
    for inner, target in ways.items():
        at, ended = _walk(steps, target, inner, found)
        joins |= at
        if ended or not at:
            found.problems.append(Problem("branch-ends", name, {"way": inner.rpartition(".")[2]}))
    if len(joins) > 1:
        found.problems.append(Problem("two-joins", name, {"joins": ", ".join(sorted(joins))}))
    elif joins:
        (join,) = joins
        taken = next((fork for fork, other in found.join_of.items() if other == join), None)
        if taken is not None:
            found.problems.append(Problem("join-of-two", join, {"forks": ", ".join(sorted((taken, name)))}))
            return
        found.join_of[name] = join
        yield join
