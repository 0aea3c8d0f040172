"""The locks of a release: its services, its nodes and their shards, from its start to its end."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _  # stored in English, read by core.sentences

from seeops.core import leases
from seeops.core.sequence import next_epoch
from seeops.inventory import locks
from seeops.inventory.models import LockScope, Node
from seeops.releases import states
from seeops.releases.models import Release


def wanted(release: Release) -> list[locks.Wanted]:
    """Everything that the release must hold."""
    services = [(LockScope.SERVICE.value, part.service.name) for part in release.parts.all()]
    nodes = Node.objects.filter(batch_nodes__release=release).only("name", "shard")
    return services + locks.of_nodes(nodes)


def take(release: Release) -> locks.Taken | locks.Busy:
    """Take all of them, or none."""
    return locks.acquire(
        owner=release.number, wanted=wanted(release), fence=next_epoch(), reason=release.title,
        url=f"/releases/{release.pk}/",
    )  # fmt: skip


def keep(release: Release) -> str:
    """Renew what the release holds, under the lease of the worker that looks after it. Empty when all is held; else who took
    it over while nobody looked."""
    if release.lock_fence is not None and locks.renew(release.number, release.lock_fence):
        return ""
    got = take(release)
    if isinstance(got, locks.Busy):
        return waits_for(got)
    leases.write(Release, release.pk, epoch=release.epoch, lock_fence=got.fence)
    release.lock_fence = got.fence
    return ""


def keep_holding() -> None:
    """Renew what releases hold that wait for a person: no worker advances them."""
    for number, fence in Release.objects.filter(state=states.HOLDING, lock_fence__isnull=False).values_list(
        "number", "lock_fence"
    ):
        locks.renew(number, fence)


def waits_for(busy: locks.Busy) -> str:
    """Whom it waits for, as a sentence that is stored."""
    if not busy.locks:
        return _("waits for others who are taking the same locks")
    first = busy.locks[0]
    return _("waits for %(owner)s, which holds %(scope)s %(name)s") % {
        "owner": busy.owner, "scope": first.scope, "name": first.name,
    }  # fmt: skip
