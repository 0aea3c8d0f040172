"""The kinds of steps: what each one is told (JSON Schema), what it answers (typed), which ways lead out of it. Pure.

Forms are made from the schemas. Own keywords: `x-literal` (no references: it decides what is approved), `x-widget` (how a
form asks for it), `x-type` (the type that a reference there must have; by default that of the property).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from seeops.automation.workflows.values import TYPES

SUCCESS, FAILURE, YES, NO = "success", "failure", "yes", "no"
WAYS = ("first", "second", "third", "fourth")
ALL, ANY_OF = "all", "any"
DONE, FAILED = "done", "failed"
ENDS = (DONE, FAILED)
# Every step answers these, also when it failed.
ALWAYS = {"status": "str", "error": "str"}
ROLES = ("operator", "approver", "on_call", "auditor", "administrator")
ORDERED = ("<", "<=", ">", ">=")
OPERATORS = ("==", "!=", *ORDERED, "contains", "is empty")


def _(text: str) -> str:
    """Marks a sentence for the catalogues; pages read it in the reader's language."""
    return text


@dataclass(frozen=True)
class Kind:
    """`acts` says whether it changes something outside: such a step is never repeated when its outcome is unknown. Of its
    `outcomes` those that are `optional` may lead nowhere."""

    code: str
    title: str
    description: str
    parameters: dict[str, Any]
    outputs: dict[str, str] = field(default_factory=dict)
    outcomes: tuple[str, ...] = (SUCCESS, FAILURE)
    acts: bool = False
    optional: tuple[str, ...] = ()


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _text(title: str, *, longest: int = 200, **more: Any) -> dict[str, Any]:
    return {"type": "string", "title": title, "maxLength": longest, **more}


def _whole(title: str, least: int, most: int, default: int) -> dict[str, Any]:
    return {"type": "integer", "title": title, "minimum": least, "maximum": most, "default": default}


def _flag(title: str, *, description: str = "") -> dict[str, Any]:
    return {"type": "boolean", "title": title, "description": description, "default": False, "x-literal": True}


_VALUES = {"type": "object", "title": _("Inputs"), "default": {}, "x-widget": "map"}
_SERVICE = _text(
    _("Changes the service (keeps to its freezes and locks)"), **{"x-literal": True, "x-widget": "service"}
)
_REPEATABLE = _flag(
    _("May be repeated"),
    description=_(
        "Doing it twice does no harm: when its outcome is unknown it is done again instead of held for a person."
    ),
)

PLAYBOOK = Kind(
    "playbook", _("Playbook"), _("Runs a playbook of the catalogue on nodes, as a supervised process."),
    _object(
        ["playbook"],
        playbook=_text(_("Playbook"), minLength=1, **{"x-literal": True, "x-widget": "playbook"}),
        service=_text(_("All nodes of the service"), **{"x-widget": "service"}),
        centre=_text(_("In the centre"), **{"x-widget": "centre"}),
        nodes={"type": "array", "items": {"type": "string"}, "title": _("Or these nodes"), "x-widget": "lines"},
        everywhere=_flag(_("All nodes")),
        inputs={**_VALUES, "title": _("Options"), "x-widget": "options"},
        repeatable=_REPEATABLE,
    ),
    {"run": "str", "hosts_total": "int", "hosts_done": "int", "hosts_failed": "int"}, acts=True,
)  # fmt: skip
HTTP = Kind(
    "http", _("HTTP call"), _("Sends one request and checks the status of the answer. Redirects are not followed."),
    _object(
        ["method", "url"],
        method={"type": "string", "title": _("Method"), "enum": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
                "default": "GET", "x-literal": True},
        url=_text(_("Address"), longest=2000, pattern=r"^https?://", **{"x-prefix": True}),
        headers={"type": "object", "additionalProperties": {"type": "string"}, "title": _("Headers"), "default": {},
                 "x-widget": "map"},
        body=_text(_("Body"), longest=65536, **{"x-widget": "long"}),
        expect={"type": "array", "items": {"type": "integer", "minimum": 100, "maximum": 599},
                "title": _("Expected statuses (any 2xx when empty)"), "x-widget": "lines"},
        timeout_s=_whole(_("Longest wait, in seconds"), 1, 60, 10),
        service=_SERVICE,
        repeatable=_REPEATABLE,
    ),
    {"code": "int", "body": "str", "json": "any"}, acts=True,
)  # fmt: skip
PROMQL = Kind(
    "promql", _("PromQL gate"), _("Waits until a query meets its condition; no data never passes."),
    _object(
        ["query", "operator", "threshold"],
        query=_text(_("Query with one value"), longest=4000, minLength=1, **{"x-widget": "long"}),
        operator={"type": "string", "title": _("Must be"), "enum": ["<", "<=", ">", ">=", "=="], "default": "<"},
        threshold={"type": "number", "title": _("Threshold"), "default": 0},
        hold_s=_whole(_("Without a break for, in seconds"), 0, 3600, 0),
        timeout_s=_whole(_("Give up after, in seconds"), 1, 86400, 300),
    ),
    {"value": "number"},
)  # fmt: skip
APPROVAL = Kind(
    "approval", _("Approval"), _("Waits until people of a role agree; whoever started the run or wrote the workflow may not."),
    _object(
        ["question", "role"],
        question=_text(_("Question"), longest=500, minLength=1, **{"x-widget": "long"}),
        role={"type": "string", "title": _("Role"), "enum": list(ROLES), "default": "approver", "x-literal": True},
        count={**_whole(_("How many must agree"), 1, 5, 1), "x-literal": True},
        expires_s=_whole(_("Expires after, in seconds"), 60, 604800, 3600),
    ),
    {"decided_by": "str", "comment": "str"},
)  # fmt: skip
WAIT = Kind(
    "wait", _("Wait"), _("Lets time pass."),
    _object(["seconds"], seconds=_whole(_("Seconds"), 1, 86400, 60)),
)  # fmt: skip
SCRIPT = Kind(
    "script", _("Script"),
    _("Runs a script in a process of its own without files, secrets or (unless allowed) network of this machine."),
    _object(
        ["language", "code"],
        language={"type": "string", "title": _("Language"), "enum": ["python", "shell"], "default": "python", "x-literal": True},
        code=_text(_("Code"), longest=65536, minLength=1, **{"x-literal": True, "x-widget": "code"}),
        inputs=_VALUES,
        outputs={"type": "object", "additionalProperties": {"enum": list(TYPES)},
                 "propertyNames": {"pattern": "^[a-z][a-z0-9_]{0,39}$", "not": {"enum": ["status", "error", "exit_code", "output"]}},
                 "title": _("Outputs (name: type)"), "default": {}, "x-literal": True, "x-widget": "map"},
        network=_flag(_("May use the network")),
        time_s=_whole(_("Longest time, in seconds"), 1, 600, 30),
        cpu_s=_whole(_("Processor time, in seconds"), 1, 600, 10),
        memory_mb=_whole(_("Memory, in MB"), 32, 1024, 256),
        service=_SERVICE,
        repeatable=_REPEATABLE,
    ),
    {"exit_code": "int", "output": "str"}, acts=True,
)  # fmt: skip
WORKFLOW = Kind(
    "workflow", _("Workflow"), _("Runs an approved version of another workflow and waits for its end."),
    _object(
        ["workflow", "version"],
        workflow=_text(_("Workflow"), minLength=1, **{"x-literal": True, "x-widget": "workflow"}),
        version={**_whole(_("Version"), 1, 1_000_000, 1), "x-literal": True},
        inputs=_VALUES,
    ),
    {"run": "str", "state": "str"},
)  # fmt: skip
BRANCH = Kind(
    "branch", _("Branch"), _("Goes one way or the other by the results so far."),
    _object(
        ["conditions"],
        match={"type": "string", "title": _("Of the conditions"), "enum": ["all", "any"], "default": "all"},
        conditions={
            "type": "array", "minItems": 1, "maxItems": 20, "title": _("Conditions"), "x-widget": "conditions",
            "items": _object(["left", "operator"], left={}, operator={"enum": list(OPERATORS)}, right={}),
        },
    ),
    {"chosen": "bool"}, outcomes=(YES, NO, FAILURE),
)  # fmt: skip

FORK = Kind(
    "fork", _("Fork"), _("Begins two to four branches at the same time; all of them lead to one join."),
    _object([]), outcomes=WAYS, optional=WAYS[2:],
)  # fmt: skip
JOIN = Kind(
    "join", _("Join"),
    _("Brings the branches of a fork together. A branch arrives badly when it comes by a failure, well otherwise."),
    _object(
        ["rule"],
        rule={"type": "string", "title": _("Goes on when"), "enum": [ALL, ANY_OF], "default": ALL, "x-literal": True,
              "description": _("all: every branch has come, and well. any: the first has come well; the others are stopped.")},
    ),
    {"well": "int", "badly": "int"},
)  # fmt: skip

KINDS: dict[str, Kind] = {
    kind.code: kind for kind in (PLAYBOOK, HTTP, PROMQL, APPROVAL, WAIT, SCRIPT, WORKFLOW, BRANCH, FORK, JOIN)
}
# What decides where a run goes on cannot be skipped by hand.
DECIDES = (APPROVAL.code, BRANCH.code, FORK.code, JOIN.code)
_OF_SCHEMA = {
    "string": "str", "integer": "int", "number": "number", "boolean": "bool", "array": "list", "object": "map",
}  # fmt: skip


def parameter_type(schema: dict[str, Any]) -> str:
    """The type that a reference standing alone in this parameter must have."""
    return _OF_SCHEMA.get(str(schema.get("type")), "any")


def outputs_of(step: dict[str, Any]) -> dict[str, str]:
    """Every field that other steps may ask of this one, with its type; a script declares some of its own."""
    own = step.get("parameters", {}).get("outputs", {}) if step["kind"] == "script" else {}
    return {**ALWAYS, **KINDS[step["kind"]].outputs, **(own if isinstance(own, dict) else {})}
