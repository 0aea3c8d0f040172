"""Checks of one step's parameters: schema, references with their types, and what its kind asks for. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema

from seeops.automation.workflows import references as refs
from seeops.automation.workflows.definition import defaulted
from seeops.automation.workflows.findings import Finding, finding
from seeops.automation.workflows.graph import Surely
from seeops.automation.workflows.kinds import ALWAYS, KINDS, ORDERED, outputs_of, parameter_type
from seeops.automation.workflows.values import fits, is_a, type_of


def check_step(flow: dict[str, Any], name: str, around: Any, surely: Surely | None) -> Iterator[Finding]:
    """The findings about the parameters of step `name`; without `surely` (the graph is broken) not what must run before."""
    step = flow["steps"][name]
    yield from _schema(name, step)
    yield from _references(flow, name, surely)
    special = _SPECIAL.get(step["kind"])
    if special:
        yield from special(flow, name, step["parameters"], around)


def inputs_used(flow: dict[str, Any]) -> set[str]:
    """The inputs of the workflow that some step refers to."""
    return {
        piece.field
        for step in flow["steps"].values()
        for _path, text in refs.texts(step["parameters"])
        for piece in _pieces(text)
        if isinstance(piece, refs.Reference) and piece.scope == "inputs"
    }


def _pieces(text: str) -> list[str | refs.Reference]:
    try:
        return refs.parse(text)
    except refs.ReferenceProblem:
        return []


def _schema(name: str, step: dict[str, Any]) -> Iterator[Finding]:
    """Parameters against the schema of their kind; what refers to a value is checked by type instead."""
    schema = KINDS[step["kind"]].parameters
    properties = schema["properties"]
    given = defaulted(step)
    varying = {key for key, value in given.items() if refs.has_reference(value)}
    for key in sorted(varying):
        if properties.get(key, {}).get("x-literal"):
            yield finding("literal", name, name=key)
        elif properties.get(key, {}).get("x-prefix") and not str(given[key]).startswith(("http://", "https://", "${")):
            yield finding("parameter", name, name=key, problem="must begin with http:// or https://")
    for key, value in given.items():
        if properties.get(key, {}).get("x-literal") and not isinstance(value, str):
            yield from (
                finding("literal", name, name=p) for p, text in refs.texts(value, key) if refs.has_reference(text)
            )
    fixed = {key: value for key, value in given.items() if key not in varying}
    wanted = {**schema, "required": [key for key in schema["required"] if key not in varying]}
    for error in jsonschema.Draft202012Validator(wanted).iter_errors(fixed):
        place = ".".join(str(part) for part in error.absolute_path)
        yield finding("parameter", name, name=place or step["kind"], problem=error.message[:200])


def _references(flow: dict[str, Any], name: str, surely: Surely | None) -> Iterator[Finding]:
    step = flow["steps"][name]
    properties = KINDS[step["kind"]].parameters["properties"]
    for path, text in refs.texts(step["parameters"]):
        if properties.get(path.split(".")[0], {}).get("x-literal"):
            continue
        try:
            pieces = refs.parse(text)
        except refs.ReferenceProblem as problem:
            yield finding("unreadable", name, name=path, text=problem)
            continue
        for piece in pieces:
            if isinstance(piece, refs.Reference):
                yield from _known(flow, name, path, piece, surely)
        if "." not in path and path in properties and any(isinstance(piece, refs.Reference) for piece in pieces):
            given = _type_of(flow, pieces[0]) if len(pieces) == 1 else "str"
            yield from _typed(name, path, text, given, parameter_type(properties[path]))


def _typed(name: str, path: str, text: str, given: str, wanted: str) -> Iterator[Finding]:
    if not fits(given, wanted):
        yield finding("type", name, name=path, reference=text[:80], given=given, wanted=wanted)


def _known(
    flow: dict[str, Any], name: str, path: str, piece: refs.Reference, surely: Surely | None
) -> Iterator[Finding]:
    """Whether a reference names something that is there whenever the step runs."""
    if piece.scope == "run":
        if piece.field not in refs.RUN_FIELDS:
            fields = ", ".join(refs.RUN_FIELDS)
            yield finding("unknown-field", name, name=path, other="run", field=piece.field, fields=fields)
        return
    if piece.scope == "inputs":
        if piece.field not in flow["inputs"]:
            yield finding("unknown-input", name, name=path, field=piece.field)
        return
    other = flow["steps"].get(piece.step)
    if other is None:
        yield finding("unknown-reference", name, name=path, other=piece.step)
        return
    fields = outputs_of(other)
    if piece.field not in fields:
        yield finding("unknown-field", name, name=path, other=piece.step, field=piece.field, fields=", ".join(fields))
        return
    if surely is None or name not in surely.ran:
        return
    if piece.step not in surely.ran[name]:
        yield finding("not-before", name, name=path, other=piece.step)
    elif piece.field not in ALWAYS and piece.step not in surely.succeeded[name]:
        yield finding("not-succeeded", name, name=path, other=piece.step, field=piece.field)


def _type_of(flow: dict[str, Any], piece: str | refs.Reference) -> str:
    """The type of a reference; `any` when it is unknown, which has a finding of its own."""
    if isinstance(piece, str):
        return "str"
    if piece.scope == "run":
        return refs.RUN_FIELDS.get(piece.field, "any")
    if piece.scope == "inputs":
        return str(flow["inputs"].get(piece.field, {}).get("type", "any"))
    other = flow["steps"].get(piece.step)
    return str(outputs_of(other).get(piece.field, "any")) if other else "any"


def _value_type(flow: dict[str, Any], value: Any) -> str:
    """The type that a written value or reference will have."""
    if not refs.has_reference(value):
        return type_of(value)
    pieces = _pieces(value)
    return _type_of(flow, pieces[0]) if len(pieces) == 1 else "str"


def _playbook(flow: dict[str, Any], name: str, given: dict[str, Any], around: Any) -> Iterator[Finding]:
    book = around.playbooks.get(given.get("playbook"))
    if not any(given.get(key) for key in ("service", "centre", "nodes", "everywhere")):
        yield finding("no-nodes", name)
    if book is None:
        if given.get("playbook"):
            yield finding("no-playbook", name, playbook=given["playbook"])
        return
    if not book["from_form"]:
        yield finding("not-from-form", name, playbook=given["playbook"])
    yield from _options(flow, name, given.get("inputs", {}), book["options"], ("no-option", "missing-option"))


def _workflow(flow: dict[str, Any], name: str, given: dict[str, Any], around: Any) -> Iterator[Finding]:
    slug, number = str(given.get("workflow", "")), given.get("version")
    other = around.version(slug, number) if slug and is_a(number, "int") else None
    if other is None:
        if slug:
            yield finding("no-workflow", name, workflow=slug, version=number)
        return
    wanted = {
        key: {**item, "required": item.get("required", False) and "default" not in item}
        for key, item in other["inputs"].items()
    }
    yield from _options(flow, name, given.get("inputs", {}), wanted, ("no-workflow-input", "missing-workflow-input"))


def _options(
    flow: dict[str, Any], name: str, given: Any, wanted: dict[str, Any], codes: tuple[str, str]
) -> Iterator[Finding]:
    """Values handed to a playbook or a workflow against what it declares."""
    unknown, missing = codes
    if not isinstance(given, dict):
        return
    for key, value in given.items():
        option = wanted.get(key)
        if option is None:
            yield finding(unknown, name, option=key, options=", ".join(wanted) or "–")
            continue
        kind = _value_type(flow, value)
        if not fits(kind, option["type"]):
            yield finding(
                "type", name, name=f"inputs.{key}", reference=str(value)[:80], given=kind, wanted=option["type"]
            )
        elif option.get("choices") and not refs.has_reference(value) and str(value) not in option["choices"]:
            yield finding("choice", name, option=key, given=value, choices=", ".join(option["choices"]))
    for key, option in wanted.items():
        if option.get("required") and given.get(key) in (None, ""):
            yield finding(missing, name, option=key)


def _branch(flow: dict[str, Any], name: str, given: dict[str, Any], around: Any) -> Iterator[Finding]:
    conditions = given.get("conditions")
    for condition in conditions if isinstance(conditions, list) else []:
        if isinstance(condition, dict) and condition.get("operator") in ORDERED:
            for side in (condition.get("left"), condition.get("right")):
                kind = _value_type(flow, side)
                if side is None or not fits(kind, "number"):
                    yield finding(
                        "order", name, given=kind if side is not None else "nothing", operator=condition["operator"]
                    )


_SPECIAL = {"playbook": _playbook, "workflow": _workflow, "branch": _branch}
