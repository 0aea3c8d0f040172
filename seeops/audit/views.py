"""Pages of the audit log: who did what, why, and whether the log was altered."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from seeops.accounts import rights
from seeops.audit import chain, selectors
from seeops.audit.filters import AuditFilter
from seeops.audit.models import AuditRecord
from seeops.core.clock import now

PAGE_ROWS = 100
COLUMNS = ("seq", "at", "actor_name", "action", "object_type", "object_id", "object_label", "reason", "hash")


@require_GET
def record_list(request: HttpRequest) -> HttpResponse:
    """Newest first, paged by sequence number (`before`), filtered by the address; `format=csv` exports what is filtered."""
    rights.require(request.user, "audit.view")
    found = AuditFilter(request.GET, queryset=AuditRecord.objects.all())
    if request.GET.get("format") == "csv":
        return StreamingHttpResponse(
            _csv(found.qs),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="audit.csv"'},
        )
    records = _page(found.qs, request.GET.get("before", ""))
    return render(
        request,
        "audit/list.html",
        {
            "records": records[:PAGE_ROWS],
            "next_before": records[PAGE_ROWS - 1].seq if len(records) > PAGE_ROWS else None,
            "filter": found,
            "actions": AuditRecord.objects.order_by("action").values_list("action", flat=True).distinct(),
        },
    )


def _page(queryset: QuerySet[AuditRecord], before: str) -> list[AuditRecord]:
    if before.isdigit():
        queryset = queryset.filter(seq__lt=int(before))
    return list(queryset[: PAGE_ROWS + 1])


class _Echo:
    """What csv.writer needs to hand each line on instead of storing it."""

    def write(self, line: str) -> str:
        return line


def _csv(queryset: QuerySet[AuditRecord]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield "\ufeff" + writer.writerow(COLUMNS)
    for row in queryset.order_by("seq").values_list(*COLUMNS).iterator(2000):
        yield writer.writerow(row)


@require_GET
def record_detail(request: HttpRequest, seq: int) -> HttpResponse:
    """One record, with what it changed and its place in the chain."""
    rights.require(request.user, "audit.view")
    record = get_object_or_404(AuditRecord, seq=seq)
    return render(request, "audit/detail.html", {"record": record, "changes": changes(record)})


def changes(record: AuditRecord) -> list[dict[str, object]]:
    """What the record changed, field by field: [{name, before, after}]."""
    before, after = record.before or {}, record.after or {}
    return [{"name": name, "before": before.get(name), "after": after.get(name)} for name in sorted({*before, *after})]


@require_GET
def verify(request: HttpRequest) -> HttpResponse:
    """Recompute the whole chain and say whether it holds (a fragment of the list page)."""
    rights.require(request.user, "audit.view")
    return render(
        request, "audit/verify.html", {"report": selectors.verify_chain(), "at": now(), "genesis": chain.GENESIS}
    )


@require_GET
def of_object(request: HttpRequest, object_type: str, object_id: str) -> HttpResponse:
    """The Audit tab of an object's page, as a fragment."""
    rights.require(request.user, "estate.view")
    if "." not in object_type:
        raise Http404(object_type)
    records = AuditRecord.objects.filter(object_type=object_type, object_id=object_id)[:PAGE_ROWS]
    return render(request, "audit/of_object.html", {"records": records})
