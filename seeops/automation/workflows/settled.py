"""What becomes of an attempt at a step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from seeops.automation.workflow_states import StepState
from seeops.automation.workflows.kinds import FAILURE, SUCCESS


@dataclass(frozen=True)
class Settled:
    """The end of an attempt. `outcome` names the edge; empty when there is none: then the run holds, or tries `again`."""

    state: str
    outcome: str = ""
    outputs: dict[str, Any] = field(default_factory=dict)
    problem: str = ""
    again: bool = False


def succeeded(outcome: str = SUCCESS, **outputs: Any) -> Settled:
    return Settled(StepState.SUCCEEDED, outcome, outputs)


def failed(problem: str, **outputs: Any) -> Settled:
    return Settled(StepState.FAILED, FAILURE, outputs, problem)


def unknown(problem: str) -> Settled:
    """Whether it was done cannot be told: a person must look."""
    return Settled(StepState.UNKNOWN, problem=problem)


def once_more(problem: str) -> Settled:
    """Its process is gone, and doing it (again) is safe."""
    return Settled(StepState.UNKNOWN, problem=problem, again=True)
