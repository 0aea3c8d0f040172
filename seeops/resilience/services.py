"""Start and stop experiments, and carry each of them to its end whatever dies meanwhile."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from seeops.accounts import rights
from seeops.accounts.selectors import machine
from seeops.audit import services as audit
from seeops.core import leases
from seeops.core.clock import now
from seeops.core.enqueue import poke
from seeops.core.errors import Conflict, RuleViolation
from seeops.core.live import announce
from seeops.resilience import guard, process, selectors
from seeops.resilience.catalogue import Experiment
from seeops.resilience.conclude import LATE_ALERTS, conclusion, late_detection
from seeops.resilience.models import ExperimentRun, Outcome, RunState, SafetyLever

LEASE_S = 20.0
# A runner that takes this much longer than its file says hangs; its faults have ended by lease long before.
OVERDUE = dt.timedelta(seconds=180)


def experiment_start(*, actor: Any, experiment: Experiment, reason: str) -> ExperimentRun:
    """Check everything, freeze what the topology predicts, and queue the run. Raises RuleViolation with every reason."""
    rights.require(actor, "experiment.run")
    return experiment_queue(actor=actor, experiment=experiment, reason=reason)


def experiment_queue(*, actor: Any, experiment: Experiment, reason: str, on_behalf: str = "") -> ExperimentRun:
    """The same for the gate of a release (`on_behalf`), which follows from an approved plan: the guard asks all it ever asks."""
    if reasons := guard.refusals(selectors.facts(experiment, on_behalf=on_behalf)):
        raise RuleViolation(" ".join(map(str, reasons)), code="unsafe")
    prediction, digest = selectors.predict(experiment)
    try:
        with transaction.atomic():
            run = _create(actor, experiment, reason, prediction, digest)
            audit.record(
                actor=actor,
                action="experiment.start",
                obj=run,
                reason=reason,
                after={"experiment": experiment.code, "digest": experiment.digest, "prediction": digest},
            )
            poke(_advance_task(), run.pk)
            announce("experiments")
    except IntegrityError as error:
        raise Conflict(_("Another experiment was started at the same moment: one at a time.")) from error
    return run


def _create(actor: Any, experiment: Experiment, reason: str, prediction: dict[str, Any], digest: str) -> ExperimentRun:
    number = _next_number()
    body = selectors.body(experiment)
    return ExperimentRun.objects.create(
        number=number,
        code=experiment.code,
        title=experiment.title,
        digest=experiment.digest,
        document=body,
        declared=experiment.declared,
        prediction=prediction,
        prediction_digest=digest,
        reason=reason,
        started_by=actor,
        session_phase=selectors.session_phase(),
        spool=str(process.spool_of(number)),
    )


def _next_number() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('resilience_run_number')")
        return f"EXP-{cursor.fetchone()[0]:06d}"


def experiment_stop(*, actor: Any, run: ExperimentRun, reason: str) -> None:
    """Ask a run to end and clear its faults. Can be repeated."""
    rights.require(actor, "experiment.stop")
    experiment_end(actor=actor, run=run, reason=reason)


def experiment_end(*, actor: Any, run: ExperimentRun, reason: str) -> None:
    """The same for the gate that began it."""
    with transaction.atomic():
        stopped = ExperimentRun.objects.filter(pk=run.pk, state__in=[RunState.STARTING, RunState.RUNNING]).update(
            state=RunState.STOPPING, stop_reason=reason
        )
        if not stopped and not ExperimentRun.objects.filter(pk=run.pk, active=True).exists():
            raise RuleViolation(_("%(run)s has already ended.") % {"run": run.number})
        audit.record(actor=actor, action="experiment.stop", obj=run, reason=reason)
        transaction.on_commit(lambda: process.request_stop(run, reason))
        poke(_advance_task(), run.pk)
        announce("experiments", f"experiment-run-{run.pk}")


def lever_pull(*, actor: Any, reason: str) -> SafetyLever:
    """Stop whatever runs and refuse every start until the lever is released."""
    rights.require(actor, "experiment.stop")
    return _lever(actor, reason, pulled=True)


def lever_release(*, actor: Any, reason: str) -> SafetyLever:
    rights.require(actor, "experiment.run")
    return _lever(actor, reason, pulled=False)


def _lever(actor: Any, reason: str, *, pulled: bool) -> SafetyLever:
    if not reason.strip():
        raise RuleViolation(_("The lever needs a reason."))
    with transaction.atomic():
        lever = SafetyLever.objects.create(pulled=pulled, reason=reason, person=actor)
        audit.record(
            actor=actor,
            action="experiment.lever_pull" if pulled else "experiment.lever_release",
            obj=lever,
            reason=reason,
        )
        announce("experiments")
    if pulled:
        for run in ExperimentRun.objects.filter(active=True):
            experiment_stop(actor=actor, run=run, reason=reason)
    return lever


def run_advance(run_id: int) -> None:
    """One step of a run: start its process, take its result over, or clean up after its death. Safe at any time."""
    epoch = leases.claim(ExperimentRun, run_id, owner=leases.new_owner(), seconds=LEASE_S)
    if epoch is None:
        return
    run = ExperimentRun.objects.get(pk=run_id)
    try:
        _step(run, epoch)
    finally:
        leases.release(ExperimentRun, run_id, epoch=epoch)


def _step(run: ExperimentRun, epoch: int) -> None:
    if run.state == RunState.ENDED:
        return
    found = process.result(run)
    if found is not None:
        _end(run, epoch, conclusion(run, found))
    elif run.pid is None:
        _begin(run, epoch)
    elif not process.alive(run):
        # Its result may have appeared between the two looks.
        found = process.result(run)
        if found is not None:
            _end(run, epoch, conclusion(run, found))
        else:
            _bury(run, epoch)
    elif now() - run.created_at > overdue_after(run):
        process.kill(run)
        _bury(run, epoch)
    elif run.injected_at is None and (at := selectors.injected_at(run)):
        leases.write(ExperimentRun, run.pk, epoch=epoch, injected_at=at)
        announce(f"experiment-run-{run.pk}")
    else:
        announce(f"experiment-run-{run.pk}")


def overdue_after(run: ExperimentRun) -> dt.timedelta:
    """From this age on a run is taken for hanging."""
    return OVERDUE + 2 * dt.timedelta(seconds=run.declared["about_s"] + run.declared["recovery_s"])


def detections_review() -> None:
    """Look again for the alerts of runs that ended lately: an alert may reach the console after the run's end."""
    for run in ExperimentRun.objects.filter(state=RunState.ENDED, ended_at__gte=now() - LATE_ALERTS).defer("document"):
        if changed := late_detection(run):
            ExperimentRun.objects.filter(pk=run.pk).update(**changed)
            announce("experiments", f"experiment-run-{run.pk}")


def _begin(run: ExperimentRun, epoch: int) -> None:
    """A run that was stopped before it began ends without having touched anything."""
    if run.state == RunState.STOPPING:
        _end(run, epoch, {"outcome": Outcome.HALTED, "why": "stopped before it began", "undo_ok": True})
        return
    leases.write(ExperimentRun, run.pk, epoch=epoch, **process.spawn(run))
    # Whoever asked for a stop meanwhile is not overruled.
    ExperimentRun.objects.filter(pk=run.pk, epoch=epoch, state=RunState.STARTING).update(state=RunState.RUNNING)
    announce("experiments", f"experiment-run-{run.pk}")


def _bury(run: ExperimentRun, epoch: int) -> None:
    """The process died without a result: clear what it left, then end as unknown. Faults end by lease in any case."""
    if run.state != RunState.LOST:
        leases.write(ExperimentRun, run.pk, epoch=epoch, state=RunState.LOST)
        announce("experiments", f"experiment-run-{run.pk}")
    problem = process.clear(run)
    _end(
        run,
        epoch,
        {
            "outcome": Outcome.UNKNOWN,
            "why": "; ".join(
                part
                for part in (
                    "the runner died without a result",
                    process.last_words(run),
                    f"clearing: {problem}" if problem else "",
                )
                if part
            ),
            "undo_ok": not problem,
            "injected_at": selectors.injected_at(run),
        },
    )


def _end(run: ExperimentRun, epoch: int, values: dict[str, Any]) -> None:
    with transaction.atomic():
        leases.write(ExperimentRun, run.pk, epoch=epoch, **values, state=RunState.ENDED, active=None, ended_at=now())
        run.refresh_from_db()
        audit.record(
            actor=machine("experiment-engine"),
            action="experiment.end",
            obj=run,
            after={
                "outcome": run.outcome, "undo_ok": run.undo_ok, "restored": run.restored, "recovered_s": run.recovered_s,
                "lost_orders": run.lost_orders, "journal_sha256": run.journal_sha256, "detected": run.detected,
            },
        )  # fmt: skip
        announce("experiments", f"experiment-run-{run.pk}")


def _advance_task() -> Any:
    from seeops.resilience.tasks import run_advance as task

    return task
