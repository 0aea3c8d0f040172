"""What runs by the clock of Shanghai: the next moments of a schedule, and settling a due one exactly once.

Two beats, or two workers, start a moment once: the row is locked and moved on in the transaction that starts the run. Workflows
(`scheduling`) and playbooks (`booking`) say what starting means for them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Model
from django.utils.translation import gettext as _

from seeops.accounts import rights
from seeops.audit import services as audit
from seeops.automation import timing
from seeops.automation.models import Booking, Missed, Outcome, Schedule
from seeops.changes.freezes import trading_calendar
from seeops.core.clock import now
from seeops.core.errors import InvalidInput, SeeOpsError
from seeops.core.live import announce

GRACE = dt.timedelta(minutes=2)
SHOWN = 3
Timed = Schedule | Booking


@dataclass(frozen=True)
class Kind:
    """One kind of schedule. `start` gives the run of a due one, or raises SeeOpsError; `keep` stores what became of the moment."""

    model: type[Timed]
    related: tuple[str, ...]
    start: Callable[[Any], Model]
    keep: Callable[..., object]
    right: str
    action: str
    topic: str


def check(reason: str, missed: str) -> None:
    """What every schedule must say. Raises InvalidInput."""
    if not reason.strip():
        raise InvalidInput(_("The reason is missing: say why this is done."), field="reason")
    if missed not in Missed.values:
        raise InvalidInput(_("Choose what happens to a missed moment."), field="missed")


def _trading(only: bool) -> Callable[[dt.date], bool] | None:
    return trading_calendar().maybe_trading if only else None


def next_moment(expression: str, trading_days_only: bool) -> dt.datetime:
    """Raises InvalidInput for an expression that cannot be read."""
    try:
        return timing.next_due(expression, now(), trading=_trading(trading_days_only))
    except timing.BadExpression as error:
        raise InvalidInput(
            _("%(error)s: write minute, hour, day, month, weekday.") % {"error": error}, field="expression"
        ) from error


def upcoming(item: Timed) -> list[dt.datetime]:
    """The next moments of an enabled schedule."""
    if not item.enabled or item.next_at is None:
        return []
    trading = _trading(item.trading_days_only)
    return [item.next_at, *timing.upcoming(item.expression, item.next_at, SHOWN - 1, trading=trading)]


@transaction.atomic
def switch(kind: Kind, *, actor: Any, item: Timed, enabled: bool, reason: str) -> None:
    """Stop a schedule, or let it go on; what was due meanwhile is left out. Raises Forbidden."""
    rights.require(actor, kind.right)
    item = kind.model.objects.select_for_update().get(pk=item.pk)
    item.enabled = enabled
    item.next_at = next_moment(item.expression, item.trading_days_only) if enabled else None
    item.save(update_fields=["enabled", "next_at"])
    audit.record(actor=actor, action=kind.action, obj=item, reason=reason, after={"enabled": enabled})
    announce(kind.topic)


def start_due(kind: Kind) -> int:
    """Start everything that is due. Returns how many moments were settled."""
    due = kind.model.objects.filter(enabled=True, next_at__lte=now()).values_list("pk", flat=True)
    return sum(_settle(kind, pk) for pk in due)


@transaction.atomic
def _settle(kind: Kind, pk: int) -> int:
    """Settle the moment at which one schedule is due; of several missed ones the last counts for all."""
    moment = now()
    waiting = kind.model.objects.select_for_update(skip_locked=True, of=("self",)).select_related(*kind.related)
    item = waiting.filter(pk=pk, enabled=True, next_at__lte=moment).first()
    if item is None or item.next_at is None:
        return 0
    due, run, outcome, text = item.next_at, None, Outcome.STARTED, ""
    item.next_at = next_moment(item.expression, item.trading_days_only)
    item.save(update_fields=["next_at"])
    if moment - due > GRACE and item.missed == Missed.SKIP:
        outcome = Outcome.MISSED
    else:
        try:
            with transaction.atomic():  # a refusal leaves nothing of the run behind
                run = kind.start(item)
        except SeeOpsError as error:
            outcome, text = Outcome.REFUSED, str(error)[:400]
    kind.keep(item, due_at=due, at=moment, outcome=outcome, text=text, run=run)
    announce(kind.topic)
    return 1
