"""Making schedules and starting what is due. Two beats, or two workers, start a moment once: the row is locked and moved on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from seeops.accounts import rights
from seeops.audit import services as audit
from seeops.automation import timing
from seeops.automation.models import Missed, Outcome, Schedule, ScheduleMoment, WorkflowVersion
from seeops.automation.workflows import commands
from seeops.automation.workflows.known import given_inputs
from seeops.changes.freezes import trading_calendar
from seeops.core.clock import now
from seeops.core.errors import InvalidInput, RuleViolation, SeeOpsError
from seeops.core.live import announce

GRACE = dt.timedelta(minutes=2)
SHOWN = 3


def _trading(only: bool) -> Callable[[dt.date], bool] | None:
    return trading_calendar().maybe_trading if only else None


@transaction.atomic
def schedule_make(
    *, actor: Any, version: WorkflowVersion, expression: str, trading_days_only: bool, missed: str, inputs: dict[str, Any],
    reason: str,
) -> Schedule:  # fmt: skip
    """Have an approved version run by the clock of Shanghai. Raises Forbidden, InvalidInput, RuleViolation."""
    rights.require(actor, "workflow.run")
    if version.state != "approved":
        raise RuleViolation(
            _("%(version)s is not approved: only an approved version is scheduled.") % {"version": version}
        )
    if not reason.strip():
        raise InvalidInput(_("The reason is missing: say why this is done."), field="reason")
    if missed not in Missed.values:
        raise InvalidInput(_("Choose what happens to a missed moment."), field="missed")
    given_inputs(version.definition, inputs)
    schedule = Schedule.objects.create(
        version=version, expression=expression.strip()[:100], trading_days_only=trading_days_only, missed=missed, inputs=inputs,
        reason=reason[:300], created_by=actor, next_at=_next(expression.strip(), trading_days_only),
    )  # fmt: skip
    audit.record(
        actor=actor, action="workflow.schedule", obj=schedule, reason=reason,
        after={"version": str(version), "expression": schedule.expression, "trading_days_only": trading_days_only},
    )  # fmt: skip
    announce("workflows")
    return schedule


def _next(expression: str, trading_days_only: bool) -> dt.datetime:
    try:
        return timing.next_due(expression, now(), trading=_trading(trading_days_only))
    except timing.BadExpression as error:
        raise InvalidInput(
            _("%(error)s: write minute, hour, day, month, weekday.") % {"error": error}, field="expression"
        ) from error


@transaction.atomic
def schedule_switch(*, actor: Any, schedule: Schedule, enabled: bool, reason: str) -> None:
    """Stop a schedule, or let it go on; what was due meanwhile is left out."""
    rights.require(actor, "workflow.run")
    schedule = Schedule.objects.select_for_update().get(pk=schedule.pk)
    schedule.enabled = enabled
    schedule.next_at = _next(schedule.expression, schedule.trading_days_only) if enabled else None
    schedule.save(update_fields=["enabled", "next_at"])
    audit.record(actor=actor, action="workflow.schedule", obj=schedule, reason=reason, after={"enabled": enabled})
    announce("workflows")


def upcoming(schedule: Schedule) -> list[dt.datetime]:
    """The next moments of an enabled schedule."""
    if not schedule.enabled or schedule.next_at is None:
        return []
    trading = _trading(schedule.trading_days_only)
    return [schedule.next_at, *timing.upcoming(schedule.expression, schedule.next_at, SHOWN - 1, trading=trading)]


def start_due() -> int:
    """Start everything that is due. Returns how many moments were settled."""
    due = Schedule.objects.filter(enabled=True, next_at__lte=now()).values_list("pk", flat=True)
    return sum(_settle(pk) for pk in due)


@transaction.atomic
def _settle(pk: int) -> int:
    """Settle the moment at which one schedule is due; of several missed ones the last counts for all."""
    moment = now()
    waiting = Schedule.objects.select_for_update(skip_locked=True, of=("self",)).select_related(
        "version__workflow", "created_by"
    )
    schedule = waiting.filter(pk=pk, enabled=True, next_at__lte=moment).first()
    if schedule is None or schedule.next_at is None:
        return 0
    due, run, outcome, text = schedule.next_at, None, Outcome.STARTED, ""
    schedule.next_at = _next(schedule.expression, schedule.trading_days_only)
    schedule.save(update_fields=["next_at"])
    if moment - due > GRACE and schedule.missed == Missed.SKIP:
        outcome = Outcome.MISSED
    else:
        try:
            run = commands.workflow_start(
                actor=schedule.created_by, version=schedule.version, inputs=schedule.inputs, reason=schedule.reason
            )
        except SeeOpsError as error:
            outcome, text = Outcome.REFUSED, str(error)[:400]
    ScheduleMoment.objects.create(schedule=schedule, due_at=due, at=moment, outcome=outcome, text=text, run=run)
    announce("workflows")
    return 1
