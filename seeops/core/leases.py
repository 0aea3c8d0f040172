"""Leases with a fencing epoch: who works on a row, until when, and how a late writer is refused.

A worker claims a row for some seconds and gets an epoch. Every write it makes names that epoch; when the lease ran out and
another worker claimed the row, the epoch has moved on and the late write changes nothing.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, InterfaceError, connection, models
from django.db.models import F, Q

from seeops.core.clock import now
from seeops.core.errors import Conflict

log = logging.getLogger(__name__)


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


@contextmanager
def kept(model: type[Leased], pk: int, *, epoch: int, seconds: float) -> Iterator[None]:
    """Prolong the lease from a thread while something is asked that may answer later than the lease lasts. Outside of transactions.

    The thread dies with the process, so the lease of a killed worker still runs out. Once the epoch has moved on nothing is
    prolonged any more: the next write of who asked says so.
    """
    over = threading.Event()

    def keep() -> None:
        while not over.wait(seconds / 3):
            try:
                renew(model, pk, epoch=epoch, seconds=seconds)
            except LeaseLost:
                return
            except (DatabaseError, InterfaceError) as error:
                log.warning("a lease could not be prolonged", extra={"row": pk, "error": str(error)})
            finally:
                connection.close()

    thread = threading.Thread(target=keep, name=f"lease-{model.__name__}-{pk}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
