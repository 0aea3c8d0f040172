"""Workflows as data: what the checks find, the YAML round trip, references and conditions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seeops.automation.workflows import conditions, definition, references, text
from seeops.automation.workflows.checks import Around, check, refused

BOOKS = {
    "restart": {"options": {"wait_s": {"type": "int", "required": False, "choices": []}}, "from_form": True},
    "configuration": {"options": {"content": {"type": "str", "required": True, "choices": []}}, "from_form": True},
    "release": {"options": {}, "from_form": False},
}
OTHER = definition.normal(
    {
        "title": "Other",
        "start": "a",
        "inputs": {"n": {"type": "int", "required": True}},
        "steps": {
            "a": {"kind": "wait", "parameters": {"seconds": 1}, "next": {"success": "done", "failure": "failed"}}
        },
    }
)
AROUND = Around(
    playbooks=BOOKS, version=lambda slug, number: OTHER if (slug, number) == ("other", 1) else None,
    calls={"other": [], "loop": ["mine"]}, slug="mine",
)  # fmt: skip
SCRIPT = {"language": "python", "code": "print(1)", "outputs": {"count": "int", "name": "str"}}


def step(kind: str, success: str = "done", failure: str = "failed", **parameters: Any) -> dict[str, Any]:
    return {"kind": kind, "parameters": parameters, "next": {"success": success, "failure": failure}}


def flow(start: str = "a", inputs: dict[str, Any] | None = None, **steps: Any) -> dict[str, Any]:
    return {"title": "Mine", "start": start, "inputs": inputs or {}, "steps": steps}


def wait(success: str = "done", failure: str = "failed", seconds: Any = 1) -> dict[str, Any]:
    return step("wait", success, failure, seconds=seconds)


def branch(*conditions_: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": "branch",
        "parameters": {"conditions": list(conditions_)},
        "next": {"yes": "done", "no": "done", "failure": "failed"},
    }


CASES = {
    "no-failure-edge": flow(a={"kind": "wait", "parameters": {"seconds": 1}, "next": {"success": "done"}}),
    "no-success-edge": flow(a={"kind": "wait", "parameters": {"seconds": 1}, "next": {"failure": "failed"}}),
    "no-no-edge": flow(a={**branch({"left": 1, "operator": "==", "right": 1}), "next": {"yes": "done", "failure": "failed"}}),
    "unknown-outcome": flow(a={**wait(), "next": {"success": "done", "failure": "failed", "perhaps": "done"}}),
    "unknown-step": flow(a=wait("nowhere")),
    "no-start": flow("z", a=wait()),
    "cycle": flow(a=wait("b"), b=wait("a")),
    "workflow-cycle": flow(a=step("workflow", workflow="loop", version=1)),
    "unreachable": flow(a=wait(), b=wait()),
    "parameter": flow(a=wait(seconds=0)),
    "literal": flow(inputs={"c": {"type": "str"}}, a=step("script", language="python", code="${inputs.c}")),
    "unreadable": flow(a=step("http", method="GET", url="http://x/${inputs}")),
    "unknown-input": flow(a=wait(seconds="${inputs.n}")),
    "unknown-reference": flow(a=wait(seconds="${steps.z.code}")),
    "unknown-field": flow(a=wait("b"), b=wait(seconds="${steps.a.code}")),
    "not-before": flow(a=wait("b"), b=step("http", "c", "c", method="GET", url="http://x/"), c=wait("done", "d", seconds="${steps.d.status}"), d=wait()),
    "not-succeeded": flow(a=step("http", "b", "b", method="GET", url="http://x/"), b=wait(seconds="${steps.a.code}")),
    "type": flow(inputs={"n": {"type": "str"}}, a=wait(seconds="${inputs.n}")),
    "no-playbook": flow(a=step("playbook", playbook="nonsense", service="auth")),
    "not-from-form": flow(a=step("playbook", playbook="release", service="auth")),
    "no-nodes": flow(a=step("playbook", playbook="restart")),
    "no-option": flow(a=step("playbook", playbook="restart", service="auth", inputs={"other": 1})),
    "missing-option": flow(a=step("playbook", playbook="configuration", service="auth")),
    "no-workflow": flow(a=step("workflow", workflow="other", version=2)),
    "no-workflow-input": flow(a=step("workflow", workflow="other", version=1, inputs={"n": 1, "m": 2})),
    "missing-workflow-input": flow(a=step("workflow", workflow="other", version=1)),
    "order": flow(a=branch({"left": "five", "operator": "<", "right": 1})),
    "default": flow(inputs={"n": {"type": "int", "default": "one"}}, a=wait(seconds="${inputs.n}")),
    "unused-input": flow(inputs={"n": {"type": "int"}}, a=wait()),
}  # fmt: skip


@pytest.mark.parametrize("code", CASES)
def test_each_mistake_is_found_and_says_what_to_do(code):
    found = check(CASES[code], AROUND)
    assert code in {item.code for item in found}, found
    item = next(item for item in found if item.code == code)
    assert item.text and item.remedy and "%(" not in item.text + item.remedy
    assert refused(found) == (code != "unused-input")


def test_a_sound_workflow_has_no_findings():
    sound = flow(
        inputs={"service": {"type": "str", "required": True}, "wait_s": {"type": "int", "default": 5}},
        a=step("promql", "b", "failed", query='sum(up{service="${inputs.service}"})', operator=">", threshold=0),
        b=step("script", "c", "failed", **SCRIPT, inputs={"seen": "${steps.a.value}"}),
        c={
            **branch(
                {"left": "${steps.b.count}", "operator": ">", "right": 3},
                {"left": "${steps.a.status}", "operator": "==", "right": "succeeded"},
            ),
            "next": {"yes": "d", "no": "e", "failure": "failed"},
        },
        d=step("playbook", "e", "e", playbook="restart", service="${inputs.service}", inputs={"wait_s": "${inputs.wait_s}"}),
        e=step("approval", "f", "failed", question="${steps.b.name} of ${run.number}?", role="approver"),
        f=step("workflow", "done", "failed", workflow="other", version=1, inputs={"n": "${steps.b.count}"}),
    )  # fmt: skip
    assert check(sound, AROUND) == []


def test_what_is_no_workflow_at_all_is_said_place_by_place():
    for broken in (
        None,
        [],
        {"title": "x"},
        flow(a={"kind": "spell"}),
        {**flow(a=wait()), "more": 1},
        flow(done=wait()),
    ):
        assert {item.code for item in check(broken, AROUND)} == {"shape"}


TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=40)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True).filter(lambda name: name not in ("done", "failed"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
STEPS = st.fixed_dictionaries(
    {"kind": st.sampled_from(["playbook", "http", "promql", "approval", "wait", "script", "workflow", "branch"])},
    optional={
        "title": TEXTS, "at": st.lists(st.integers(-999, 9999), min_size=2, max_size=2),
        "parameters": st.dictionaries(NAMES, VALUES, max_size=4),
        "next": st.dictionaries(st.sampled_from(["success", "failure", "yes", "no", "odd"]), NAMES, max_size=4),
    },
)  # fmt: skip
INPUTS = st.fixed_dictionaries(
    {"type": st.sampled_from(["str", "int", "any"])},
    optional={"required": st.booleans(), "default": VALUES, "description": TEXTS},
)
DEFINITIONS = st.fixed_dictionaries(
    {"title": TEXTS.filter(bool), "start": NAMES, "steps": st.dictionaries(NAMES, STEPS, min_size=1, max_size=4)},
    optional={"description": TEXTS, "inputs": st.dictionaries(NAMES, INPUTS, max_size=3)},
)


@settings(max_examples=150, deadline=None)
@given(DEFINITIONS)
def test_yaml_round_trip_changes_nothing(drawn):
    flow_ = definition.normal(drawn)
    written = text.write(flow_)
    again = text.read(written)
    assert again == flow_
    assert text.write(definition.normal(again)) == written
    assert definition.digest(again) == definition.digest(flow_)
    check(again, AROUND)  # says what is wrong, never breaks


def test_text_that_is_no_workflow_is_refused_with_its_line():
    for written, words in (
        ("a: &x 1\nb: *x", "line 2"),
        ("a: 1\na: 2", "twice"),
        ("a: [1", "line"),
        ("- 1", "map"),
        ("1: 2", "quotes"),
    ):
        with pytest.raises(text.UnreadableText, match=words):
            text.read(written)
    assert text.read("a: 2026-01-02\nb: on")["a"] == "2026-01-02"


def test_references_keep_types_when_they_stand_alone_and_are_quoted_inside_texts():
    known = {"inputs.n": 3, "steps.a.body": 'x"y', "run.number": "WFR-00001"}
    assert references.resolve("${inputs.n}", known) == 3
    assert references.resolve({"a": ["n=${inputs.n}", "$${plain}"]}, known) == {"a": ["n=3", "${plain}"]}
    quoted = references.resolve('{a="${steps.a.body}"}', known, lambda value: value.replace('"', '\\"'))
    assert quoted == '{a="x\\"y"}'
    with pytest.raises(references.ReferenceProblem, match="steps.b.body"):
        references.resolve("${steps.b.body}", known)


@pytest.mark.parametrize(
    ("left", "sign", "right", "result"),
    [(1, "==", 1.0, True), (True, "==", 1, False), (2, ">", 1.5, True), ([1, 2], "contains", 2, True), ("abc", "contains", "b", True),
     ("", "is empty", None, True), (0, "is empty", None, False), ("a", "!=", "b", True), (1, "<=", 0, False)],
)  # fmt: skip
def test_conditions(left, sign, right, result):
    assert conditions.holds(left, sign, right) is result


def test_a_condition_that_cannot_be_compared_is_neither_true_nor_false():
    for left, sign, right in (("2", ">", 1), (None, "<", 1), (True, "<", 2), (5, "contains", 5)):
        with pytest.raises(conditions.CannotCompare):
            conditions.decide(
                [{"left": 1, "operator": "==", "right": 1}, {"left": left, "operator": sign, "right": right}], "any"
            )
