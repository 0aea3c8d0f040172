"""What an approver reads of a plan's gates."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from seeops.changes import gate_words
from seeops.releases.gates.options import Chaos, Shadow

DECLARED = "NEW LIMIT DAY: ACCEPTED → refused: price collar"


def told(gates: dict) -> dict[str, str]:
    return {name: " ".join(sentences) for name, sentences in gate_words.lines(gates)}


def test_every_setting_of_a_gate_is_told_in_words():
    found = told({"shadow": asdict(Shadow()), "chaos": asdict(Chaos(fault="delay", params={"ms": 40.0}, nodes=2))})
    assert found["Journal replayed"] == (
        "Before any node takes the version, the journals of the day must give the same events. A replay of the same package that "
        "is no older than 900 s counts. What is not replayed within 1800 s is inconclusive, and the release holds."
    )
    assert found["Fault survived"] == (
        "After the first batch a fault (delay, ms 40) hits 2 of its nodes for 20 s. Customers must be served again within 15 s, with "
        "nothing lost and nothing executed twice. Served means that 90 % of their requests succeed. It waits at most 600 s for the "
        "right moment, then the release holds."
    )
    for text in found.values():
        assert "_s " not in text


def test_declared_differences_are_named():
    assert DECLARED in told({"shadow": asdict(Shadow(declared=(DECLARED,)))})["Journal replayed"]


@pytest.mark.parametrize("gates", [{}, {"chaos": None}, {"shadow": {}}])
def test_a_plan_without_gates_says_nothing(gates):
    assert gate_words.lines(gates) == []


def test_what_is_not_known_here_is_told_as_it_is():
    assert told({"chaos": {"fault": "kill", "depth": 3}, "other": {"x": 1}}) == {
        "Fault survived": "After the first batch a fault (kill) hits 1 of its nodes for ? s. depth 3", "other": "x 1",
    }  # fmt: skip
