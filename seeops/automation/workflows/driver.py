"""What every kind of step has in common. `begin` runs in the transaction that makes the attempt's row; it answers Settled when the
step is over at once. `look` runs outside of transactions. `stop` asks a step to end; `look` sees when it has.

Every function can be called again after a kill at any point.
"""

from __future__ import annotations

import datetime as dt

from seeops.automation.models import StepRun, WorkflowRun
from seeops.automation.workflow_states import StepState
from seeops.automation.workflows.settled import Settled


class Driver:
    """A step that is there from its beginning on, perhaps for a limited time, until `look` says how it ended."""

    begins_as = StepState.RUNNING

    def seconds(self, run: WorkflowRun, step: StepRun) -> float | None:
        """After how long the step is due; None without a limit."""
        return None

    def begin(self, run: WorkflowRun, step: StepRun) -> Settled | None:
        seconds = self.seconds(run, step)
        step.state = self.begins_as
        step.due_at = None if seconds is None else step.started_at + dt.timedelta(seconds=seconds)
        return None

    def look(self, run: WorkflowRun, step: StepRun) -> Settled | None:
        return None

    def stop(self, run: WorkflowRun, step: StepRun) -> Settled | None:
        return Settled(StepState.CANCELLED)
