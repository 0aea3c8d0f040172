"""Writes of the trading calendar and the freezes, and the intervals that follow from both.

Whoever changes a rule, a correction of the calendar or the policy has all intervals computed anew: they are what the guard and the
database's trigger read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext as _

from seeops.accounts import rights
from seeops.audit import services as audit
from seeops.changes import calendar, exchange
from seeops.changes.models import CalendarDay, ChangePolicy, FreezeInterval, FreezeRule
from seeops.core.clock import now, shanghai
from seeops.core.errors import InvalidInput
from seeops.core.live import announce

HORIZON = dt.timedelta(days=400)
RENEW_BEFORE = dt.timedelta(days=60)
_EXPAND_LOCK = 0x5EE0_0002
RULE_FIELDS = (
    "title", "reason", "kind", "enabled", "starts_at", "ends_at", "from_time", "until_time", "first_month", "first_day",
    "last_month", "last_day", "sessions", "break_days", "everywhere",
)  # fmt: skip
SCOPES = ("services", "domains", "chains")


def trading_calendar() -> calendar.TradingCalendar:
    """What the exchange announced, with the corrections made here."""
    days, first, last = exchange.announced()
    return calendar.TradingCalendar(days, first, last, dict(CalendarDay.objects.values_list("day", "trading")))


@transaction.atomic
def policy_set(
    *, actor: Any, calendar_in_force: bool, approval_valid_h: int, break_glass_h: int, reason: str
) -> ChangePolicy:
    """Change the settings of change control. Raises Forbidden, InvalidInput."""
    rights.require(actor, "change.control")
    _need_reason(reason)
    policy = ChangePolicy.load()
    before = _of_policy(policy)
    policy.calendar_in_force = calendar_in_force
    policy.approval_valid_h, policy.break_glass_h = approval_valid_h, break_glass_h
    _clean(policy)
    policy.save()
    audit.record(
        actor=actor, action="change.policy", obj=policy, reason=reason, before=before, after=_of_policy(policy)
    )
    expand_all()
    return policy


@transaction.atomic
def day_set(*, actor: Any, day: dt.date, trading: bool, note: str) -> CalendarDay:
    """Say that a day is, or is not, a trading day, whatever was announced."""
    rights.require(actor, "change.control")
    _need_reason(note)
    row = CalendarDay.objects.filter(day=day).first() or CalendarDay(day=day)
    before = {"trading": row.trading, "note": row.note} if row.pk else None
    row.trading, row.note = trading, note.strip()
    _clean(row)
    row.save()
    audit.record(
        actor=actor, action="change.calendar_day", obj=row, reason=note, before=before, after={"trading": trading}
    )
    expand_all()
    return row


@transaction.atomic
def day_remove(*, actor: Any, day: CalendarDay) -> None:
    """What was announced holds again."""
    rights.require(actor, "change.control")
    audit.record(actor=actor, action="change.calendar_day_remove", obj=day, before={"trading": day.trading})
    day.delete()
    expand_all()


@transaction.atomic
def rule_save(
    *, actor: Any, rule: FreezeRule | None, values: dict[str, Any], scope: dict[str, Iterable[Any]], reason: str
) -> FreezeRule:
    """Make a freeze or change one. `values` are its fields, `scope` its services, domains and chains."""
    rights.require(actor, "change.control")
    _need_reason(reason)
    before = _of_rule(rule) if rule else None
    rule = rule or FreezeRule()
    for name in RULE_FIELDS:
        if name in values:
            setattr(rule, name, values[name])
    chosen = {name: list(scope.get(name, ())) for name in SCOPES}
    if not rule.everywhere and not any(chosen.values()):
        raise InvalidInput(
            _("The freeze holds nowhere: choose services, business lines or chains, or everywhere."), field="services"
        )
    _clean(rule)
    rule.save()
    for name, rows in chosen.items():
        getattr(rule, name).set([] if rule.everywhere else rows)
    audit.record(actor=actor, action="change.freeze", obj=rule, reason=reason, before=before, after=_of_rule(rule))
    expand_all()
    return rule


@transaction.atomic
def rule_remove(*, actor: Any, rule: FreezeRule, reason: str) -> None:
    """End a freeze for good; the audit log keeps what it was."""
    rights.require(actor, "change.control")
    _need_reason(reason)
    audit.record(actor=actor, action="change.freeze_remove", obj=rule, reason=reason, before=_of_rule(rule))
    rule.delete()
    expand_all()


@transaction.atomic
def expand_all(since: dt.datetime | None = None) -> int:
    """Compute every interval anew, from yesterday to the horizon. Returns how many there are."""
    moment = since or now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_EXPAND_LOCK])
    policy = ChangePolicy.load()
    rules = [rule for rule in FreezeRule.objects.filter(enabled=True) if policy.calendar_in_force or not rule.recurring]
    first = shanghai(moment).date() - calendar.DAY
    last = shanghai(moment + HORIZON).date()
    needed = any(rule.kind in (calendar.SESSION, calendar.BEFORE_BREAK) for rule in rules)
    known = trading_calendar() if needed else calendar.TradingCalendar(frozenset(), first, last)
    rows = [
        FreezeInterval(rule=rule, starts_at=item.start, ends_at=item.end)
        for rule in rules
        for item in calendar.expand(rule.recurrence, known, first, last)
    ]
    FreezeInterval.objects.all().delete()
    FreezeInterval.objects.bulk_create(rows, batch_size=1000)
    ChangePolicy.objects.filter(pk=1).update(expanded_until=moment + HORIZON)
    announce("tickets")
    return len(rows)


def keep_expanded(moment: dt.datetime) -> None:
    """Expand anew when the intervals do not reach far enough ahead any more. Run by the clock and asked by the guard."""
    until = ChangePolicy.load().expanded_until
    if until is None or until < moment + RENEW_BEFORE:
        expand_all(moment)


def _need_reason(reason: str) -> None:
    if not reason.strip():
        raise InvalidInput(_("The reason is missing: say why."), field="reason")


def _clean(row: Any) -> None:
    try:
        row.full_clean()
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        text = " ".join(messages)
        if name == "__all__":
            text = _("The times are not complete or not in order: %(why)s") % {"why": text}
        raise InvalidInput(text, field=name) from error


def _of_policy(policy: ChangePolicy) -> dict[str, Any]:
    return {name: getattr(policy, name) for name in ("calendar_in_force", "approval_valid_h", "break_glass_h")}


def _of_rule(rule: FreezeRule) -> dict[str, Any]:
    scope = {name: sorted(str(row) for row in getattr(rule, name).all()) for name in SCOPES} if rule.pk else {}
    return {name: getattr(rule, name) for name in RULE_FIELDS} | scope
