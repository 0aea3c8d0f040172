"""Locks on services, nodes and shards: taken all or nothing, kept by renewing, taken over only after they expired.

The unique index decides between two who come at once, and the database's clock says what has expired. Whoever acts under a lock
also sends a fencing epoch with every step, so a holder that outlived its lock is refused by the nodes themselves.

Locks are freed with the state that ends their owner's work, by triggers on releases and runs (`FREED_BY`): whichever process
writes that state, nothing stays locked behind it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from seeops.core.clock import shanghai
from seeops.core.leases import LeaseLost
from seeops.inventory.lock_models import Lock, LockHolder, LockScope
from seeops.inventory.models import Node

KEPT_S = 60.0
MOST_TURNS = 3
Wanted = tuple[str, str]

# The body of a trigger that frees an owner's locks. The holder is locked first, as everywhere, so that nobody waits in a circle.
FREED_BY = """
    PERFORM 1 FROM inventory_lockholder WHERE owner = NEW.number FOR UPDATE;
    DELETE FROM inventory_lock WHERE holder_id IN (SELECT id FROM inventory_lockholder WHERE owner = NEW.number);
    DELETE FROM inventory_lockholder WHERE owner = NEW.number;
    RETURN NULL;
"""


@dataclass(frozen=True)
class Taken:
    """All that was wanted is held now."""

    owner: str
    fence: int
    count: int


@dataclass(frozen=True)
class Busy:
    """Nothing was taken, because somebody else holds these; none of them when others came and went meanwhile."""

    locks: tuple[Lock, ...]

    @property
    def owner(self) -> str:
        return self.locks[0].holder.owner if self.locks else ""

    @property
    def sentence(self) -> str:
        return describe(self.locks) if self.locks else _("Others are just taking the same locks: try again.")


def of_nodes(nodes: Iterable[Node]) -> list[Wanted]:
    """What somebody holds who works on these nodes: the nodes, and the shards whose replicas they run, so that two people
    never take replicas of one shard out at the same time."""
    chosen = list(nodes)
    shards = sorted({node.shard for node in chosen if node.shard is not None})
    return [(LockScope.NODE.value, node.name) for node in chosen] + [
        (LockScope.SHARD.value, str(shard)) for shard in shards
    ]


@transaction.atomic
def acquire(
    *, owner: str, wanted: Sequence[Wanted], fence: int, seconds: float = KEPT_S, reason: str = "", url: str = ""
) -> Taken | Busy:
    """Take every lock of `wanted`, or none. What the same owner held before under a lower fence is replaced.

    A lock whose holder's time has run out is taken over, with all that this holder had: it must not go on with a part of it.
    Raises LeaseLost when the owner itself holds under a higher fence: whoever asks is out of date.
    """
    ordered = sorted(set(wanted))
    for _turn in range(MOST_TURNS):
        point = transaction.savepoint()
        _free_expired(ordered)
        if _insert(_hold(owner, fence, seconds, reason, url), ordered) == len(ordered):
            transaction.savepoint_commit(point)
            return Taken(owner, fence, len(ordered))
        transaction.savepoint_rollback(point)
        if found := blocking(ordered, except_owner=owner):
            return Busy(tuple(found))
    # Whoever was in the way has gone each time: the caller's next attempt will meet a calmer moment.
    return Busy(())


def renew(owner: str, fence: int, seconds: float = KEPT_S) -> bool:
    """Keep everything for `seconds` from now. False when it was taken over or freed: nothing is held any more."""
    return bool(LockHolder.objects.filter(owner=owner, fence=fence).update(expires_at=_in(seconds)))


@transaction.atomic
def release(owner: str, fence: int | None = None) -> bool:
    """Give everything back. False when nothing (of this fence) was held."""
    mine = LockHolder.objects.select_for_update().filter(owner=owner)
    holder = mine.filter(fence=fence).first() if fence is not None else mine.first()
    if holder is None:
        return False
    Lock.objects.filter(holder=holder).delete()
    holder.delete()
    return True


def held() -> QuerySet[Lock]:
    """Every lock with its holder. Expired ones too: until somebody takes them over, they say who may still be at work."""
    return Lock.objects.select_related("holder")


def blocking(wanted: Iterable[Wanted], *, except_owner: str = "") -> list[Lock]:
    """Locks among `wanted` that somebody else holds now."""
    names: dict[str, list[str]] = {}
    for scope, name in wanted:
        names.setdefault(scope, []).append(name)
    if not names:
        return []
    any_of = Q()
    for scope, own in names.items():
        any_of |= Q(scope=scope, name__in=own)
    found = held().filter(any_of, holder__expires_at__gte=Now()).exclude(holder__owner=except_owner)
    # A service says more than one of its nodes does.
    return list(found.order_by("-scope", "name"))


def holding_problem(
    *, services: Iterable[str] = (), nodes: Iterable[Node] = (), shards: Iterable[int] = (), except_owner: str = ""
) -> str:
    """Who holds one of these, as a sentence for people; empty when nobody else does. Services by name."""
    wanted = [(LockScope.SERVICE.value, name) for name in services]
    wanted += of_nodes(nodes)
    wanted += [(LockScope.SHARD.value, str(shard)) for shard in shards]
    found = blocking(wanted, except_owner=except_owner)
    return describe(found) if found else ""


def describe(found: Sequence[Lock]) -> str:
    """What is held by whom, until when, and what to do."""
    first = found[0]
    values = {
        "what": f"{first.get_scope_display()} {first.name}",
        "more": len(found) - 1,
        "owner": first.holder.owner,
        "until": shanghai(first.holder.expires_at).strftime("%H:%M:%S"),
    }
    if len(found) == 1:
        return _("%(what)s is held by %(owner)s: wait until it has ended, or stop it first.") % values
    return _("%(what)s and %(more)d more are held by %(owner)s: wait until it has ended, or stop it first.") % values


# --- helpers --------------------------------------------------------------------------------------------------------


def _in(seconds: float) -> Any:
    return Now() + dt.timedelta(seconds=seconds)


def _free_expired(ordered: Sequence[Wanted]) -> None:
    """Remove the holders among these whose time has run out, with everything they held."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT h.id FROM inventory_lockholder h WHERE h.expires_at < clock_timestamp() AND h.id IN ("
            "  SELECT l.holder_id FROM inventory_lock l JOIN unnest(%s::text[], %s::text[]) AS w(scope, name) "
            "  ON l.scope = w.scope AND l.name = w.name) ORDER BY h.id FOR UPDATE",
            _columns(ordered),
        )
        gone = [pk for (pk,) in cursor.fetchall()]
        if gone:
            cursor.execute("DELETE FROM inventory_lock WHERE holder_id = ANY(%s)", [gone])
            cursor.execute("DELETE FROM inventory_lockholder WHERE id = ANY(%s)", [gone])


def _hold(owner: str, fence: int, seconds: float, reason: str, url: str) -> int:
    """The holder's row, emptied of what it held under a lower fence."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO inventory_lockholder (owner, url, fence, reason, taken_at, expires_at) "
            "VALUES (%s, %s, %s, %s, clock_timestamp(), clock_timestamp() + make_interval(secs => %s)) "
            "ON CONFLICT (owner) DO UPDATE SET url = excluded.url, fence = excluded.fence, reason = excluded.reason, "
            "taken_at = excluded.taken_at, expires_at = excluded.expires_at "
            "WHERE inventory_lockholder.fence <= excluded.fence RETURNING id",
            [owner, url, fence, reason[:300], seconds],
        )
        row = cursor.fetchone()
        if row is None:
            raise LeaseLost(f"{owner} holds its locks under a higher fence than {fence}.")
        cursor.execute("DELETE FROM inventory_lock WHERE holder_id = %s", [row[0]])
        return int(row[0])


def _insert(holder: int, ordered: Sequence[Wanted]) -> int:
    """How many of the locks could be taken. Waits for whoever is just taking one of them, always in the same order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO inventory_lock (scope, name, holder_id) "
            "SELECT w.scope, w.name, %s FROM unnest(%s::text[], %s::text[]) AS w(scope, name) ORDER BY w.scope, w.name "
            "ON CONFLICT (scope, name) DO NOTHING",
            [holder, *_columns(ordered)],
        )
        return cursor.rowcount


def _columns(ordered: Sequence[Wanted]) -> list[list[str]]:
    return [[scope for scope, _name in ordered], [name for _scope, name in ordered]]
