"""Workflows by the clock: making schedules of approved versions. `clockwork` starts them when they are due."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from seeops.accounts import rights
from seeops.audit import services as audit
from seeops.automation.clockwork import Kind, check, next_moment
from seeops.automation.models import Schedule, ScheduleMoment, WorkflowRun, WorkflowVersion
from seeops.automation.workflows import commands
from seeops.automation.workflows.known import given_inputs
from seeops.core.errors import RuleViolation
from seeops.core.live import announce


def _start(schedule: Schedule) -> WorkflowRun:
    return commands.workflow_start(
        actor=schedule.created_by, version=schedule.version, inputs=schedule.inputs, reason=schedule.reason
    )


WORKFLOWS = Kind(
    model=Schedule, related=("version__workflow", "created_by"), start=_start,
    keep=lambda schedule, **moment: ScheduleMoment.objects.create(schedule=schedule, **moment),
    right="workflow.run", action="workflow.schedule", topic="workflows",
)  # fmt: skip


@transaction.atomic
def schedule_make(
    *, actor: Any, version: WorkflowVersion, expression: str, trading_days_only: bool, missed: str, inputs: dict[str, Any],
    reason: str,
) -> Schedule:  # fmt: skip
    """Have an approved version run by the clock of Shanghai. Raises Forbidden, InvalidInput, RuleViolation."""
    rights.require(actor, WORKFLOWS.right)
    if version.state != "approved":
        raise RuleViolation(
            _("%(version)s is not approved: only an approved version is scheduled.") % {"version": version}
        )
    check(reason, missed)
    given_inputs(version.definition, inputs)
    schedule = Schedule.objects.create(
        version=version, expression=expression.strip()[:100], trading_days_only=trading_days_only, missed=missed, inputs=inputs,
        reason=reason[:300], created_by=actor, next_at=next_moment(expression.strip(), trading_days_only),
    )  # fmt: skip
    audit.record(
        actor=actor, action=WORKFLOWS.action, obj=schedule, reason=reason,
        after={"version": str(version), "expression": schedule.expression, "trading_days_only": trading_days_only},
    )  # fmt: skip
    announce(WORKFLOWS.topic)
    return schedule
