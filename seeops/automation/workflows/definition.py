"""What a workflow looks like as data, its one canonical form and its digest. Pure.

{"title", "description", "inputs": {name: {"type", "required", "default"?, "description"}}, "start": step,
 "steps": {id: {"kind", "title", "at": [x, y], "parameters": {...}, "next": {outcome: step | "done" | "failed"}}}}
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import jsonschema

from seeops.automation.workflows.kinds import DONE, ENDS, FAILED, FAILURE, KINDS
from seeops.automation.workflows.values import TYPES

NAME = r"^[a-z][a-z0-9_]{0,39}$"
MOST_STEPS = 200
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["title", "start", "steps"],
    "properties": {
        "title": {"type": "string", "minLength": 1, "maxLength": 120},
        "description": {"type": "string", "maxLength": 2000},
        "start": {"type": "string"},
        "inputs": {
            "type": "object",
            "maxProperties": 40,
            "propertyNames": {"pattern": NAME},
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["type"],
                "properties": {
                    "type": {"enum": list(TYPES)},
                    "required": {"type": "boolean"},
                    "default": {},
                    "description": {"type": "string", "maxLength": 300},
                },
            },
        },
        "steps": {
            "type": "object",
            "minProperties": 1,
            "maxProperties": MOST_STEPS,
            "propertyNames": {"pattern": NAME, "not": {"enum": list(ENDS)}},
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["kind"],
                "properties": {
                    "kind": {"enum": list(KINDS)},
                    "title": {"type": "string", "maxLength": 120},
                    "at": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
                    "parameters": {"type": "object"},
                    "next": {"type": "object", "additionalProperties": {"type": "string"}},
                },
            },
        },
    },
}
_VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def shape_problems(definition: Any) -> list[tuple[str, str]]:
    """(path, what is wrong) for whatever is not of the form above; [] when it is."""
    errors = sorted(_VALIDATOR.iter_errors(definition), key=lambda error: list(map(str, error.absolute_path)))
    return [(".".join(str(part) for part in error.absolute_path), error.message[:300]) for error in errors]


def normal(definition: dict[str, Any]) -> dict[str, Any]:
    """The canonical form of a definition without shape problems: every key present, in one order, whatever order they came in
    (a database of JSON keeps none). Steps stand in the order in which they are reached."""
    steps = definition["steps"]
    return {
        "title": definition["title"],
        "description": definition.get("description", ""),
        "inputs": {name: _input(given) for name, given in sorted(definition.get("inputs", {}).items())},
        "start": definition["start"],
        "steps": {name: _step(name, steps[name], place) for place, name in enumerate(_reached(definition))},
    }


def _reached(definition: dict[str, Any]) -> list[str]:
    """The steps as they are reached from the first one, then the others by name."""
    steps = definition["steps"]
    seen: dict[str, None] = {}
    waiting = [definition["start"]]
    while waiting:
        name = waiting.pop(0)
        if name in steps and name not in seen:
            seen[name] = None
            waiting += _step_next(steps[name]).values()
    return [*seen, *sorted(set(steps) - set(seen))]


def _step_next(step: dict[str, Any]) -> dict[str, str]:
    following, outcomes = step.get("next", {}), KINDS[step["kind"]].outcomes
    ordered = [*[o for o in outcomes if o in following], *sorted(set(following) - set(outcomes))]
    return {outcome: following[outcome] for outcome in ordered}


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(item) for key, item in sorted(value.items())}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def _input(given: dict[str, Any]) -> dict[str, Any]:
    kept = {"type": given["type"], "required": given.get("required", False)}
    if "default" in given:
        kept["default"] = given["default"]
    return {**kept, "description": given.get("description", "")}


def _step(name: str, step: dict[str, Any], place: int) -> dict[str, Any]:
    given, known = step.get("parameters", {}), KINDS[step["kind"]].parameters["properties"]
    ordered = [*[key for key in known if key in given], *sorted(set(given) - set(known))]
    return {
        "kind": step["kind"],
        "title": step.get("title") or name.replace("_", " "),
        "at": step.get("at") or [40 + 240 * (place % 4), 40 + 130 * (place // 4)],
        "parameters": {key: _sorted(given[key]) for key in ordered},
        "next": _step_next(step),
    }


def digest(definition: dict[str, Any]) -> str:
    """SHA-256 over the canonical JSON: what is approved is exactly this."""
    text = json.dumps(normal(definition), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def defaulted(step: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a step, with the defaults of its kind filled in."""
    properties = KINDS[step["kind"]].parameters["properties"]
    defaults = {name: schema["default"] for name, schema in properties.items() if "default" in schema}
    return {**defaults, **step["parameters"]}


def successors(step: dict[str, Any]) -> list[tuple[str, str]]:
    """(outcome, next step) of the edges that lead to steps."""
    return [(outcome, target) for outcome, target in step["next"].items() if target not in ENDS]


def begun(title: str) -> dict[str, Any]:
    """What a new workflow starts from: one step, complete and harmless."""
    step = {"kind": "wait", "title": "Wait", "at": [80, 80], "parameters": {"seconds": 10},
            "next": {"success": DONE, FAILURE: FAILED}}  # fmt: skip
    return normal({"title": title, "start": "wait", "steps": {"wait": step}})
