"""Advances releases. Level-triggered: looks at the row, does what is due, and can be killed anywhere in between.

A poke names a release; the reconciler pokes every active one every two seconds. Whoever comes first takes the lease; the lease
of a killed worker runs out after LEASE_S.
"""

from __future__ import annotations

import logging

from django.utils.translation import gettext as _

from seeops.core import leases
from seeops.core.clock import now
from seeops.releases import forward, holds, rollback, states
from seeops.releases.fencing import LEASE_S, fenced, note, release_to
from seeops.releases.models import Release

log = logging.getLogger(__name__)
MOST_STEPS = 12
MOST_STUMBLES = 5


def advance(release_id: int) -> bool:
    """Take every step that is due. False when somebody else has the release, or nothing is to be done."""
    epoch = leases.claim(Release, release_id, owner=leases.new_owner(), seconds=LEASE_S)
    if epoch is None:
        return False
    Release.objects.filter(pk=release_id, epoch=epoch).update(looked_at=now())
    try:
        for _turn in range(MOST_STEPS):
            release = _load(release_id, epoch)
            again = release is not None and _step_of(release)
            if release is not None and release.stumbles:
                Release.objects.filter(pk=release_id, epoch=epoch).update(stumbles=0)
            if not again:
                return True
        return True
    except leases.LeaseLost as error:
        log.info("release was taken over", extra={"release": release_id, "why": str(error)})
        return False
    except Exception as error:  # noqa: BLE001 - whatever breaks a step must be seen on the release, and not stop the others
        log.exception("a step of the release broke", extra={"release": release_id})
        _stumble(release_id, epoch, error)
        return False
    finally:
        leases.release(Release, release_id, epoch=epoch)


def _stumble(release_id: int, epoch: int, error: Exception) -> None:
    """Show what broke; after MOST_STUMBLES in a row a running release holds, a roll-back is tried for ever."""
    release = _load(release_id, epoch)
    if release is None:
        return
    stumbles = release.stumbles + 1
    text = _("a step broke %(n)d times in a row: %(kind)s: %(error)s") % {
        "n": stumbles, "kind": type(error).__name__, "error": error,
    }  # fmt: skip
    with fenced(release):
        leases.write(Release, release_id, epoch=epoch, stumbles=stumbles, state_reason=text[:400])
        if release.state == states.RUNNING and stumbles >= MOST_STUMBLES:
            release_to(release, states.HOLDING, text, action="hold", stumbles=0, hold_kind=states.OF_STUMBLES)


def _load(release_id: int, epoch: int) -> Release | None:
    return (
        Release.objects.select_related("ticket")
        .prefetch_related("parts__service", "parts__version")
        .filter(pk=release_id, epoch=epoch, state__in=states.ACTIVE)
        .first()
    )


def _step_of(release: Release) -> bool:
    if release.state not in (states.RUNNING, states.ROLLING_BACK) or not _locks_kept(release):
        return False
    if release.state == states.RUNNING:
        return forward.advance(release)
    return rollback.advance(release)


def _locks_kept(release: Release) -> bool:
    """Nothing is done to nodes that somebody else took over while nobody looked after the release: what runs then holds for a
    person to look at, a roll-back waits until they are free."""
    problem = holds.keep(release)
    if not problem:
        return True
    with fenced(release):
        if release.state == states.RUNNING:
            release_to(release, states.HOLDING, problem, action="hold", hold_kind=states.OF_LOCKS)
        else:
            note(release, problem)
    return False


def active() -> list[int]:
    """Releases that somebody must look at."""
    return list(Release.objects.filter(state__in=(states.RUNNING, states.ROLLING_BACK)).values_list("pk", flat=True))
