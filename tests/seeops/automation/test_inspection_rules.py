"""Rules of an inspection: a node in order has no finding, each fault has its own, and what is missing in an answer is unknown."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seeops.automation.inspection_rules import RULES, Asked, Expected, Found, node, peers, standings, verdict

WELL = {
    "state": "up", "version": "1.1.0", "current": "1.1.0", "staged": ["1.0.0", "1.1.0"],
    "files": {"checked": 3, "damaged": [], "problem": ""},
    "config": {"file_digest": "a", "loaded_digest": "a", "problem": ""},
    "clock": {"offset_s": 0.002, "within_s": 0.001},
    "disk": {"total_bytes": 100, "free_bytes": 50},
    "memory": {"bytes": 10, "limit_bytes": 100},
    "queue": {"shed_ratio": 0.0, "utilisation": 0.3, "waiting_ms": 0.1, "in_rotation": True},
    "process": {"age_s": 5000.0, "starts": 1},
    "journal": {"actions": 3, "unfinished": []},
    "log": {"tail_errors": 0, "tail_lines": 50},
    "faults": [],
}  # fmt: skip
EXPECTED = Expected("1.1.0", "a", "CFG-00001")


def judged(**changed):
    facts = copy.deepcopy(WELL)
    for name, value in changed.items():
        facts[name] = facts[name] | value if isinstance(facts[name], dict) else value
    return node(Asked("n1", "s", "ok", "", facts), EXPECTED)


def test_a_node_in_order_has_no_finding():
    assert judged() == []


@pytest.mark.parametrize(
    ("check", "severity", "changed"),
    [
        ("state", "bad", {"state": "down"}),
        ("state", "attention", {"state": "drained", "queue": {"in_rotation": False}}),
        ("version", "bad", {"current": "1.0.0"}),
        ("version", "bad", {"version": "1.0.0", "current": "1.0.0"}),
        ("version", "bad", {"staged": []}),
        ("files", "bad", {"files": {"damaged": ["bin/x"]}}),
        ("configuration", "bad", {"config": {"problem": "line 1"}}),
        ("configuration", "attention", {"config": {"file_digest": "b"}}),
        ("configuration", "attention", {"config": {"file_digest": "b", "loaded_digest": "b"}}),
        ("clock", "attention", {"clock": {"offset_s": -0.3}}),
        ("clock", "bad", {"clock": {"offset_s": 3.0}}),
        ("disk", "attention", {"disk": {"free_bytes": 8}}),
        ("disk", "bad", {"disk": {"free_bytes": 0}}),
        ("memory", "bad", {"memory": {"bytes": 99}}),
        ("queue", "bad", {"queue": {"shed_ratio": 0.1}}),
        ("queue", "attention", {"queue": {"utilisation": 0.95}}),
        ("queue", "attention", {"queue": {"in_rotation": False}}),
        ("process", "attention", {"process": {"starts": 2, "age_s": 20.0}}),
        ("process", "attention", {"process": {"starts": 9}}),
        ("journal", "bad", {"journal": {"unfinished": ["key"]}}),
        ("log", "attention", {"log": {"tail_errors": 7}}),
        ("faults", "attention", {"faults": ["kill"]}),
    ],
)
def test_each_fault_has_its_finding(check, severity, changed):
    assert [(item.check, item.severity) for item in judged(**changed)] == [(check, severity)]


@given(st.sampled_from(sorted(WELL)))
def test_what_is_missing_in_an_answer_is_unknown_never_good(missing):
    facts = {name: value for name, value in WELL.items() if name != missing}
    found = node(Asked("n1", "s", "ok", "", facts), EXPECTED)
    assert found and {item.severity for item in found} == {"unknown"}


@pytest.mark.parametrize("status", ["failed", "unreachable", "silent", "skipped"])
def test_a_node_that_did_not_answer_is_unknown(status):
    assert [item.severity for item in node(Asked("n1", "s", status), EXPECTED)] == ["unknown"]


def test_the_odd_configuration_among_peers_is_found_where_nothing_says_what_it_should_be():
    asked = [
        Asked(f"n{i}", "s", "ok", "", WELL | {"config": {"loaded_digest": "b" if i == 0 else "a"}}) for i in range(10)
    ]
    assert [item.subject for item in peers(asked, {})] == ["n0"]
    assert peers(asked, {"n0": EXPECTED}) == []


FOUND = st.builds(
    Found,
    st.sampled_from(["bad", "attention"]),
    st.sampled_from(sorted(RULES)),
    st.sampled_from(["n1", "n2", "n3"]),
    st.just("x"),
)


@given(
    st.lists(FOUND, unique_by=lambda item: item.fingerprint), st.lists(FOUND, unique_by=lambda item: item.fingerprint)
)
def test_every_finding_is_new_still_or_gone_and_none_of_a_silent_node_is_gone(now, before):
    marked, gone = standings(now, before)
    prints = {item.fingerprint for item in before}
    assert all((standing == "still") == (item.fingerprint in prints) for item, standing in marked)
    assert {item.fingerprint for item in gone} == prints - {item.fingerprint for item in now}
    silent = [Found("unknown", "answer", name, "reported nothing") for name in ("n1", "n2", "n3")]
    assert standings(silent, before)[1] == []


def test_good_is_only_what_was_looked_at_completely():
    assert verdict([], complete=True) == "good" and verdict([], complete=False) == "unknown"
    assert verdict([Found("attention", "disk", "n1", "x")], complete=False) == "unknown"
    assert verdict([Found("unknown", "disk", "n1", "x"), Found("bad", "disk", "n2", "x")], complete=True) == "bad"
