"""What people do with runs of workflows: start, pause, resume, cancel, try again, skip, let fail, decide.

Every command locks the run's row and moves its epoch on, so that a worker in the middle of a step writes nothing more.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from seeops.accounts import rights
from seeops.automation import workflow_states as states
from seeops.automation.models import StepDecision, StepRun, WorkflowRun, WorkflowVersion
from seeops.automation.services import RELATED_RIGHT
from seeops.automation.workflow_states import RunState, StepState
from seeops.automation.workflows import journal, places
from seeops.automation.workflows.kinds import DECIDES, FAILURE, SUCCESS
from seeops.automation.workflows.known import given_inputs, last_attempt
from seeops.core.clock import now
from seeops.core.enqueue import poke
from seeops.core.errors import Conflict, Forbidden, InvalidInput, RuleViolation
from seeops.core.numbering import next_number


@transaction.atomic
def workflow_start(
    *, actor: Any, version: WorkflowVersion, inputs: dict[str, Any], reason: str, trial: bool = False
) -> WorkflowRun:
    """Run an approved version, or try any version out. Raises Forbidden, InvalidInput, RuleViolation."""
    rights.require(actor, "workflow.edit" if trial else "workflow.run")
    if not trial and version.state != states.VersionState.APPROVED:
        raise RuleViolation(
            _("%(version)s is %(state)s: only an approved version runs; try it out instead.")
            % {"version": version, "state": version.get_state_display()}
        )
    if not reason.strip():
        raise InvalidInput(_("The reason is missing: say why this is done."), field="reason")
    for action in sorted(_rights_needed(version.definition)):
        rights.require(actor, action)
    run = WorkflowRun.objects.create(
        **next_number(WorkflowRun, "WFR"), version=version, inputs=given_inputs(version.definition, inputs), trial=trial,
        current=version.definition["start"], started_by=actor, reason=reason,
    )  # fmt: skip
    text = gettext_noop("%(workflow)s version %(n)d was started") % {
        "workflow": version.workflow.slug, "n": version.number,
    }  # fmt: skip
    journal.note(
        run, text, actor=actor, action="trial" if trial else "start", after=run.state, reason=reason,
        details={"digest": version.digest, "inputs": run.inputs},
    )  # fmt: skip
    _poke(run)
    return run


def _rights_needed(definition: dict[str, Any], depth: int = 0) -> set[str]:
    """Rights that the playbooks of the workflow, and of those it runs, ask of whoever starts it."""
    needed: set[str] = set()
    for step in definition["steps"].values():
        told = step["parameters"]
        if step["kind"] == "playbook":
            needed |= {"automation.run", RELATED_RIGHT.get(told["playbook"], "automation.run")}
        elif step["kind"] == "workflow" and depth < 5:
            found = WorkflowVersion.objects.filter(workflow__slug=told["workflow"], number=told["version"]).first()
            needed |= _rights_needed(found.definition, depth + 1) if found else set()
    return needed


def _poke(run: WorkflowRun) -> None:
    from seeops.automation.tasks import workflow_advance_task

    poke(workflow_advance_task, run.pk)


def _locked(run: WorkflowRun) -> WorkflowRun:
    """The row as it is now, held, and taken away from whoever works on it."""
    found = WorkflowRun.objects.select_for_update(of=("self",)).select_related("version__workflow").get(pk=run.pk)
    WorkflowRun.objects.filter(pk=run.pk).update(epoch=F("epoch") + 1, owner="", lease_until=None)
    return found


def _change(run: WorkflowRun, actor: Any, action: str, state: str, text: str, reason: str = "", **values: Any) -> None:
    before = run.state
    if state != before and not states.may_follow(before, state):
        raise Conflict(
            _("%(run)s is %(state)s: this step is not possible.")
            % {"run": run.number, "state": run.get_state_display()}
        )
    for name, value in {"state": state, "state_reason": text[:400], **values}.items():
        setattr(run, name, value)
    run.save(update_fields=["state", "state_reason", *values])
    journal.note(run, text, actor=actor, action=action, before=before, after=state, reason=reason)
    _poke(run)


@transaction.atomic
def workflow_pause(*, actor: Any, run: WorkflowRun, reason: str) -> None:
    """Begin no further step; the one under way goes on."""
    rights.require(actor, "workflow.run")
    run = _locked(run)
    if run.state not in (RunState.RUNNING, RunState.WAITING):
        raise Conflict(_("%(run)s is %(state)s: it cannot be paused.") % _named(run))
    text = gettext_noop("will pause when the step under way has ended")
    _change(run, actor, "pause", run.state, text, reason, pause_requested=True)


@transaction.atomic
def workflow_resume(*, actor: Any, run: WorkflowRun) -> None:
    """Go on after a pause, or take a wish to pause back."""
    rights.require(actor, "workflow.run")
    run = _locked(run)
    if run.state != RunState.PAUSED and not run.pause_requested:
        raise Conflict(_("%(run)s is %(state)s: it is not paused.") % _named(run))
    state = RunState.RUNNING if run.state == RunState.PAUSED else run.state
    _change(run, actor, "resume", state, gettext_noop("resumed"), pause_requested=False)


@transaction.atomic
def workflow_cancel(*, actor: Any, run: WorkflowRun, reason: str) -> None:
    """End the step under way and begin no other."""
    rights.require(actor, "workflow.run")
    run = _locked(run)
    if run.parent_id:
        raise RuleViolation(_("%(run)s is a step of another run: cancel that one.") % {"run": run.number})
    _change(run, actor, "cancel", RunState.CANCELLING, gettext_noop("is being cancelled"), reason)


def ask_to_cancel(run: WorkflowRun) -> None:
    """Cancel a run whose parent is cancelled; nothing when it is being cancelled already."""
    with transaction.atomic():
        run = _locked(run)
        if run.state != RunState.CANCELLING and run.active:
            _change(run, journal.engine(), "cancel", RunState.CANCELLING, gettext_noop("the run above it is cancelled"))


@transaction.atomic
def step_retry(*, actor: Any, run: WorkflowRun, step: str, reason: str) -> None:
    """Go on from a step that failed, whose outcome is unknown or that was cancelled: a new attempt, the old ones stay."""
    rights.require(actor, "workflow.run")
    run = _locked(run)
    last = _settled_attempt(run, step)
    text = gettext_noop("goes on from %(step)s, attempt %(n)d") % {"step": step, "n": last.attempt + 1}
    _go_on(run, actor, "retry", text, reason, step=step, target=step)


@transaction.atomic
def step_pass_over(*, actor: Any, run: WorkflowRun, step: str, reason: str, as_failed: bool = False) -> None:
    """Settle a step by hand: go on behind its success (skipped), or let it count as failed. Not for approvals and branches."""
    rights.require(actor, "workflow.run")
    if not reason.strip():
        raise InvalidInput(_("The reason is missing: say what you know about the step."), field="reason")
    run = _locked(run)
    last = _settled_attempt(run, step)
    if last.kind in DECIDES:
        raise RuleViolation(_("%(step)s decides: it cannot be skipped, only tried again.") % {"step": step})
    before, outcome = last.state, FAILURE if as_failed else SUCCESS
    last.state = StepState.FAILED if as_failed else StepState.SKIPPED
    last.outcome, last.settled_by = outcome, actor
    last.save(update_fields=["state", "outcome", "settled_by"])
    text = gettext_noop("%(step)s counts as %(state)s: %(reason)s") % {
        "step": step,
        "state": last.state,
        "reason": reason,
    }
    journal.note(run, text, actor=actor, action="settle", step=last, before=before, after=last.state, reason=reason)
    target = run.version.definition["steps"][step]["next"][outcome]
    _go_on(run, actor, "settle", text, reason, step=step, target=target, badly=as_failed)


def _go_on(
    run: WorkflowRun, actor: Any, action: str, text: str, reason: str, *, step: str, target: str, badly: bool = False
) -> None:
    """Let the run go on at `target`, in the branch of `step`; the forks around it are under way again."""
    current, branches, forks = places.led_back(run, step, target, badly=badly)
    for fork in reversed(forks):
        last = last_attempt(run, fork)
        if last is not None and last.state not in states.LIVE_STEP:
            again = {"run": run, "step": fork, "branch": last.branch, "kind": last.kind, "parameters": last.parameters}
            number = last.attempt + 1
            StepRun.objects.create(
                **again, attempt=number, key=f"{run.number}/{fork}/{number}", state=StepState.RUNNING, started_at=now()
            )
    going_on = {"current": current, "branches": branches, "finished_at": None, "pause_requested": False, "stumbles": 0}
    _change(run, actor, action, RunState.RUNNING, text, reason, **going_on)


def _settled_attempt(run: WorkflowRun, step: str) -> StepRun:
    """The last attempt of the step when a person may decide how to go on from it. Raises Conflict, InvalidInput."""
    if run.state not in (RunState.HOLDING, RunState.FAILED, RunState.CANCELLED):
        raise Conflict(_("%(run)s is %(state)s: wait until it has ended, or cancel it.") % _named(run))
    if run.parent_id and run.state != RunState.HOLDING:
        raise RuleViolation(_("%(run)s is a step of another run: try that step again.") % {"run": run.number})
    last = last_attempt(run, step)
    if last is None or last.state not in states.REPEATABLE:
        raise InvalidInput(
            _("%(step)s is no step that failed in %(run)s.") % {"step": step, "run": run.number}, field="step"
        )
    return last


@transaction.atomic
def step_decide(*, actor: Any, step: StepRun, agreed: bool, comment: str) -> None:
    """Say yes or no to an approval step. Whoever started the run or wrote the version may not, whatever the roles."""
    rights.require(actor, "automation.view")
    run = _locked(step.run)
    step = StepRun.objects.select_for_update().get(pk=step.pk)
    if step.kind != "approval" or step.state != StepState.WAITING or run.state == RunState.CANCELLING:
        raise Conflict(_("%(step)s waits for nobody (any more).") % {"step": step})
    role = step.parameters["role"]
    if role not in actor.roles:
        raise Forbidden(_("%(step)s asks people of the role %(role)s.") % {"step": step, "role": role})
    if actor.pk in (run.started_by_id, run.version.created_by_id):
        raise Forbidden(_("You started this run or wrote its workflow: somebody else must decide."))
    if step.decisions.filter(person=actor).exists():
        raise Conflict(_("You have decided already."))
    StepDecision.objects.create(step_run=step, person=actor, agreed=agreed, comment=comment[:2000], at=now())
    text = gettext_noop("%(person)s agreed") if agreed else gettext_noop("%(person)s refused")
    journal.note(
        run, text % {"person": actor.get_username()}, actor=actor, action="decide", step=step, before=step.state,
        after=step.state, reason=comment, details={"agreed": agreed},
    )  # fmt: skip
    _poke(run)


def _named(run: WorkflowRun) -> dict[str, Any]:
    return {"run": run.number, "state": run.get_state_display()}
