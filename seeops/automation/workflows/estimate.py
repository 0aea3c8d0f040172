"""How long a run will probably take: the longest way to a good end, by what earlier runs took. Pure.

Ways that exclude each other count with the longer one, branches of a fork with the longest (rule `all`) or the shortest (`any`).
What people must do, and what was never measured, is not guessed: it is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from seeops.automation.workflows.definition import defaulted
from seeops.automation.workflows.kinds import ANY_OF, ENDS, FAILURE
from seeops.automation.workflows.parallel import Regions
from seeops.automation.workflows.references import has_reference


@dataclass(frozen=True)
class Estimate:
    """`seconds` of what is known; `asks`: steps that wait for people; `unmeasured`: steps that were never seen to end."""

    seconds: float
    asks: tuple[str, ...]
    unmeasured: tuple[str, ...]


def estimate(flow: Mapping[str, Any], parts: Regions, measured: Mapping[str, float]) -> Estimate:
    """The estimate of a definition without errors; `measured`: step → seconds that it took in earlier runs."""
    steps = flow["steps"]

    @cache
    def from_here(name: str, until: str) -> float:
        if name in ENDS or name == until or name not in steps:
            return 0.0
        step = steps[name]
        if step["kind"] == "fork":
            join = parts.join_of[name]
            times = [from_here(target, join) for target in parts.ways[name].values()]
            shortest = steps[join]["parameters"].get("rule") == ANY_OF
            return (min(times) if shortest else max(times)) + from_here(join, until)
        following = [target for outcome, target in step["next"].items() if outcome != FAILURE]
        return _own(name, step, measured) + max((from_here(target, until) for target in following), default=0.0)

    asks = tuple(name for name, step in steps.items() if step["kind"] == "approval")
    acting = ("playbook", "http", "script", "workflow")
    unmeasured = tuple(name for name, step in steps.items() if step["kind"] in acting and name not in measured)
    return Estimate(from_here(flow["start"], ""), asks, unmeasured)


def _own(name: str, step: Mapping[str, Any], measured: Mapping[str, float]) -> float:
    """Seconds of one step: what it took, or what it says of itself."""
    if name in measured:
        return measured[name]
    told = defaulted(dict(step))
    wanted = told.get("seconds") if step["kind"] == "wait" else told.get("hold_s") if step["kind"] == "promql" else 0
    return 0.0 if has_reference(wanted) else float(wanted or 0)
