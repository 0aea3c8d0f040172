"""Every write of the engine happens under the run's lease, in one transaction with the proof that it still holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction

from seeops.automation import workflow_states as states
from seeops.automation.models import StepRun, WorkflowRun
from seeops.automation.workflows import journal
from seeops.core import leases

# Shorter than the ten seconds within which a killed worker's run must go on, longer than any single look.
LEASE_S = 7.0


@contextmanager
def fenced(run: WorkflowRun) -> Iterator[None]:
    """A transaction that holds the run's row. Raises LeaseLost when another worker or a person has taken over."""
    with transaction.atomic():
        leases.renew(WorkflowRun, run.pk, epoch=run.epoch, seconds=LEASE_S)
        yield


def run_to(run: WorkflowRun, state: str, text: str, *, step: StepRun | None = None, **values: Any) -> None:
    """Move the run to `state` (inside `fenced`) and record it. Raises ValueError for a step that the states forbid."""
    before = run.state
    if not states.may_follow(before, state):
        raise ValueError(f"{run.number}: {before} is not followed by {state}")
    leases.write(WorkflowRun, run.pk, epoch=run.epoch, state=state, state_reason=text[:400], **values)
    for name, value in {"state": state, "state_reason": text[:400], **values}.items():
        setattr(run, name, value)
    journal.note(run, text, actor=journal.engine(), action=state, step=step, before=before, after=state)


def step_to(run: WorkflowRun, step: StepRun, state: str, text: str, **values: Any) -> None:
    """Move an attempt to `state` (inside `fenced`) and record it."""
    before, step.state = step.state, state
    for name, value in values.items():
        setattr(step, name, value)
    step.save(update_fields=["state", *values])
    journal.note(run, text, actor=journal.engine(), action="step", step=step, before=before, after=state)
