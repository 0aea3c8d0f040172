"""Writes of alerts: what Alertmanager reports becomes groups, and people acknowledge, silence and resolve them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from seeops.accounts import rights
from seeops.accounts.models import Person
from seeops.alerts import intake
from seeops.alerts.intake import Counts, log
from seeops.alerts.models import AlertGroup, EventKind, GroupState
from seeops.alerts.payload import Notice
from seeops.audit import services as audit
from seeops.core.clock import now
from seeops.core.errors import InvalidInput, RuleViolation
from seeops.core.live import announce

LONGEST_SILENCE = dt.timedelta(hours=24)


@transaction.atomic
def notices_receive(*, actor: Person, notices: Iterable[Notice]) -> Counts:
    """Take in reports of Alertmanager, repeated or out of order as they may be."""
    rights.require(actor, "alert.receive")
    return intake.take_in(notices)


@transaction.atomic
def alerts_reconcile(*, actor: Person, held: Iterable[Notice], asked_at: dt.datetime) -> Counts:
    """Make our alerts equal to those that Alertmanager holds: what it lists fires, what it does not list has ended.

    `asked_at` is when it was asked: alerts that were reported since are left alone.
    """
    rights.require(actor, "alert.receive")
    return intake.reconcile(held, asked_at)


@transaction.atomic
def group_acknowledge(*, actor: Person, group: AlertGroup, note: str = "") -> AlertGroup:
    """Somebody looks after it. Raises RuleViolation when it is not firing."""
    rights.require(actor, "alert.acknowledge")
    group = _locked(group)
    if group.state not in (GroupState.FIRING, GroupState.SILENCED):
        raise RuleViolation(
            _("“%(group)s” is %(state)s already: there is nothing to acknowledge.")
            % {"group": group, "state": group.get_state_display()}
        )
    before = group.as_audit()
    group.state, group.acknowledged_at, group.acknowledged_by = GroupState.ACKNOWLEDGED, now(), actor
    group.silenced_until = None
    return _decided(group, actor, EventKind.ACKNOWLEDGED, note, before)


@transaction.atomic
def group_resolve(*, actor: Person, group: AlertGroup, note: str) -> AlertGroup:
    """Close it by hand, with a note on what was done. If its alerts still fire after five minutes, a new group opens."""
    rights.require(actor, "alert.resolve")
    if not note.strip():
        raise InvalidInput(_("Say in the note what was done: the next person will read it."), field="note")
    group = _locked(group)
    if group.open is None:
        raise RuleViolation(_("“%(group)s” is resolved already.") % {"group": group})
    before = group.as_audit()
    group.state, group.open, group.resolved_at, group.resolved_by = GroupState.RESOLVED, None, now(), actor
    return _decided(group, actor, EventKind.RESOLVED, note, before)


@transaction.atomic
def group_silence(*, actor: Person, group: AlertGroup, minutes: int, note: str) -> AlertGroup:
    """Do not count it for some minutes (at most a day). It stays open, and comes back by itself."""
    rights.require(actor, "alert.silence")
    span = dt.timedelta(minutes=minutes)
    if not dt.timedelta(0) < span <= LONGEST_SILENCE:
        raise InvalidInput(_("A silence lasts between one minute and a day."), field="minutes")
    if not note.strip():
        raise InvalidInput(_("Say in the note why nobody needs to look."), field="note")
    group = _locked(group)
    if group.open is None:
        raise RuleViolation(_("“%(group)s” is resolved already.") % {"group": group})
    before = group.as_audit()
    group.state, group.silenced_until = GroupState.SILENCED, now() + span
    return _decided(group, actor, EventKind.SILENCED, note, before)


def _locked(group: AlertGroup) -> AlertGroup:
    return AlertGroup.objects.select_for_update().get(pk=group.pk)


def _decided(group: AlertGroup, actor: Person, kind: str, note: str, before: dict[str, Any]) -> AlertGroup:
    group.save()
    log(group, kind, actor=actor, note=note)
    audit.record(actor=actor, action=f"alert.{kind}", obj=group, reason=note, before=before, after=group.as_audit())
    announce("alerts", f"alert-{group.pk}")
    return group


@transaction.atomic
def silences_wake() -> int:
    """Groups whose silence has run out fire again. Returns how many."""
    groups = list(
        AlertGroup.objects.select_for_update(skip_locked=True).filter(
            state=GroupState.SILENCED, silenced_until__lte=now()
        )
    )
    for group in groups:
        group.state, group.silenced_until = GroupState.FIRING, None
        group.save()
        log(group, EventKind.WOKEN)
    if groups:
        announce("alerts", *(f"alert-{group.pk}" for group in groups))
    return len(groups)
