"""Carries work of a process to its end, whatever dies meanwhile: one step at a time, under a lease."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from seeops.accounts.selectors import machine
from seeops.audit import services as audit
from seeops.capacity import process
from seeops.capacity.models import Supervised, WorkState
from seeops.core import leases
from seeops.core.clock import now
from seeops.core.live import announce

LEASE_S = 20.0


@dataclass(frozen=True)
class Duty:
    """What differs between the kinds of work.

    `arguments`: the command line of the process; `conclude`: columns from a report; `bury`: columns of work whose process died, after
    cleaning up behind it; `unbegun`: columns of work that was stopped before it began; `longest`: from this age on it hangs.
    """

    model: type[Supervised]
    action: str
    topics: Callable[[Supervised], tuple[str, ...]]
    arguments: Callable[[Any], list[str]]
    conclude: Callable[[Any, dict[str, Any]], dict[str, Any]]
    bury: Callable[[Any, str], dict[str, Any]]
    unbegun: Callable[[], dict[str, Any]]
    longest: dt.timedelta


def advance(duty: Duty, pk: int) -> None:
    """One step: start the process, take its report over, or clean up after its death. Safe at any time, from any worker."""
    epoch = leases.claim(duty.model, pk, owner=leases.new_owner(), seconds=LEASE_S)
    if epoch is None:
        return
    work = duty.model.objects.get(pk=pk)
    try:
        _step(duty, work, epoch)
    finally:
        leases.release(duty.model, pk, epoch=epoch)


def _step(duty: Duty, work: Supervised, epoch: int) -> None:
    if work.state == WorkState.ENDED:
        return
    if _take_report(duty, work, epoch):
        return
    if work.pid is None:
        _begin(duty, work, epoch)
    elif not process.alive(work):
        if not _take_report(duty, work, epoch):  # it may have appeared between the two looks
            _bury(duty, work, epoch)
    elif now() - work.created_at > duty.longest:
        process.kill(work)
        _bury(duty, work, epoch)
    else:
        announce(*duty.topics(work)[1:])


def _take_report(duty: Duty, work: Supervised, epoch: int) -> bool:
    found = process.report(work)
    if found is None:
        return False
    report, digest = found
    _end(duty, work, epoch, {**duty.conclude(work, report), "report": report, "report_sha256": digest})
    return True


def _begin(duty: Duty, work: Supervised, epoch: int) -> None:
    """Work that was stopped before it began ends without having touched anything."""
    if work.state == WorkState.STOPPING:
        _end(duty, work, epoch, duty.unbegun())
        return
    leases.write(duty.model, work.pk, epoch=epoch, **process.spawn(work, duty.arguments(work)))
    # Whoever asked for a stop meanwhile is not overruled.
    duty.model.objects.filter(pk=work.pk, epoch=epoch, state=WorkState.STARTING).update(state=WorkState.RUNNING)
    announce(*duty.topics(work))


def _bury(duty: Duty, work: Supervised, epoch: int) -> None:
    """The process died without a report: show it as lost, clean up behind it, then end it as unknown."""
    if work.state != WorkState.LOST:
        leases.write(duty.model, work.pk, epoch=epoch, state=WorkState.LOST)
        announce(*duty.topics(work))
    _end(duty, work, epoch, duty.bury(work, process.last_words(work)))


def _end(duty: Duty, work: Supervised, epoch: int, values: dict[str, Any]) -> None:
    with transaction.atomic():
        leases.write(duty.model, work.pk, epoch=epoch, **values, state=WorkState.ENDED, active=None, ended_at=now())
        work.refresh_from_db()
        audit.record(
            actor=machine("capacity-engine"),
            action=f"{duty.action}.end",
            obj=work,
            after={name: values[name] for name in values if name != "report"},
        )
        announce(*duty.topics(work))
