"""Fork and join: a fork is under way as long as its branches are; the join says whether they came well enough."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from seeops.automation.models import StepRun, WorkflowRun
from seeops.automation.workflow_states import StepState
from seeops.automation.workflows import fencing, places
from seeops.automation.workflows.driver import Driver
from seeops.automation.workflows.kinds import ANY_OF
from seeops.automation.workflows.settled import Settled, failed, succeeded

JOINED = "joined"


class Fork(Driver):
    """Its branches are begun in the transaction that begins it, so each is begun once."""

    def begin(self, run: WorkflowRun, step: StepRun) -> Settled | None:
        places.split(run, step.step)
        return super().begin(run, step)

    def look(self, run: WorkflowRun, step: StepRun) -> Settled | None:
        came = places.arrivals(run, step.step)
        if all(came.values()):
            ended = Settled(StepState.SUCCEEDED, JOINED, dict(came))
            return ended if not _unwanted(run, step) else Settled(StepState.CANCELLED)
        if places.rule_of(run, step.step) == ANY_OF and places.enough(came, ANY_OF):
            rest = places.to_stop(run, step.step)
            if rest:
                with fencing.fenced(run):
                    places.put(run, rest)
        return None

    def stop(self, run: WorkflowRun, step: StepRun) -> Settled | None:
        """Its branches are stopped by themselves; it has ended when they have."""
        return Settled(StepState.CANCELLED) if all(places.arrivals(run, step.step).values()) else None


def _unwanted(run: WorkflowRun, step: StepRun) -> bool:
    return bool(step.branch) and bool(run.branches[step.branch]["stop"])


class Join(Driver):
    def begin(self, run: WorkflowRun, step: StepRun) -> Settled | None:
        shape = places.parts(run)
        fork = next(fork for fork, join in shape.join_of.items() if join == step.step)
        came = places.arrivals(run, fork)
        well = sum(one == places.WELL for one in came.values())
        badly = sum(one == places.BADLY for one in came.values())
        if places.enough(came, step.parameters["rule"]):
            return succeeded(well=well, badly=badly)
        text = _("%(badly)d of %(all)d branches came by a failure") % {"badly": badly, "all": len(came)}
        return failed(text, well=well, badly=badly)
