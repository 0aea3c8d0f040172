"""The process of a step, seen from the engine: started once, looked after, ended."""

from __future__ import annotations

import datetime as dt

from seeops.automation import process
from seeops.automation.models import StepRun
from seeops.automation.workflow_states import StepState
from seeops.core.clock import now

SPAWN_AGAIN = dt.timedelta(seconds=8)
SILENT = dt.timedelta(seconds=8)
MODULE = "seeops.automation.workflows.step_process"


def start(step: StepRun) -> bool:
    """Start the process; of two callers at once one starts it, and a process too many finds nothing to claim."""
    moment = now()
    waiting = StepRun.objects.filter(pk=step.pk, state=StepState.STARTING)
    due = waiting.filter(spawned_at__isnull=True) | waiting.filter(spawned_at__lt=moment - SPAWN_AGAIN)
    if not due.update(spawned_at=moment):
        return False
    process.spawn(step.pk, MODULE)
    return True


def gone(step: StepRun) -> bool:
    """A process that can be looked at is gone when it is not there; any other when it has been silent too long."""
    if process.here(step):
        return not process.alive(step)
    return step.heartbeat_at is None or now() - step.heartbeat_at > SILENT


def forestall(step: StepRun) -> bool:
    """Take the step from a process that has not claimed it yet: it will find nothing to do. False when one has."""
    return bool(StepRun.objects.filter(pk=step.pk, state=StepState.STARTING).update(state=StepState.LOST))


def end(step: StepRun) -> bool:
    """Kill the step's process. False when it is gone already."""
    return process.end(step)
