"""Writes the audit log. Called by every service inside its own transaction: no change without its record."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.db.models import Model

from seeops.audit import chain
from seeops.audit.models import AuditRecord
from seeops.core import context
from seeops.core.clock import now

_CHAIN_LOCK = 0x5EE0_0001


def record(
    *,
    actor: Any,
    action: str,
    obj: Model | tuple[str, str, str],
    reason: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> AuditRecord:
    """Append one record to the chain.

    `actor` is a Person, or None for the set-up; `obj` a model instance or (type, id, label). Must run inside the
    transaction of the change, so that both are written or neither; the chain is serialised by an advisory lock that the
    transaction holds until its end.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("audit.record must run inside the transaction of the change it records")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CHAIN_LOCK])
    last = AuditRecord.objects.order_by("-seq").values("seq", "hash").first()
    object_type, object_id, object_label = _identity(obj)
    row: dict[str, Any] = {
        "seq": (last["seq"] if last else 0) + 1,
        "at": now(),
        "actor_name": actor.get_username() if actor is not None else "setup",
        "action": action,
        "object_type": object_type,
        "object_id": object_id,
        "object_label": object_label[:200],
        "reason": reason,
        "before": _plain(before),
        "after": _plain(after),
        "request_id": context.request_id(),
    }
    previous = last["hash"] if last else chain.GENESIS
    digest = chain.link(previous, as_content(row))
    return AuditRecord.objects.create(actor=actor, previous_hash=previous, hash=digest, **row)


def as_content(row: dict[str, Any]) -> dict[str, Any]:
    """A database row as the chain hashes it."""
    at: dt.datetime = row["at"]
    return chain.content({**row, "at": at.astimezone(dt.UTC).isoformat(timespec="microseconds")})


def _identity(obj: Model | tuple[str, str, str]) -> tuple[str, str, str]:
    if isinstance(obj, tuple):
        return obj
    return obj._meta.label_lower, str(obj.pk), str(obj)


def _plain(value: dict[str, Any] | None) -> dict[str, Any] | None:
    """JSON types only; integers beyond 2^53 as text, since RFC 8785 numbers are IEEE doubles."""
    if value is None:
        return None

    def bounded(item: Any) -> Any:
        if isinstance(item, dict):
            return {str(key): bounded(inner) for key, inner in item.items()}
        if isinstance(item, list):
            return [bounded(inner) for inner in item]
        if isinstance(item, int) and not isinstance(item, bool) and abs(item) > 2**53:
            return str(item)
        return item

    plain: dict[str, Any] = bounded(json.loads(json.dumps(value, cls=DjangoJSONEncoder)))
    return plain


@transaction.atomic
def note(*, actor: Any, action: str, obj: Model | tuple[str, str, str], **details: Any) -> AuditRecord:
    """Record something that changed no row of ours (an export, a refused attempt)."""
    return record(actor=actor, action=action, obj=obj, after=details or None)
