"""The ramp itself: step by step up to the knee, and what was found as a report."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from trading_sim.load.bracket import Bracket, Rules
from trading_sim.load.ramp_steps import Bounds, RampError, Step, Target, limit, reasons

MOST_STEPS = 60
REPORT_VERSION = 1
SERVICES_LISTED = 12


class Stopped(RampError):
    """Somebody asked the ramp to end, or it had to: the load is taken away, what was measured so far is kept."""


def ramp(target: Target, rules: Rules, bounds: Bounds, asked: float, tell: Callable[..., None]) -> dict[str, Any]:
    """Find the knee; returns the report. `tell(kind, **figures)` is called after each step.

    Never raises RampError: what could not be measured is said in the report, with the steps that were.
    """
    bracket, steps, why = Bracket(rules), [], ""
    started_at = time.time()
    about: dict[str, Any] = {"kind": target.name}
    try:
        about = target.describe()
        tell("started", target=about, rules=asdict(rules), bounds=asdict(bounds), asked=asked)
        while (rate := bracket.next()) is not None:
            if len(steps) >= MOST_STEPS:
                raise Stopped(f"no knee within {MOST_STEPS} steps: the results contradict each other")
            steps.append(_one(target, bracket, bounds, rate, tell))
    except RampError as error:
        why = str(error)
        tell("broken-off", why=why)
    finally:
        target.restore()
    report = conclude(about, bracket, bounds, asked, steps, why)
    return {"started_at": started_at, "ended_at": time.time(), **report}


def _one(target: Target, bracket: Bracket, bounds: Bounds, rate: float, tell: Callable[..., None]) -> Step:
    tell("step-begins", rate=round(rate, 2))
    step = target.measure(rate)
    left = reasons(step, bounds)
    tell("step", kept=not left, reasons=left, **step.as_dict())
    if step.findings:
        raise Stopped(f"{step.findings} at {rate:.0f} orders a second: the ramp ends, look at the shards first")
    bracket.note(rate, kept=not left, certain=bool(step.stopped))
    return step


def conclude(
    about: dict[str, Any], bracket: Bracket, bounds: Bounds, asked: float, steps: list[Step], why: str
) -> dict[str, Any]:
    """The report of what was measured: {"outcome", "knee", "limit", "chains", "services", "peak", "ratio", "enough", "steps", …}.

    outcome: "measured"; "at-least" (the maximum kept its bounds, or generator or machine gave out first); "none" (not even the lowest
    rate did); "broken-off" (`why` says by what).
    """
    failing = next((s for s in reversed(steps) if s.rate == bracket.lowest_bad), None)
    limited = limit(failing) if failing else None
    knee = bracket.highest_good if why else bracket.knee
    outcome = "broken-off" if why else _outcome(bracket, knee, limited)
    peak = _peak(about)
    ratio = None if knee is None or not peak else knee / peak["orders_per_s"]
    at_knee = next((s for s in reversed(steps) if s.rate == knee), None)
    return {
        "version": REPORT_VERSION,
        "outcome": outcome,
        "why": why,
        "target": about,
        "rules": asdict(bracket.rules),
        "bounds": asdict(bounds),
        "knee": None if knee is None else _knee(bracket, knee, steps, bounds),
        "limit": limited,
        "chains": _chains(about, at_knee),
        "services": [asdict(one) for one in (at_knee.used if at_knee else ()) if one.kind == "service"][
            :SERVICES_LISTED
        ],
        "processes": [asdict(one) for one in (at_knee.used if at_knee else ()) if one.kind != "service"],
        "peak": peak,
        "asked": asked,
        "ratio": None if ratio is None else round(ratio, 3),
        "enough": _enough(outcome, ratio, asked),
        "steps": [{**step.as_dict(), "reasons": reasons(step, bounds)} for step in steps],
    }


def _outcome(bracket: Bracket, knee: float | None, limited: dict[str, Any] | None) -> str:
    if knee is None:
        return "none"
    if bracket.reached_most or (limited is not None and limited["kind"] in ("generator", "machine")):
        return "at-least"
    return "measured"


def _enough(outcome: str, ratio: float | None, asked: float) -> bool | None:
    """True or False against what is asked; None when nobody knows (a lower limit below it, or no knee)."""
    if ratio is None:
        return None
    if ratio >= asked:
        return True
    return False if outcome == "measured" else None


def _knee(bracket: Bracket, knee: float, steps: list[Step], bounds: Bounds) -> dict[str, Any]:
    """The rate, how often it kept its bounds, and the next higher rate that did not."""
    tries = [step for step in steps if step.rate == knee]
    kept = [step for step in tries if not reasons(step, bounds)]
    bad = [step for step in steps if step.rate == bracket.lowest_bad]
    return {
        "orders_per_s": round(knee, 2),
        "answered_per_s": round(sum(step.answered_per_s for step in kept) / len(kept), 2),
        "kept": len(kept),
        "tries": len(tries),
        "p99_ms": [step.as_dict()["p99_ms"] for step in tries],
        "failed": max(step.failed for step in kept),
        "next_bad_per_s": None if bracket.lowest_bad is None else round(bracket.lowest_bad, 2),
        "next_bad_tries": len(bad),
        "next_bad_reasons": reasons(bad[-1], bounds) if bad else [],
    }


def _peak(about: dict[str, Any]) -> dict[str, Any] | None:
    """What the knee is compared with: the higher one of the declared peak and the highest rate ever measured."""
    declared, measured = about.get("declared_peak_per_s"), about.get("measured_peak")
    if not declared and not measured:
        return None
    if measured and measured["orders_per_s"] >= (declared or 0.0):
        return {"source": "measured", **measured}
    return {"source": "declared", "orders_per_s": declared, "measured": measured}


def _chains(about: dict[str, Any], at_knee: Step | None) -> list[dict[str, Any]]:
    """Each chain at the knee, with its busiest service and the factor by which all could grow until that one is full."""
    paths: dict[str, list[str]] = about.get("paths", {})
    rows = []
    for name, seen in (at_knee.chains if at_knee else {}).items():
        on_path = [one for one in at_knee.used if one.kind == "service" and one.name in paths.get(name, [])]
        first = max(on_path, key=lambda one: one.part, default=None)
        rows.append(
            {
                "chain": name,
                **asdict(seen),
                "bottleneck": None if first is None else asdict(first),
                "room": None if first is None or first.part <= 0 else round(1 / first.part, 3),
            }
        )
    return sorted(rows, key=lambda row: row["room"] if row["room"] is not None else float("inf"))
