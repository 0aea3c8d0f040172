"""Whatever a gate stores can be read in another language: each text has its message in the wording of gates."""

from __future__ import annotations

import ast
import inspect
import re
from types import ModuleType

import pytest

from seeops.core import sentences
from seeops.releases import gates
from seeops.releases.gates import chaos, deciding, ports, shadow, watch, wording

MESSAGES = [
    *wording.ANSWERS, *wording.REPLAYS, *wording.TRIALS, *wording.STOPPED, *wording.REASONS,
    "the release is held", "the release is aborted",
]  # fmt: skip
WRITERS = (gates, deciding, shadow, chaos, watch, ports)


def stored_texts(module: ModuleType) -> list[str]:
    """Every text of several words in the source that is no docstring, with 7 in place of each value."""
    tree = ast.parse(inspect.getsource(module))
    said = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    texts = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            pieces = ["7" if isinstance(part, ast.FormattedValue) else str(part.value) for part in node.values]
            texts.append("".join(pieces))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not {id(node)} & (said | inside):
            texts.append(node.value)
    return [text for text in texts if " " in text and len(re.findall(r"[a-z']{2,}", text)) > 1]


def known(text: str) -> bool:
    """As core.sentences finds it: by one of the messages, or by the two sides of a colon."""
    if text in MESSAGES or any(sentences._shape(message).fullmatch(text) for message in MESSAGES):
        return True
    first, colon, rest = text.partition(": ")
    return bool(colon) and not re.search(r"[a-z]{2,} ", first) and known(rest)


@pytest.mark.parametrize("module", WRITERS, ids=lambda module: module.__name__.rpartition(".")[2])
def test_every_text_that_a_gate_may_store_has_its_message(module):
    texts = stored_texts(module)
    assert texts
    assert [text for text in texts if not known(text)] == []


def test_a_text_without_a_message_is_found():
    assert not known("a gate says something new")
    assert known("EXP-1: the recovery was not seen to its end")
