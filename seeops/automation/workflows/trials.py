"""What a trial leaves out: whatever changes something outside, and whatever asks people. Pure but for the catalogue's effects."""

from __future__ import annotations

from typing import Any

from seeops.automation import catalogue
from seeops.automation.workflows.kinds import outputs_of
from seeops.automation.workflows.values import EMPTY
from seeops.core.errors import InvalidInput


def left_out(kind: str, told: dict[str, Any]) -> bool:
    """Whether a step with these parameters is only pretended in a trial."""
    if kind == "approval":
        return True
    if kind == "http":
        return told["method"] not in ("GET", "HEAD")
    if kind == "script":
        return bool(told["network"] or told.get("service"))
    if kind == "playbook":
        try:
            return catalogue.playbook(told["playbook"]).effect != "reads"
        except InvalidInput:
            return False  # beginning it says what is wrong
    return False


def empty_outputs(step: dict[str, Any]) -> dict[str, Any]:
    """Values of the right types for what a pretended step would have answered."""
    return {name: EMPTY[kind] for name, kind in outputs_of(step).items() if name not in ("status", "error")}
