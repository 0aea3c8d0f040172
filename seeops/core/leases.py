"""Leases with a fencing epoch: who works on a row, until when, and how a late writer is refused.

A worker claims a row for some seconds and gets an epoch. Every write it makes names that epoch; when the lease ran out and
another worker claimed the row, the epoch has moved on and the late write changes nothing.
"""

from __future__ import annotations

import datetime as dt
import os
import socket
import uuid

from django.db import models
from django.db.models import F, Q

from seeops.core.clock import now
from seeops.core.errors import Conflict


class LeaseLost(Conflict):
    """The row was claimed by another worker; what this one knows is out of date."""

    code = "lease_lost"


class Leased(models.Model):
    """Columns of a row that workers claim."""

    owner = models.CharField(max_length=120, blank=True, default="")
    epoch = models.PositiveBigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


def new_owner() -> str:
    """A name for this worker that no other process ever had."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def claim(model: type[Leased], pk: int, *, owner: str, seconds: float) -> int | None:
    """Take the lease of row `pk` if it is free or run out. Returns the new epoch, or None when somebody else holds it."""
    moment = now()
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=moment)
    taken = model.objects.filter(Q(pk=pk) & free).update(
        owner=owner, epoch=F("epoch") + 1, lease_until=moment + dt.timedelta(seconds=seconds)
    )
    if not taken:
        return None
    epoch: int = model.objects.filter(pk=pk, owner=owner).values_list("epoch", flat=True).get()
    return epoch


def renew(model: type[Leased], pk: int, *, epoch: int, seconds: float) -> None:
    """Prolong the lease. Raises LeaseLost when the epoch has moved on."""
    write(model, pk, epoch=epoch, lease_until=now() + dt.timedelta(seconds=seconds))


def release(model: type[Leased], pk: int, *, epoch: int) -> bool:
    """Give the lease back. False when it was lost already."""
    return bool(model.objects.filter(pk=pk, epoch=epoch).update(owner="", lease_until=None))


def write(model: type[Leased], pk: int, *, epoch: int, **values: object) -> None:
    """Write `values` only if the epoch still holds. Raises LeaseLost otherwise."""
    if not model.objects.filter(pk=pk, epoch=epoch).update(**values):
        raise LeaseLost(f"{model.__name__} {pk}: epoch {epoch} is out of date, another worker has claimed it.")
