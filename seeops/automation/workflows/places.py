"""Where a run stands: one step outside of every fork, and one in each branch of the forks that are under way.

`WorkflowRun.current` is the first; `WorkflowRun.branches` has the others, by branch: {"at": step, "held": it waits for a person,
"came": "" while it is on its way, then "well", "badly" or "stopped", "stop": it shall come to its end}. It is written under the
run's lease, in the transaction that writes the step.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from seeops.automation.models import StepRun, WorkflowRun
from seeops.automation.workflows.kinds import ALL, ENDS, FAILURE, WAYS
from seeops.automation.workflows.parallel import MAIN, Regions, regions
from seeops.core import leases

WELL, BADLY, STOPPED = "well", "badly", "stopped"


@dataclass(frozen=True)
class Place:
    """A step that is due or under way. `stop`: its branch is not wanted any more."""

    branch: str
    at: str
    held: bool = False
    stop: bool = False


def parts(run: WorkflowRun) -> Regions:
    return regions(run.version.definition)


def open_places(run: WorkflowRun, live: Iterable[StepRun]) -> list[Place]:
    """Every place that has not come to its join; those of the innermost forks last."""
    forks = [step.step for step in live if step.kind == "fork"]
    found = [] if run.current in ENDS else [Place(MAIN, run.current)]
    for branch, item in sorted(run.branches.items()):
        if branch.rpartition(".")[0] in forks and not item["came"]:
            found.append(Place(branch, item["at"], item["held"], item["stop"]))
    return found


def split(run: WorkflowRun, fork: str) -> None:
    """Begin the branches of a fork (before the run's row is written)."""
    shape = parts(run)
    join = shape.join_of[fork]
    fresh = {
        branch: {"at": target, "held": False, "stop": False, "came": WELL if target == join else ""}
        for branch, target in shape.ways[fork].items()
    }
    put(run, fresh)


def put(run: WorkflowRun, changed: dict[str, dict[str, Any]]) -> None:
    """Write branches anew (inside `fenced`)."""
    run.branches = {**run.branches, **changed}
    leases.write(WorkflowRun, run.pk, epoch=run.epoch, branches=run.branches)


def hold(run: WorkflowRun, branch: str) -> None:
    put(run, {branch: {**run.branches[branch], "held": True}})


def move(run: WorkflowRun, step: StepRun, outcome: str) -> None:
    """Lead the place of a step that ended to what follows it (inside `fenced`)."""
    shape = parts(run)
    if step.kind == "fork":
        target = shape.join_of[step.step]
    else:
        target = run.version.definition["steps"][step.step]["next"][outcome]
    if step.branch == MAIN:
        leases.write(WorkflowRun, run.pk, epoch=run.epoch, current=target)
        run.current = target
        return
    arrived = target == shape.join_of[shape.fork_of(step.branch)]
    came = "" if not arrived else BADLY if outcome == FAILURE else WELL
    put(run, {step.branch: {**run.branches[step.branch], "at": target, "held": False, "came": came}})


def stopped(run: WorkflowRun, branch: str) -> None:
    """The branch has come to its end without its join (inside `fenced`)."""
    put(run, {branch: {**run.branches[branch], "came": STOPPED, "held": False}})


def arrivals(run: WorkflowRun, fork: str) -> dict[str, str]:
    """way → how it came, of every branch of a fork; "" for those on their way."""
    own = {
        branch.rpartition(".")[2]: item["came"]
        for branch, item in run.branches.items()
        if branch.rpartition(".")[0] == fork
    }
    return {way: own[way] for way in WAYS if way in own}


def enough(came: dict[str, str], rule: str) -> bool:
    """Whether what has come lets the join go on well."""
    values = [one for one in came.values() if one != STOPPED]
    return all(one == WELL for one in values) if rule == ALL else WELL in values


def rule_of(run: WorkflowRun, fork: str) -> str:
    join = run.version.definition["steps"][parts(run).join_of[fork]]
    return str(join["parameters"].get("rule", ALL))


def to_stop(run: WorkflowRun, fork: str) -> dict[str, dict[str, Any]]:
    """The branches of a fork that are still on their way, with those of the forks in them, told to come to an end."""
    shape = parts(run)
    open_now = [branch for branch in shape.ways[fork] if not run.branches[branch]["came"]]
    names = [name for branch in open_now for name in shape.inside(branch) if name in run.branches]
    return {name: {**run.branches[name], "stop": True} for name in names if not run.branches[name]["stop"]}


def led_back(
    run: WorkflowRun, step: str, target: str, *, badly: bool = False
) -> tuple[str, dict[str, dict[str, Any]], list[str]]:
    """Where the run stands when it goes on at `target` in the branch of `step`: (current, branches, forks that are under way again).

    The other branches stay as they are: what has come has come. `badly` says how the branch comes when `target` is its join.
    """
    shape = parts(run)
    holders = shape.around(step)
    if not holders:
        return target, run.branches, []
    branches, at = dict(run.branches), target
    for fork, branch in holders:
        item = branches[branch]
        branches[branch] = {**item, "at": at, "held": False, "stop": False, "came": ""}
        at = fork
    fork, branch = holders[0]
    if target == shape.join_of[fork]:
        branches[branch]["came"] = BADLY if badly else WELL
    return at, branches, [fork for fork, _branch in holders]
