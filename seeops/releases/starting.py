"""How a release starts: at once, or in its turn when somebody else holds what it needs.

Whatever is checked when a person asks is checked again when the turn has come. What is refused then is not tried behind the
person's back at another moment: the release is ready again and says why.
"""

from __future__ import annotations

import logging
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from seeops.accounts import rights
from seeops.changes import services as changes
from seeops.core.clock import now
from seeops.core.errors import Conflict, RuleViolation, SeeOpsError
from seeops.inventory import locks
from seeops.releases import holds, journal, planning, simulation, states
from seeops.releases.models import Release
from seeops.releases.steps import locked, named, poke_engine, record, taken, write

log = logging.getLogger(__name__)


class _Occupied(Exception):
    """Somebody else holds what the release needs: `stored` for its page, `said` for who asks."""

    def __init__(self, stored: str, said: str) -> None:
        super().__init__(stored)
        self.stored, self.said = stored, said


@transaction.atomic
def release_start(*, actor: Any, release: Release) -> Release:
    """Begin an approved release, or let it wait its turn if its plan says so. Raises RuleViolation without approval, outside of
    the window or when the estate has moved away from the plan; Conflict when somebody else holds its services or nodes."""
    release = locked(release)
    if release.state != states.READY:
        raise RuleViolation(_("%(release)s is %(state)s: it cannot be started.") % named(release))
    try:
        with transaction.atomic():
            return _begin(actor, release)
    except _Occupied as occupied:
        if release.plan.get("policy", {}).get("locks") != "queue":
            raise Conflict(occupied.said) from occupied
        release = locked(release)
        changed = write(release, states.QUEUED, occupied.stored, queued_at=now(), started_by=actor)
        return record(changed, actor, "queue", states.READY)


def _begin(actor: Any, release: Release) -> Release:
    """Check everything and start; raises _Occupied when only the locks are missing."""
    rights.require(actor, "release.start", release)
    before = release.state
    planning.check_still_true(release.plan, [part.version for part in release.parts.all()])
    changes.ticket_execution_begin(actor=actor, ticket=release.ticket, plan_digest=release.plan_digest)
    if ahead := _ahead_of(release):
        raise _Occupied(
            gettext_noop("waits for its turn behind %(owner)s") % {"owner": ahead.number},
            _("%(other)s waits for the same services or nodes and comes first.") % {"other": ahead.number},
        )
    got = holds.take(release)
    if isinstance(got, locks.Busy):
        raise _Occupied(holds.waits_for(got), got.sentence)
    simulation.require_possible(release.plan, [part.service for part in release.parts.all()])
    try:
        with transaction.atomic():
            changed = write(
                release, states.RUNNING, gettext_noop("started"), started_at=now(), started_by=actor,
                lock_fence=got.fence, queued_at=None,
            )  # fmt: skip
    except IntegrityError as error:
        raise taken(release) from error
    details = {"plan_digest": release.plan_digest, "ticket": release.ticket.number}
    record(changed, actor, "start", before, details=details)
    poke_engine(release)
    return changed


def _ahead_of(release: Release) -> Release | None:
    """A release that asked earlier and wants something that this one wants."""
    waiting = Release.objects.filter(state=states.QUEUED).exclude(pk=release.pk).order_by("queued_at", "pk")
    if release.queued_at is not None:
        waiting = waiting.filter(queued_at__lt=release.queued_at)
    mine = set(holds.wanted(release))
    for other in waiting.prefetch_related("parts__service").defer("plan"):
        if not mine.isdisjoint(holds.wanted(other)):
            return other
    return None


def start_queued() -> None:
    """Start every waiting release whose turn has come, in the order of asking."""
    waiting = Release.objects.filter(state=states.QUEUED).order_by("queued_at", "pk")
    for pk in list(waiting.values_list("pk", flat=True)):
        try:
            _start_one(pk)
        except Exception:  # what breaks one of them must not keep the others waiting
            log.exception("a waiting release could not be started", extra={"release": pk})


@transaction.atomic
def _start_one(pk: int) -> None:
    release = locked(Release(pk=pk))
    if release.state != states.QUEUED:
        return
    try:
        with transaction.atomic():
            _begin(release.started_by, release)
        return
    except _Occupied as occupied:
        Release.objects.filter(pk=pk).exclude(state_reason=occupied.stored).update(state_reason=occupied.stored)
        return
    except SeeOpsError as error:
        problem = str(error)
    release = locked(release)
    text = gettext_noop("its turn came, but it was not started: %(why)s") % {"why": problem}
    changed = write(release, states.READY, text, queued_at=None, started_by=None)
    record(changed, journal.engine(), "unqueue", states.QUEUED)
