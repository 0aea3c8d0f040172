"""The verdict on an experiment, from its journal. Pure. chaostoolkit's own `deviated` is not one (see below).

invalid-gate  the steady state did not hold before the fault, or could not be measured: nothing was proved
held          every measurement before, during and after was within tolerance, and the fault was really injected
deviated      a measurement left its tolerance during or after the fault
halted        somebody, or a stop condition, ended it early
error         the fault could not be injected, or the experiment itself failed
unknown       something that should have been measured was not: never counted as held

chaostoolkit calls an experiment deviated only when the hypothesis *after* the method fails, and completed when the gate
failed; an outage that healed inside the run is invisible to it. Hence this module.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


class Outcome(enum.StrEnum):
    HELD = "held"
    DEVIATED = "deviated"
    INVALID_GATE = "invalid-gate"
    HALTED = "halted"
    ERROR = "error"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Verdict:
    """`undo_ok`: every roll-back step succeeded; `restored`: the steady state held once more afterwards (None: not measured)."""

    outcome: Outcome
    why: str
    undo_ok: bool
    restored: bool | None


def judge(
    journal: Mapping[str, Any] | None,
    *,
    restored: bool | None,
    undo_ok: bool,
    halted: bool,
    crash: str = "",
) -> Verdict:
    """`journal` is chaostoolkit's, None when the run left none; `restored` the steady state after the roll-back."""

    def verdict(outcome: Outcome, why: str) -> Verdict:
        return Verdict(outcome, why, undo_ok and _rollbacks_succeeded(journal), restored)

    if journal is None:
        return verdict(Outcome.HALTED if halted else Outcome.UNKNOWN, crash or "the run left no journal")
    states = journal.get("steady_states") or {}
    gate = states.get("before")
    if gate is None or not gate.get("probes"):
        return verdict(Outcome.HALTED if halted else Outcome.INVALID_GATE, "the steady state before was not measured")
    if not gate.get("steady_state_met"):
        return verdict(Outcome.INVALID_GATE, f"before the fault: {_first_missed(gate)}")
    if failed := _failed_actions(journal):
        return verdict(Outcome.ERROR, failed)
    missed = _missed([*(states.get("during") or []), states.get("after")])
    if missed:
        return verdict(Outcome.DEVIATED, missed)
    if halted or journal.get("status") in ("interrupted", "aborted"):
        return verdict(Outcome.HALTED, "stopped before its end")
    if crash:
        return verdict(Outcome.UNKNOWN, crash)
    if not states.get("during"):
        return verdict(Outcome.UNKNOWN, "the steady state was not measured during the fault")
    if states.get("after") is None:
        return verdict(Outcome.UNKNOWN, "the steady state was not measured after the fault")
    if unmeasured := _unmeasured([*states["during"], states["after"]]):
        return verdict(Outcome.UNKNOWN, unmeasured)
    if journal.get("status") != "completed":
        return verdict(Outcome.ERROR, f"the experiment ended as {journal.get('status')}")
    return verdict(Outcome.HELD, "")


def steady(state: Mapping[str, Any] | None) -> bool | None:
    """Whether a hypothesis held; None when one of its probes could not be measured."""
    if state is None or not state.get("probes") or any(not _measured(probe) for probe in state["probes"]):
        return None
    return bool(state.get("steady_state_met"))


def _rollbacks_succeeded(journal: Mapping[str, Any] | None) -> bool:
    if journal is None:
        return True
    return all(run.get("status") == "succeeded" for run in journal.get("rollbacks") or [])


def _failed_actions(journal: Mapping[str, Any]) -> str:
    """The first action of the method that did not succeed: an injection that failed proves nothing."""
    for run in journal.get("run") or []:
        activity = run.get("activity", {})
        if activity.get("type") == "action" and run.get("status") not in ("succeeded", None):
            return f"{activity.get('name')}: {_exception(run)}"
    if not any(run.get("activity", {}).get("type") == "action" for run in journal.get("run") or []):
        return "no fault was injected"
    return ""


def _exception(run: Mapping[str, Any]) -> str:
    lines = run.get("exception") or []
    return str(lines[-1]).strip().rsplit("ActivityFailed: ", 1)[-1] if lines else str(run.get("status"))


def _probes(states: Iterable[Mapping[str, Any] | None]) -> Iterable[Mapping[str, Any]]:
    for state in states:
        if state is not None:
            yield from state.get("probes") or []


def _measured(probe: Mapping[str, Any]) -> bool:
    return probe.get("status") == "succeeded"


def _missed(states: Iterable[Mapping[str, Any] | None]) -> str:
    """The first probe that was measured and out of tolerance."""
    for probe in _probes(states):
        if _measured(probe) and probe.get("tolerance_met") is False:
            return f"{probe['activity']['name']}: {probe.get('output')}"
    return ""


def _first_missed(state: Mapping[str, Any]) -> str:
    for probe in state.get("probes") or []:
        if not _measured(probe) or probe.get("tolerance_met") is False:
            return f"{probe['activity']['name']}: {probe.get('output') if _measured(probe) else _exception(probe)}"
    return "not met"


def _unmeasured(states: Iterable[Mapping[str, Any] | None]) -> str:
    for probe in _probes(states):
        if not _measured(probe):
            return f"{probe['activity']['name']} was not measured: {_exception(probe)}"
    return ""
