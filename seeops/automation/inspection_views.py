"""Pages of inspections: the reports, one report with its findings, what is gone, and its exports."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from seeops.accounts import rights
from seeops.audit import services as audit
from seeops.automation import choosing, clockwork, inspection_selectors, inspection_sheet, services
from seeops.automation.models import Booking
from seeops.core.export import csv_response
from seeops.core.http import done

PAGE_ROWS = 50
MOST_SHOWN = 400
COLUMNS = ("severity", "standing", "check_name", "subject_kind", "subject", "text")


@require_GET
def report_list(request: HttpRequest) -> HttpResponse:
    rights.require(request.user, "automation.view")
    context = {
        "rows": inspection_selectors.reports()[:PAGE_ROWS],
        "standing": inspection_selectors.standing(),
        "bookings": [
            {"booking": row, "moments": clockwork.upcoming(row), "last": row.moments.first()}
            for row in Booking.objects.filter(playbook="inspection")
        ],
    }
    return render(
        request, "automation/inspections_rows.html" if _part(request) else "automation/inspections.html", context
    )


def _part(request: HttpRequest) -> bool:
    return bool(getattr(request, "htmx", None))


@require_POST
def report_start(request: HttpRequest) -> HttpResponse:
    """Inspect the whole estate now."""
    names = list(choosing.nodes({"all": True}).values_list("name", flat=True))
    run = services.run_start(
        actor=request.user, playbook="inspection", nodes=names, inputs={}, reason=request.POST.get("reason", "")
    )
    return done(request, _("%(run)s was started.") % {"run": run.number}, reverse("automation:run", args=[run.pk]))


@require_GET
def report_detail(request: HttpRequest, pk: int) -> HttpResponseBase:
    """One report; `?standing=`, `?severity=` and `?check=` choose findings, `?format=csv` gives them as a list."""
    rights.require(request.user, "automation.view")
    report = get_object_or_404(inspection_selectors.reports(), pk=pk)
    if request.GET.get("format") == "csv":
        return csv_response(request, f"{report.number}.csv", COLUMNS, report.findings.values_list(*COLUMNS))
    chosen = {name: request.GET.get(name, "")[:40] for name in ("standing", "severity", "check")}
    rows = inspection_selectors.findings(report, **chosen)
    context: dict[str, Any] = {
        "report": report, "groups": inspection_selectors.grouped(rows), "shown": len(rows), **chosen,
        "checks": report.checks, "most": MOST_SHOWN,
    }  # fmt: skip
    return render(request, "automation/inspection.html", context)


@require_GET
def report_export(request: HttpRequest, pk: int, kind: str) -> HttpResponse:
    """The report as xlsx or pdf; that it left the console is written down."""
    rights.require(request.user, "automation.view")
    if kind not in ("pdf", "xlsx"):
        raise Http404
    report = get_object_or_404(inspection_selectors.reports(), pk=pk)
    if kind == "pdf":
        body = inspection_sheet.paper(report, language=get_language() or "en")
        content_type = "application/pdf"
    else:
        body = inspection_sheet.spreadsheet(report)
        content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    with transaction.atomic():
        audit.record(actor=request.user, action="inspection.export", obj=report, after={"format": kind})
    response = HttpResponse(body, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{report.number}.{kind}"'
    return response
