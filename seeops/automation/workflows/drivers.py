"""How each kind of step is begun, looked after and stopped (see `driver`)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils.translation import gettext_noop as _

from seeops.automation import catalogue, services
from seeops.automation import selectors as runs
from seeops.automation.models import RunState as PlaybookState
from seeops.automation.models import StepRun, WorkflowRun, WorkflowVersion
from seeops.automation.workflow_states import RunState, StepState
from seeops.automation.workflows import conditions, fencing, own_process, permitted
from seeops.automation.workflows.driver import Driver
from seeops.automation.workflows.forking import Fork, Join
from seeops.automation.workflows.kinds import BRANCH, FORK, JOIN, NO, YES
from seeops.automation.workflows.settled import Settled, failed, once_more, succeeded, unknown
from seeops.core.clock import now
from seeops.core.errors import SeeOpsError, Unavailable
from seeops.core.numbering import next_number
from seeops.inventory import selectors as inventory
from seeops.monitoring import prometheus

TRIAL_WAIT_S = 2
LOOK_AGAIN_S = 1.5
END_AFTER = dt.timedelta(seconds=20)
DEEPEST = 5


class Playbook(Driver):
    """A supervised run of the catalogue, under the rights of whoever started the workflow."""

    def begin(self, run: WorkflowRun, step: StepRun) -> Settled | None:
        told = step.parameters
        try:
            made = services.run_start(
                actor=run.started_by, playbook=told["playbook"], nodes=_nodes(told), inputs=told["inputs"],
                reason=f"{run.number} {step.step}: {run.reason}"[:400],
            )  # fmt: skip
        except SeeOpsError as error:
            return failed(str(error))
        made.topic = f"workflow-run-{run.pk}"
        made.save(update_fields=["topic"])
        step.playbook_run, step.state = made, StepState.RUNNING
        return None

    def look(self, run: WorkflowRun, step: StepRun) -> Settled | None:
        found = services.run_check(runs.runs().get(pk=step.playbook_run_id))
        if found.live:
            return None
        figures = {
            "run": found.number, "hosts_total": found.hosts_total, "hosts_done": found.hosts_done,
            "hosts_failed": found.hosts_failed,
        }  # fmt: skip
        if found.state == PlaybookState.DONE and not found.hosts_failed:
            return succeeded(**figures)
        if found.state != PlaybookState.LOST:
            text = _("%(run)s is %(state)s: %(done)d of %(total)d nodes done, %(failed)d failed or unreachable") % {
                "run": found.number, "state": found.state, "done": found.hosts_done, "total": found.hosts_total,
                "failed": found.hosts_failed,
            }  # fmt: skip
            return failed(text, **figures)
        text = _("the process of %(run)s is gone; what its nodes did is unknown") % {"run": found.number}
        harmless = step.parameters["repeatable"] or catalogue.playbook(found.playbook).effect == "reads"
        return once_more(text) if harmless else unknown(text)

    def stop(self, run: WorkflowRun, step: StepRun) -> Settled | None:
        found = runs.runs().get(pk=step.playbook_run_id)
        if found.live:
            services.run_ask_to_stop(found)
            found.refresh_from_db()
            if found.cancel_requested_at and now() - found.cancel_requested_at > END_AFTER:
                services.run_end_now(found)
        settled = self.look(run, step)
        if settled and settled.state != StepState.SUCCEEDED:
            return Settled(StepState.CANCELLED if settled.outcome else StepState.UNKNOWN, problem=settled.problem)
        return settled


def _nodes(told: dict[str, Any]) -> list[str]:
    """Names of the nodes that a step chooses, at the moment it begins."""
    nodes = inventory.active_nodes().order_by("name")
    if told.get("nodes"):
        return [str(name) for name in told["nodes"]]
    wanted = {"service__name": told.get("service"), "centre__code": told.get("centre")}
    chosen = {key: value for key, value in wanted.items() if value}
    return list(nodes.filter(**chosen).values_list("name", flat=True)) if chosen or told.get("everywhere") else []


class OwnProcess(Driver):
    """HTTP calls and scripts: a supervised process that does it and writes the outcome into the attempt's row."""

    begins_as = StepState.STARTING

    def begin(self, run: WorkflowRun, step: StepRun) -> Settled | None:
        problem = permitted.problem(run.started_by, step.parameters.get("service", ""))
        return failed(problem) if problem else super().begin(run, step)

    def look(self, run: WorkflowRun, step: StepRun) -> Settled | None:
        if step.outcome:
            state = StepState.SUCCEEDED if step.outcome == "success" else StepState.FAILED
            return Settled(state, step.outcome, step.outputs, step.problem)
        if step.state == StepState.STARTING:
            own_process.start(step)
            return None
        if step.state == StepState.RUNNING:
            if own_process.gone(step):
                with fencing.fenced(run):
                    fencing.step_to(run, step, StepState.LOST, _("the process of the step is gone"))
            return None
        return self._lost(step)

    def _lost(self, step: StepRun) -> Settled:
        if step.acting_at is None:
            return once_more(_("its process was gone before it did anything"))
        told = step.parameters
        safe = told.get("repeatable") or (step.kind == "http" and told["method"] in ("GET", "HEAD"))
        text = step.problem or _("its process was gone while it acted; whether it was done is unknown")
        return once_more(text) if safe else unknown(text)

    def stop(self, run: WorkflowRun, step: StepRun) -> Settled | None:
        if step.outcome:
            return self.look(run, step)
        if own_process.forestall(step):
            return Settled(StepState.CANCELLED)
        step.refresh_from_db()
        if own_process.end(step):
            return None
        step.refresh_from_db()
        if step.outcome:
            return self.look(run, step)
        acted = step.acting_at is not None
        return Settled(
            StepState.UNKNOWN if acted else StepState.CANCELLED,
            problem=_("stopped while it acted; whether it was done is unknown") if acted else "",
        )


class Gate(Driver):
    """A PromQL query that must meet its condition, without a break for some time. Unknown is not met."""

    def seconds(self, run: WorkflowRun, step: StepRun) -> float | None:
        return float(step.parameters["timeout_s"])

    def look(self, run: WorkflowRun, step: StepRun) -> Settled | None:
        moment = now()
        last = step.progress.get("looked", 0.0)
        if moment.timestamp() - last < LOOK_AGAIN_S:
            return None
        value, why = self._measure(step.parameters["query"])
        if why and value is None and why.startswith("!"):
            return failed(why[1:])
        told = step.parameters
        met = value is not None and conditions.holds(value, told["operator"], told["threshold"])
        since = step.progress.get("since") or moment.timestamp() if met else None
        if met and since is not None and moment.timestamp() - since >= told["hold_s"]:
            return succeeded(value=value)
        if step.due_at and moment >= step.due_at:
            return failed(self._reason(told, value, why))
        step.progress = {"looked": moment.timestamp(), "since": since, "value": value, "why": why}
        with fencing.fenced(run):
            step.save(update_fields=["progress"])
        return None

    @staticmethod
    def _measure(query: str) -> tuple[float | None, str]:
        """(value, why there is none); a reason that begins with ! will never become better."""
        try:
            value = prometheus.value(query)
        except Unavailable as error:
            return None, str(error)
        except prometheus.QueryRefused as error:
            return None, f"!{error}"
        return value, "" if value is not None else _("no data")

    @staticmethod
    def _reason(told: dict[str, Any], value: float | None, why: str) -> str:
        if value is None:
            return _("nothing was measured in time: %(why)s") % {"why": why}
        return _("%(value)g was not %(operator)s %(threshold)g long enough within %(seconds)d s") % {
            "value": value, "operator": told["operator"], "threshold": told["threshold"], "seconds": told["timeout_s"],
        }  # fmt: skip


class Approval(Driver):
    """People of a role say yes; one no is enough to refuse, silence is no."""

    begins_as = StepState.WAITING

    def seconds(self, run: WorkflowRun, step: StepRun) -> float | None:
        return float(step.parameters["expires_s"])

    def look(self, run: WorkflowRun, step: StepRun) -> Settled | None:
        decisions = list(step.decisions.select_related("person"))
        names = ", ".join(decision.person.get_username() for decision in decisions)
        comment = "; ".join(decision.comment for decision in decisions if decision.comment)
        refused = [decision for decision in decisions if not decision.agreed]
        if refused:
            text = _("%(person)s refused") % {"person": refused[0].person.get_username()}
            return failed(text, decided_by=names, comment=comment)
        if len(decisions) >= step.parameters["count"]:
            return succeeded(decided_by=names, comment=comment)
        if step.due_at and now() >= step.due_at:
            return failed(_("nobody decided in time"))
        return None


class Wait(Driver):
    def seconds(self, run: WorkflowRun, step: StepRun) -> float | None:
        seconds = float(step.parameters["seconds"])
        return min(seconds, TRIAL_WAIT_S) if run.trial else seconds

    def look(self, run: WorkflowRun, step: StepRun) -> Settled | None:
        return succeeded() if step.due_at and now() >= step.due_at else None


class SubWorkflow(Driver):
    """A run of its own; its row is made in the transaction of the attempt, so there is exactly one."""

    def begin(self, run: WorkflowRun, step: StepRun) -> Settled | None:
        from seeops.automation.workflows.known import given_inputs

        told = step.parameters
        version = WorkflowVersion.objects.filter(
            workflow__slug=told["workflow"], number=told["version"], state="approved"
        ).first()
        if version is None:
            return failed(_("“%(workflow)s” has no approved version %(version)s") % told)
        if _depth(run) >= DEEPEST:
            return failed(_("workflows run each other more than %(n)d deep") % {"n": DEEPEST})
        try:
            inputs = given_inputs(version.definition, told["inputs"])
        except SeeOpsError as error:
            return failed(str(error))
        step.state = StepState.RUNNING
        step.save()
        WorkflowRun.objects.create(
            **next_number(WorkflowRun, "WFR"), version=version, parent=step, inputs=inputs, trial=run.trial,
            current=version.definition["start"], started_by=run.started_by, reason=run.reason,
        )  # fmt: skip
        return None

    def look(self, run: WorkflowRun, step: StepRun) -> Settled | None:
        child = WorkflowRun.objects.get(parent=step)
        if child.active:
            return None
        if child.state == RunState.DONE:
            return succeeded(run=child.number, state=child.state)
        text = _("%(run)s is %(state)s: %(why)s") % {
            "run": child.number,
            "state": child.state,
            "why": child.state_reason,
        }
        return failed(text, run=child.number, state=child.state)

    def stop(self, run: WorkflowRun, step: StepRun) -> Settled | None:
        from seeops.automation.workflows.commands import ask_to_cancel

        child = WorkflowRun.objects.get(parent=step)
        if child.active:
            ask_to_cancel(child)
            return None
        settled = self.look(run, step)
        return settled if settled and settled.state == StepState.SUCCEEDED else Settled(StepState.CANCELLED)


def _depth(run: WorkflowRun) -> int:
    depth = 0
    while run.parent_id and depth <= DEEPEST:
        depth, run = depth + 1, StepRun.objects.select_related("run").get(pk=run.parent_id).run
    return depth


class Branch(Driver):
    def begin(self, run: WorkflowRun, step: StepRun) -> Settled | None:
        try:
            chosen = conditions.decide(step.parameters["conditions"], step.parameters["match"])
        except conditions.CannotCompare as error:
            return failed(_("cannot be compared: %(what)s") % {"what": error})
        return succeeded(YES if chosen else NO, chosen=chosen)


DRIVERS: dict[str, Driver] = {
    "playbook": Playbook(), "http": OwnProcess(), "script": OwnProcess(), "promql": Gate(), "approval": Approval(),
    "wait": Wait(), "workflow": SubWorkflow(), BRANCH.code: Branch(), FORK.code: Fork(), JOIN.code: Join(),
}  # fmt: skip
