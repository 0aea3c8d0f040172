"""What references stand for in one run: its inputs, itself, and the results of its steps so far."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import jsonschema
from django.utils.translation import gettext as _

from seeops.automation.models import StepRun, WorkflowRun
from seeops.automation.workflow_states import LIVE_STEP
from seeops.automation.workflows import references
from seeops.automation.workflows.definition import defaulted
from seeops.automation.workflows.kinds import KINDS
from seeops.automation.workflows.settled import Settled, failed
from seeops.automation.workflows.values import is_a
from seeops.core.errors import InvalidInput
from seeops.monitoring.prometheus import escaped

# How a value is made harmless inside a longer text of a parameter.
_QUOTES: dict[tuple[str, str], Callable[[str], str]] = {
    ("promql", "query"): escaped,
    ("http", "url"): lambda text: quote(text, safe=""),
}


def known(run: WorkflowRun) -> dict[str, Any]:
    """Every value that a reference may name now; of a step tried several times the last attempt counts."""
    values: dict[str, Any] = {f"inputs.{name}": value for name, value in run.inputs.items()}
    values |= {"run.number": run.number, "run.started_by": run.started_by.get_username(), "run.trial": run.trial}
    for step in run.steps.exclude(state__in=LIVE_STEP).order_by("id"):
        for name in [key for key in values if key.startswith(f"steps.{step.step}.")]:
            del values[name]
        values |= {f"steps.{step.step}.{name}": value for name, value in step.outputs.items()}
        values |= {f"steps.{step.step}.status": step.state, f"steps.{step.step}.error": step.problem}
    return values


def parameters(run: WorkflowRun, step: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a step with references replaced. Raises ReferenceProblem, InvalidInput."""
    values = known(run)
    kind, given = step["kind"], defaulted(step)
    plain = _literal(kind)
    return {
        name: value if name in plain else references.resolve(value, values, _QUOTES.get((kind, name), str))
        for name, value in given.items()
    }


def _literal(kind: str) -> set[str]:
    properties = KINDS[kind].parameters["properties"]
    return {name for name, schema in properties.items() if schema.get("x-literal")}


def given_inputs(definition: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The inputs of a run, defaults filled in, types checked. Raises InvalidInput naming the input."""
    declared = definition["inputs"]
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise InvalidInput(_("The workflow has no input “%(name)s”.") % {"name": unknown[0]}, field=unknown[0])
    result = {}
    for name, item in declared.items():
        if given.get(name) in (None, ""):
            if item["required"] and "default" not in item:
                raise InvalidInput(_("The input “%(name)s” is missing: fill it in.") % {"name": name}, field=name)
            if "default" in item:
                result[name] = item["default"]
            continue
        if not is_a(given[name], item["type"]):
            raise InvalidInput(
                _("The input “%(name)s” must be of type %(wanted)s, “%(given)s” is not.")
                % {"name": name, "wanted": item["type"], "given": str(given[name])[:60]},
                field=name,
            )
        result[name] = given[name]
    return result


def last_attempt(run: WorkflowRun, name: str) -> StepRun | None:
    return run.steps.filter(step=name).order_by("-attempt").first()


def unfit(kind: str, told: dict[str, Any]) -> Settled | None:
    """A failure when values that came in at run time are not what the step accepts."""
    errors = list(jsonschema.Draft202012Validator(KINDS[kind].parameters).iter_errors(told))
    if not errors:
        return None
    place = ".".join(str(part) for part in errors[0].absolute_path) or kind
    return failed(f"{place}: {errors[0].message[:300]}")
