"""The fencing epoch of everything that acts on nodes: one number line for the whole control plane."""

from __future__ import annotations

from django.db import connection


def next_epoch() -> int:
    """A number greater than every one given out before, also across processes and rolled back transactions.

    A node remembers the highest epoch it saw and refuses lower ones, so whoever starts to act later wins.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('seeops_epoch')")
        (epoch,) = cursor.fetchone()
    return int(epoch)
