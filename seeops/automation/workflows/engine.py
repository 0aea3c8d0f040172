"""Advances runs of workflows. Level-triggered: looks at the row, does what is due, and can be killed anywhere in between.

A poke names a run; the reconciler pokes every driven one every two seconds. Whoever comes first takes the lease; the lease of a
killed worker runs out after LEASE_S, and a late write of it changes nothing.
"""

from __future__ import annotations

import logging
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from seeops.automation import workflow_states as states
from seeops.automation.models import StepRun, WorkflowRun
from seeops.automation.workflow_states import RunState, StepState
from seeops.automation.workflows import journal, known, places, trials
from seeops.automation.workflows.drivers import DRIVERS
from seeops.automation.workflows.fencing import LEASE_S, fenced, run_to, step_to
from seeops.automation.workflows.kinds import DONE, ENDS
from seeops.automation.workflows.parallel import MAIN
from seeops.automation.workflows.places import Place
from seeops.automation.workflows.references import ReferenceProblem
from seeops.automation.workflows.settled import Settled, failed
from seeops.core import leases
from seeops.core.clock import now
from seeops.core.errors import InvalidInput

log = logging.getLogger(__name__)
MOST_STEPS = 24
MOST_STUMBLES = 5
MOST_AGAIN = 3


def advance(run_id: int) -> bool:
    """Take every step that is due. False when somebody else has the run, or nothing is to be done."""
    epoch = leases.claim(WorkflowRun, run_id, owner=leases.new_owner(), seconds=LEASE_S)
    if epoch is None:
        return False
    try:
        for _turn in range(MOST_STEPS):
            run = _load(run_id, epoch)
            if run is None or not _turn_of(run):
                break
        WorkflowRun.objects.filter(pk=run_id, epoch=epoch).update(looked_at=now(), stumbles=0)
        return True
    except leases.LeaseLost as error:
        log.info("run of a workflow was taken over", extra={"run": run_id, "why": str(error)})
        return False
    except Exception as error:  # noqa: BLE001 - whatever breaks a step must be seen on the run, and not stop the others
        log.exception("a step of a workflow broke", extra={"run": run_id})
        _stumble(run_id, epoch, error)
        return False
    finally:
        leases.release(WorkflowRun, run_id, epoch=epoch)


def driven() -> list[int]:
    """Runs that the engine must look at."""
    return list(WorkflowRun.objects.filter(state__in=states.DRIVEN).order_by("id").values_list("pk", flat=True))


def _load(run_id: int, epoch: int) -> WorkflowRun | None:
    found = WorkflowRun.objects.select_related("version__workflow", "started_by")
    return found.filter(pk=run_id, epoch=epoch, state__in=states.DRIVEN).first()


def _turn_of(run: WorkflowRun) -> bool:
    """One thing that is due, in whichever branch. False when nothing is due now."""
    live = {step.branch: step for step in run.steps.filter(state__in=states.LIVE_STEP).order_by("id")}
    if run.state == RunState.CANCELLING:
        return _cancel(run, list(live.values()))
    if run.current in ENDS and not live:
        return _end(run)
    here = places.open_places(run, live.values())
    return any(_go_on(run, place, live.get(place.branch)) for place in here) or _come_to_rest(run, here, live)


def _go_on(run: WorkflowRun, place: Place, step: StepRun | None) -> bool:
    """Begin what is due at a place, or look whether what is under way there has ended."""
    if step is None:
        if place.stop:
            with fenced(run):
                places.stopped(run, place.branch)
            return True
        if place.held or run.pause_requested:
            return False
        with fenced(run):
            _begin(run, place)
        return True
    if place.branch != MAIN:
        with fenced(run):
            step.run = run  # a look may take a while, and there may be several: each under a fresh lease
    driver = DRIVERS[step.kind]
    settled = driver.stop(run, step) if place.stop else driver.look(run, step)
    if settled is None:
        return step.state == StepState.LOST
    with fenced(run):
        _finish(run, step, settled, stopped=place.stop)
    return True


def _come_to_rest(run: WorkflowRun, here: list[Place], live: dict[str, StepRun]) -> bool:
    """Hold when every branch that is left waits for a person; pause when nothing is under way any more."""
    leaves = [place for place in here if place.branch not in live or live[place.branch].kind != "fork"]
    held = [place for place in leaves if place.held]
    if held and len(held) == len(leaves):
        unsure = known.last_attempt(run, held[0].at)
        text = gettext_noop("%(step)s: %(problem)s") % {"step": held[0].at, "problem": unsure.problem if unsure else ""}
        with fenced(run):
            run_to(run, RunState.HOLDING, text, step=unsure)
    elif run.pause_requested and not any(place.branch in live for place in leaves):
        with fenced(run):
            run_to(run, RunState.PAUSED, gettext_noop("paused before the next step"))
    return False


def _end(run: WorkflowRun) -> bool:
    state = RunState.DONE if run.current == DONE else RunState.FAILED
    with fenced(run):
        run_to(run, state, _ending(run, state), finished_at=now(), pause_requested=False)
    return False


def _ending(run: WorkflowRun, state: str) -> str:
    if state == RunState.DONE:
        return gettext_noop("every step on its way is done")
    last = run.steps.filter(state=StepState.FAILED).order_by("-id").first()
    return f"{last.step}: {last.problem}" if last else gettext_noop("it was led to its failed end")


def _begin(run: WorkflowRun, place: Place) -> None:
    """Make the attempt's row and begin it, in the transaction of `fenced`."""
    name = place.at
    flow = run.version.definition["steps"][name]
    before = known.last_attempt(run, name)
    attempt = before.attempt + 1 if before else 1
    # What may have been done already keeps its name, so that whoever knows it does not do it twice.
    unsure = before is not None and before.state == StepState.UNKNOWN
    key = before.key if before is not None and unsure else f"{run.number}/{name}/{attempt}"
    step = StepRun(
        run=run, step=name, branch=place.branch, attempt=attempt, kind=flow["kind"], state=StepState.STARTING, key=key,
        started_at=now(),
    )  # fmt: skip
    settled = _told(run, step, flow)
    if settled is None and run.trial and trials.left_out(step.kind, step.parameters):
        settled = Settled(StepState.PRETENDED, "success", trials.empty_outputs(flow))
    if settled is None:
        settled = DRIVERS[step.kind].begin(run, step)
    step.save()
    text = gettext_noop("attempt %(n)d began") % {"n": attempt}
    journal.note(run, text, actor=journal.engine(), action="step", step=step, after=step.state)
    if settled is not None:
        _finish(run, step, settled)
    elif step.state == StepState.WAITING and run.state != RunState.WAITING:
        run_to(run, RunState.WAITING, str(step.parameters.get("question", "")), step=step)


def _told(run: WorkflowRun, step: StepRun, flow: dict[str, Any]) -> Settled | None:
    """Fill in the parameters; a value that is not there fails the step."""
    try:
        step.parameters = known.parameters(run, flow)
    except ReferenceProblem as problem:
        return failed(gettext_noop("%(reference)s has no value: its step did not answer it") % {"reference": problem})
    except InvalidInput as problem:
        return failed(str(problem))
    return known.unfit(flow["kind"], step.parameters)


def _finish(run: WorkflowRun, step: StepRun, settled: Settled, *, stopped: bool = False) -> None:
    """Write how an attempt ended and what follows it, in the transaction of `fenced`."""
    text = settled.problem or gettext_noop("ended")
    step_to(
        run, step, settled.state, text, outcome=settled.outcome, outputs=settled.outputs, problem=settled.problem,
        finished_at=now(),
    )  # fmt: skip
    if run.state == RunState.WAITING and not run.steps.filter(state=StepState.WAITING).exists():
        run_to(run, RunState.RUNNING, "", step=step)
    if stopped:
        places.stopped(run, step.branch)
    elif settled.outcome:
        places.move(run, step, settled.outcome)
    elif not settled.again or step.attempt >= MOST_AGAIN:
        _wait_for_a_person(run, step, settled)


def _wait_for_a_person(run: WorkflowRun, step: StepRun, settled: Settled) -> None:
    """Hold: a branch alone while others go on, the run when there is no other."""
    if step.branch != MAIN:
        places.hold(run, step.branch)
        return
    text = gettext_noop("%(step)s: %(problem)s") % {"step": step.step, "problem": settled.problem}
    run_to(run, RunState.HOLDING, text, step=step)


def _cancel(run: WorkflowRun, live: list[StepRun]) -> bool:
    """Stop what is under way, forks last; cancelled when nothing is. What was stopped in a branch waits for a person, should
    somebody let the run go on."""
    at_work = [step for step in live if step.kind != "fork"]
    for step in at_work or live:
        settled = DRIVERS[step.kind].stop(run, step) if at_work else Settled(StepState.CANCELLED)
        if settled is None:
            continue
        with fenced(run):
            step_to(
                run, step, settled.state, settled.problem or gettext_noop("stopped"), outputs=settled.outputs,
                problem=settled.problem, finished_at=now(),
            )  # fmt: skip
            if step.branch != MAIN:
                places.hold(run, step.branch)
        return True
    if live:
        return False
    with fenced(run):
        run_to(run, RunState.CANCELLED, gettext_noop("cancelled"), finished_at=now(), pause_requested=False)
    return False


def _stumble(run_id: int, epoch: int, error: Exception) -> None:
    """Show what broke; after MOST_STUMBLES in a row the run holds."""
    run = _load(run_id, epoch)
    if run is None:
        return
    stumbles = run.stumbles + 1
    text = _("a step broke %(n)d times in a row: %(kind)s: %(error)s") % {
        "n": stumbles, "kind": type(error).__name__, "error": error,
    }  # fmt: skip
    with transaction.atomic():
        leases.write(WorkflowRun, run_id, epoch=epoch, stumbles=stumbles, state_reason=text[:400])
        if stumbles >= MOST_STUMBLES and run.state != RunState.CANCELLING:
            run_to(run, RunState.HOLDING, text, stumbles=0)
