"""What replays and trials mean for a gate: a pass only on measurements that say so, a fail on any that says the contrary."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seeops.core.errors import InvalidInput
from seeops.releases.gates import deciding, options
from seeops.releases.gates.deciding import FAILED, INCONCLUSIVE, PASSED, WAITS
from seeops.releases.gates.ports import Replay, Trial

COLLAR = "NEW LIMIT DAY: ACCEPTED → refused: price collar"
STATE = "state"
SAME = Replay("SHD-1", 0, "", True, same=True, proven=True, commands=900, entries=90, text="the same bytes")
OTHER = replace(SAME, number="SHD-2", shard=1)
COLLARED = replace(SAME, same=False, kinds=(COLLAR, STATE), text="Entry 9 differs")
HELD = Trial(
    "EXP-1", "", True, outcome="held", undo_ok=True, restored=True, recovered_s=4.0, unmeasured_s=0, lost=0, duplicates=0
)  # fmt: skip
CHAOS = options.Chaos(recovery_s=15)


@pytest.mark.parametrize(
    ("found", "declared", "state", "text"),
    [
        ([SAME, OTHER], (), PASSED, "identical events on 2 shards, 1,800 commands"),
        ([SAME], (), WAITS, "1 of 2 shards done, waiting for 1"),
        ([], (), WAITS, "0 of 2 shards"),
        ([replace(SAME, ended=False), OTHER], (), WAITS, "waiting for 0"),
        ([COLLARED, OTHER], (), FAILED, "Entry 9 differs"),
        ([COLLARED, replace(OTHER, ended=False)], (), FAILED, "Entry 9 differs"),
        ([COLLARED, replace(OTHER, same=None, why="no journal")], (), FAILED, "Entry 9 differs"),
        ([COLLARED, OTHER], (COLLAR, STATE), PASSED, "exactly the 2 declared kinds of differences"),
        ([COLLARED, OTHER], (COLLAR,), FAILED, "undeclared difference: state"),
        ([replace(COLLARED, kinds=None), OTHER], (COLLAR, STATE), FAILED, "more kinds than can be declared"),
        ([replace(COLLARED, kinds=()), OTHER], (COLLAR,), INCONCLUSIVE, "does not say in what kinds"),
        ([SAME, OTHER], (COLLAR,), INCONCLUSIVE, f"no journal of the day shows it: {COLLAR}"),
        ([SAME, replace(OTHER, same=None, why="it broke")], (), INCONCLUSIVE, "SHD-2, shard 1: it broke"),
        ([SAME, replace(OTHER, same=None)], (), INCONCLUSIVE, "cannot be judged"),
        ([SAME, replace(OTHER, commands=0)], (), INCONCLUSIVE, "holds no command"),
        ([SAME, replace(OTHER, proven=False)], (), INCONCLUSIVE, "nobody proved"),
    ],
)
def test_a_replay_of_every_shard_decides(found: Any, declared: Any, state: str, text: str) -> None:
    decision = deciding.replays(found, (0, 1), declared)
    assert decision.state == state
    assert text in decision.text


def test_without_any_journal_nothing_passes() -> None:
    assert deciding.replays([], (), ()).state == INCONCLUSIVE


@pytest.mark.parametrize(
    ("changes", "state", "text"),
    [
        ({}, PASSED, "served again after 4.0 s of 15 s"),
        ({"recovered_s": 0.0}, PASSED, "nothing lost, nothing twice"),
        ({"ended": False}, WAITS, "kill on 1 nodes"),
        ({"recovered_s": 15.1}, FAILED, "15.1 s, 15 s were allowed"),
        ({"lost": 1}, FAILED, "1 acknowledged orders were lost"),
        ({"duplicates": 2}, FAILED, "2 orders were executed twice"),
        ({"outcome": "unknown", "lost": 3}, FAILED, "3 acknowledged orders were lost"),
        ({"outcome": "deviated", "why": "Customers are served: 0.1"}, FAILED, "Customers are served: 0.1"),
        ({"outcome": "deviated"}, FAILED, "steady state was left"),
        ({"outcome": "halted"}, INCONCLUSIVE, "halted"),
        ({"outcome": "invalid-gate", "why": "not steady"}, INCONCLUSIVE, "invalid-gate: not steady"),
        ({"outcome": ""}, INCONCLUSIVE, "unknown"),
        ({"lost": None}, INCONCLUSIVE, "not counted"),
        ({"duplicates": None}, INCONCLUSIVE, "not counted"),
        ({"recovered_s": None}, INCONCLUSIVE, "not seen to its end"),
        ({"unmeasured_s": 4}, INCONCLUSIVE, "not measured for 4 s"),
        ({"unmeasured_s": None}, INCONCLUSIVE, "not measured for unknown s"),
        ({"undo_ok": None}, INCONCLUSIVE, "not cleared"),
        ({"undo_ok": False}, INCONCLUSIVE, "not cleared"),
        ({"restored": None}, INCONCLUSIVE, "not measured again"),
    ],
)
def test_a_trial_decides(changes: dict[str, Any], state: str, text: str) -> None:
    decision = deciding.trial(replace(HELD, **changes), CHAOS)
    assert decision.state == state
    assert text in decision.text


maybe = st.one_of(st.none(), st.booleans())
trials = st.builds(
    Trial, number=st.just("EXP-1"), url=st.just(""), ended=st.booleans(),
    outcome=st.sampled_from(["held", "deviated", "halted", "unknown", "error", "invalid-gate", ""]), undo_ok=maybe,
    restored=maybe, recovered_s=st.one_of(st.none(), st.floats(0, 60)), unmeasured_s=st.one_of(st.none(), st.integers(0, 9)),
    lost=st.one_of(st.none(), st.integers(0, 2)), duplicates=st.one_of(st.none(), st.integers(0, 2)),
)  # fmt: skip


@given(trials)
def test_only_a_trial_that_was_measured_throughout_passes(found: Trial) -> None:
    if deciding.trial(found, CHAOS).state == PASSED:
        assert found.ended
        assert (found.outcome, found.lost, found.duplicates) == ("held", 0, 0)
        assert (found.undo_ok, found.restored) == (True, True)
        assert found.recovered_s is not None
        assert found.recovered_s <= CHAOS.recovery_s


kinds = st.sampled_from([COLLAR, STATE, "CANCEL: CANCELLED → nothing"])
found_replays = st.builds(
    Replay, number=st.just("SHD-1"), shard=st.integers(0, 2), url=st.just(""), ended=st.booleans(), same=maybe,
    proven=st.booleans(), commands=st.integers(0, 3), kinds=st.one_of(st.none(), st.sets(kinds).map(tuple)),
)  # fmt: skip


@given(st.lists(found_replays, max_size=4, unique_by=lambda replay: replay.shard), st.sets(kinds))
def test_only_all_shards_with_exactly_what_was_declared_pass(found: list[Replay], declared: set[str]) -> None:
    if deciding.replays(found, (0, 1, 2), declared).state == PASSED:
        assert {replay.shard for replay in found if replay.ended} == {0, 1, 2}
        assert all(replay.same is not None and replay.proven and replay.commands for replay in found)
        assert all(set(replay.kinds or ()) <= declared for replay in found if replay.same is False)
        assert declared <= {kind for replay in found for kind in replay.kinds or ()}


def test_what_a_plan_says_of_its_gates_is_checked_and_frozen() -> None:
    assert options.checked(None, shards=False) == {}
    assert options.checked({}, shards=True) == {"shadow": {"declared": (), "reuse_s": 900, "longest_s": 1800}}
    frozen = options.checked(
        {"shadow": {"declared": f"{STATE}\n\n{COLLAR}\n{STATE}"}, "chaos": {"fault": "delay", "nodes": "2"}},
        shards=True,
    )
    assert frozen["shadow"]["declared"] == (COLLAR, STATE)
    assert frozen["chaos"] == {
        "fault": "delay", "params": {"ms": 40}, "nodes": 2, "duration_s": 20, "recovery_s": 15, "success": 0.9,
        "wait_s": 600,
    }  # fmt: skip
    assert options.chaos_of(frozen["chaos"]) == options.Chaos(fault="delay", params={"ms": 40}, nodes=2)


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"smoke": {}}, "gates"),
        ({"shadow": {"declared": [7]}}, "declared"),
        ({"shadow": {"declared": ["x" * 301]}}, "declared"),
        ({"shadow": {"reuse_s": -1}}, "reuse_s"),
        ({"shadow": {"off": True}}, "shadow"),
        ({"shadow": 7}, "shadow"),
        ({"chaos": {"fault": "centre-loss"}}, "fault"),
        ({"chaos": {"fault": "delay", "params": {"rate": 1}}}, "params"),
        ({"chaos": {"nodes": 1.5}}, "nodes"),
        ({"chaos": {"nodes": 9}}, "nodes"),
        ({"chaos": {"recovery_s": "soon"}}, "recovery_s"),
        ({"chaos": {"recovery_s": "nan"}}, "recovery_s"),
    ],
)
def test_what_cannot_be_is_refused_at_plan_time(wish: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        options.checked(wish, shards=True)
    assert caught.value.field == field


def test_a_plan_without_shards_has_no_journal_to_replay() -> None:
    with pytest.raises(InvalidInput, match="no journal"):
        options.checked({"shadow": {"reuse_s": 60}}, shards=False)
