"""The verdict on journals as chaostoolkit writes them: what was not measured is never held."""

from __future__ import annotations

from typing import Any

import pytest

from chaos.verdict import Outcome, judge


def probe(
    name: str = "served", *, met: bool | None = True, status: str = "succeeded", output: Any = 1.0
) -> dict[str, Any]:
    run = {"activity": {"name": name}, "status": status, "output": output}
    return run if met is None else {**run, "tolerance_met": met}


def state(*probes: dict[str, Any]) -> dict[str, Any]:
    return {"steady_state_met": all(p.get("tolerance_met") for p in probes), "probes": list(probes)}


def action(status: str = "succeeded") -> dict[str, Any]:
    return {"activity": {"type": "action", "name": "kill"}, "status": status, "exception": ["ActivityFailed: no node"]}


def journal(**changes: Any) -> dict[str, Any]:
    whole = {
        "status": "completed",
        "deviated": False,
        "steady_states": {"before": state(probe()), "during": [state(probe())], "after": state(probe())},
        "run": [action()],
        "rollbacks": [{"status": "succeeded"}],
    }
    steady = changes.pop("steady", {})
    return {**whole, **changes, "steady_states": {**whole["steady_states"], **steady}}


CASES = {
    "all within tolerance": (journal(), Outcome.HELD),
    "gate out of tolerance, which the library calls completed": (
        journal(steady={"before": state(probe(met=False)), "during": [], "after": None}),
        Outcome.INVALID_GATE,
    ),
    "gate probe raised": (
        journal(status="failed", steady={"before": state(probe(met=None, status="failed"))}),
        Outcome.INVALID_GATE,
    ),
    "gate never measured": (journal(steady={"before": None}), Outcome.INVALID_GATE),
    "dips and heals inside the run": (
        journal(steady={"during": [state(probe()), state(probe(met=False, output=0.4)), state(probe())]}),
        Outcome.DEVIATED,
    ),
    "out of tolerance afterwards": (
        journal(steady={"after": state(probe(met=False))}, deviated=True),
        Outcome.DEVIATED,
    ),
    "the injection failed, though the library goes on": (journal(run=[action("failed")]), Outcome.ERROR),
    "no fault at all": (journal(run=[]), Outcome.ERROR),
    "no data during the fault": (
        journal(steady={"during": [state(probe()), state(probe(met=None, status="failed"))]}),
        Outcome.UNKNOWN,
    ),
    "never measured during the fault": (journal(steady={"during": []}), Outcome.UNKNOWN),
    "not measured afterwards": (journal(steady={"after": None}), Outcome.UNKNOWN),
    "interrupted": (journal(status="interrupted"), Outcome.HALTED),
}


@pytest.mark.parametrize(("written", "outcome"), CASES.values(), ids=CASES.keys())
def test_the_verdict_on_a_journal(written: dict[str, Any], outcome: Outcome) -> None:
    assert judge(written, restored=True, undo_ok=True, halted=False).outcome is outcome


def test_a_run_without_a_journal_is_unknown() -> None:
    verdict = judge(None, restored=None, undo_ok=True, halted=False, crash="TypeError: no data")
    assert verdict.outcome is Outcome.UNKNOWN
    assert "no data" in verdict.why


def test_a_deviation_seen_before_a_halt_stays_a_deviation() -> None:
    written = journal(status="interrupted", steady={"during": [state(probe(met=False))], "after": None})
    assert judge(written, restored=True, undo_ok=True, halted=True).outcome is Outcome.DEVIATED


def test_a_failed_roll_back_shows_beside_the_verdict() -> None:
    verdict = judge(journal(rollbacks=[{"status": "failed"}]), restored=False, undo_ok=True, halted=False)
    assert verdict.outcome is Outcome.HELD
    assert not verdict.undo_ok
    assert verdict.restored is False
