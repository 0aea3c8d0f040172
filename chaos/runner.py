"""One experiment, one process: `python -m chaos.runner --experiment FILE --owner NAME --endpoints FILE --spool DIR`.

chaostoolkit keeps state in module globals, uses signals that Celery uses too, and forgets its roll-backs in several cases;
so it runs alone, always rolls back, and this runner clears what is left, measures the steady state once more, and writes the
verdict. To stop it, create the file `stop` in the spool folder; that can be done any number of times.
"""

from __future__ import annotations

import argparse
import copy
import os
import signal
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from chaoslib.exceptions import ActivityFailed, ChaosException
from chaoslib.experiment import run_experiment
from chaoslib.hypothesis import run_steady_state_hypothesis
from chaoslib.run import EventHandlerRegistry, RunEventHandler
from chaoslib.types import Schedule, Strategy

from chaos import document, recovery, verdict
from chaos.chaostrading import actions, sampling
from chaos.clients_view import reader
from chaos.spool import Spool, read_lines

HYPOTHESIS_EVERY_S = 2.0
WARM_UP_S = 6.0
STOP_POLL_S = 0.3
SETTLE_POLL_S = 2.0
# Seconds that are measured after the roll-back: a recovery must be seen to last.
WATCH_AFTER_S = 10.0
# Windows of probes must have left the fault behind before they can say that all is well again.
SHORTEST_SETTLE_S = 20.0


class Reporter(RunEventHandler):  # type: ignore[misc]
    """Writes what happens into the spool, and guards the roll-back against a second abort."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        self.rolling_back = False

    def start_activity(self, activity: dict[str, Any]) -> None:
        if activity["type"] == "action" and not self.rolling_back:
            self.spool.event("action-started", name=activity["name"])

    def activity_completed(self, activity: dict[str, Any], run: dict[str, Any]) -> None:
        if activity["type"] == "action":
            self.spool.event(
                "action",
                name=activity["name"],
                undo=self.rolling_back,
                status=run["status"],
                output=run.get("output"),
                exception=(run.get("exception") or [None])[-1],
            )

    def hypothesis_before_completed(self, experiment: Any, state: dict[str, Any], journal: Any) -> None:
        self.spool.event("steady-state-before", met=bool(state and state.get("steady_state_met")))

    def continuous_hypothesis_iteration(self, iteration_index: int, state: Any) -> None:
        if state and not state.get("steady_state_met"):
            self.spool.event("steady-state-missed", iteration=iteration_index, probes=_outputs(state))

    def hypothesis_after_completed(self, experiment: Any, state: dict[str, Any], journal: Any) -> None:
        self.spool.event("steady-state-after", met=bool(state and state.get("steady_state_met")))

    def start_rollbacks(self, experiment: Any) -> None:
        # A second abort would cut the roll-back short and leave the fault in.
        self.rolling_back = True
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        self.spool.event("rolling-back")


def _outputs(state: dict[str, Any]) -> dict[str, Any]:
    return {run["activity"]["name"]: run.get("output") for run in state.get("probes", [])}


class StopWatch(threading.Thread):
    """Waits for the stop file and interrupts chaostoolkit exactly once."""

    def __init__(self, spool: Spool, reporter: Reporter) -> None:
        super().__init__(name="stop-watch", daemon=True)
        self.spool, self.reporter = spool, reporter
        self.halted = False
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(STOP_POLL_S):
            if self.spool.stop.exists():
                self.halted = True
                self.spool.event("stop-requested", why=self.spool.stop.read_text()[:300])
                if not self.reporter.rolling_back:
                    os.kill(os.getpid(), signal.SIGUSR1)
                return


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the experiment and return the result that is also written into the spool."""
    spool = Spool(arguments.spool).create()
    subject = document.read(arguments.experiment)
    configuration = {"owner": arguments.owner, "endpoints": str(arguments.endpoints)}
    spool.event("started", experiment=subject.code, digest=subject.digest, pid=os.getpid())
    sampler = sampling.Sampler(reader(arguments.endpoints), spool.samples)
    sampling.begin(sampler)
    time.sleep(WARM_UP_S)
    journal, crash, halted = _experiment(subject, configuration, spool)
    undo_ok, undo_why = _clear(configuration, spool)
    # Where nothing was injected there is nothing to recover from: one more measurement says how things stand.
    injected_at = _injected_at(spool)
    watch_until = time.monotonic() + (WATCH_AFTER_S if injected_at is not None else 0.0)
    settle_s = max(SHORTEST_SETTLE_S, subject.declared.recovery_s) if injected_at is not None else 0.0
    restored = _restored(subject, configuration, spool, settle_s)
    time.sleep(max(0.0, watch_until - time.monotonic()))
    sampler.stop()
    judged = verdict.judge(journal, restored=restored, undo_ok=undo_ok, halted=halted, crash=crash)
    result = {
        "experiment": subject.code,
        "digest": subject.digest,
        "verdict": asdict(judged),
        "undo_why": undo_why,
        "recovery": _recovery(subject, spool, injected_at),
        "injected_at": injected_at,
        "ended_at": time.time(),
        "journal_sha256": spool.write(spool.journal, journal) if journal is not None else "",
    }
    spool.write(spool.result, result)
    spool.event("ended", outcome=judged.outcome.value)
    return result


def _experiment(
    subject: document.Document, configuration: dict[str, Any], spool: Spool
) -> tuple[dict[str, Any] | None, str, bool]:
    """chaostoolkit's run: (journal or None, what crashed it, whether it was halted)."""
    reporter = Reporter(spool)
    watch = StopWatch(spool, reporter)
    watch.start()
    journal: dict[str, Any] | None = None
    crash = ""
    try:
        journal = run_experiment(
            # Values given as experiment_vars only replace names that the file has itself.
            {**copy.deepcopy(subject.body), "configuration": dict(configuration)},
            settings={"runtime": {"rollbacks": {"strategy": "always"}}},
            strategy=Strategy.CONTINUOUS,
            schedule=Schedule(continuous_hypothesis_frequency=HYPOTHESIS_EVERY_S),
            event_handlers=[reporter],
        )
    except Exception as error:  # noqa: BLE001 — chaostoolkit lets errors of tolerances through; the faults must still be cleared
        crash = f"{type(error).__name__}: {error}"
        spool.event("crashed", why=crash)
    finally:
        watch.ended.set()
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    if journal is not None:
        # chaostoolkit changes the experiment while it runs; the journal keeps it as it was written.
        journal["experiment"] = subject.body
    return journal, crash, watch.halted


def _clear(configuration: dict[str, Any], spool: Spool) -> tuple[bool, str]:
    try:
        removed = actions.clear_faults(configuration=configuration)["removed"]
    except ActivityFailed as error:
        spool.event("clear-failed", why=str(error))
        return False, str(error)
    spool.event("cleared", removed=removed)
    return True, ""


def _restored(subject: document.Document, configuration: dict[str, Any], spool: Spool, settle_s: float) -> bool | None:
    """Whether the steady state holds again within `settle_s` seconds, measured at least once; None when it could not be measured."""
    deadline = time.monotonic() + settle_s
    registry = EventHandlerRegistry()
    while True:
        time.sleep(SETTLE_POLL_S)
        met: bool | None = None
        why: Any = ""
        try:
            state = run_steady_state_hypothesis(copy.deepcopy(subject.body), configuration, {}, None, registry)
        except (ChaosException, TypeError) as error:
            why = str(error)
        else:
            met, why = verdict.steady(state), _outputs(state)
        if met is True or time.monotonic() >= deadline:
            break
    spool.event("restored", met=met, probes=why)
    return met


def _injected_at(spool: Spool) -> float | None:
    events, _ = read_lines(spool.events)
    return next((event["at"] for event in events if event["kind"] == "action-started"), None)


def _recovery(subject: document.Document, spool: Spool, injected_at: float | None) -> dict[str, Any] | None:
    if injected_at is None:
        return None
    samples, _ = read_lines(spool.samples)
    return asdict(recovery.measure(samples, injected_at, threshold=subject.declared.success_threshold))


def main() -> int:
    parser = argparse.ArgumentParser(prog="chaos.runner", description="Run one experiment and write its verdict.")
    parser.add_argument("--experiment", type=Path, required=True, help="experiment file (JSON)")
    parser.add_argument("--owner", required=True, help="name under which faults are injected, unique to this run")
    parser.add_argument("--endpoints", type=Path, required=True, help="the cluster's endpoints.json")
    parser.add_argument("--spool", type=Path, required=True, help="folder for events, samples, journal and result")
    arguments = parser.parse_args()
    # Its default action would kill this process before chaostoolkit installs its own handler.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        result = run(arguments)
    except (document.ExperimentError, OSError) as error:
        sys.stderr.write(f"{arguments.experiment}: {error}\n")
        return 2
    return 0 if result["verdict"]["outcome"] == "held" else 1


if __name__ == "__main__":
    sys.exit(main())
