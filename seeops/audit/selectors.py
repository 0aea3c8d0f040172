"""Reads of the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, QuerySet

from seeops.audit import chain
from seeops.audit.models import AuditRecord
from seeops.audit.services import as_content


@dataclass(frozen=True)
class ChainReport:
    """Whether the whole log holds: how many records, the last hash, and where it breaks if it does."""

    records: int
    head: str
    broken: chain.Break | None

    @property
    def intact(self) -> bool:
        return self.broken is None


def history(obj: Model) -> QuerySet[AuditRecord]:
    """The records about one object, newest first."""
    return AuditRecord.objects.filter(object_type=obj._meta.label_lower, object_id=str(obj.pk))


def rows() -> Iterator[dict[str, Any]]:
    """All records in order, as the chain hashes them, with their hashes."""
    for row in AuditRecord.objects.order_by("seq").values(*chain.FIELDS, "previous_hash", "hash").iterator(2000):
        yield {**as_content(row), "previous_hash": row["previous_hash"], "hash": row["hash"]}


def verify_chain() -> ChainReport:
    """Recompute every hash from the first record on."""
    last = AuditRecord.objects.order_by("-seq").values("hash").first()
    return ChainReport(
        records=AuditRecord.objects.count(),
        head=last["hash"] if last else chain.GENESIS,
        broken=chain.first_break(rows()),
    )
