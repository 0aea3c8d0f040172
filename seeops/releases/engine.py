"""Advances releases. Level-triggered: looks at the row, does what is due, and can be killed anywhere in between.

A poke names a release; the reconciler pokes every active one every two seconds. Whoever comes first takes the lease; the lease
of a killed worker runs out after LEASE_S.
"""

from __future__ import annotations

import logging

from seeops.core import leases
from seeops.core.clock import now
from seeops.releases import forward, rollback, states
from seeops.releases.fencing import LEASE_S
from seeops.releases.models import Release

log = logging.getLogger(__name__)
MOST_STEPS = 12


def advance(release_id: int) -> bool:
    """Take every step that is due. False when somebody else has the release, or nothing is to be done."""
    epoch = leases.claim(Release, release_id, owner=leases.new_owner(), seconds=LEASE_S)
    if epoch is None:
        return False
    Release.objects.filter(pk=release_id, epoch=epoch).update(looked_at=now())
    try:
        for _step in range(MOST_STEPS):
            release = _load(release_id, epoch)
            if release is None or not _step_of(release):
                return True
        return True
    except leases.LeaseLost as error:
        log.info("release was taken over", extra={"release": release_id, "why": str(error)})
        return False
    finally:
        leases.release(Release, release_id, epoch=epoch)


def _load(release_id: int, epoch: int) -> Release | None:
    return (
        Release.objects.select_related("service", "version", "ticket")
        .filter(pk=release_id, epoch=epoch, state__in=states.ACTIVE)
        .first()
    )


def _step_of(release: Release) -> bool:
    if release.state == states.RUNNING:
        return forward.advance(release)
    if release.state == states.ROLLING_BACK:
        return rollback.advance(release)
    return False


def active() -> list[int]:
    """Releases that somebody must look at."""
    return list(Release.objects.filter(state__in=(states.RUNNING, states.ROLLING_BACK)).values_list("pk", flat=True))
