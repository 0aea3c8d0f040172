"""What a run collected: the archive's facts, its download, search in its lines. Parts of the run's page."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from seeops.accounts import rights
from seeops.automation import collection
from seeops.automation.models import LogCollection, Run
from seeops.core.errors import SeeOpsError


@require_GET
def collected(request: HttpRequest, pk: int) -> HttpResponse:
    """Facts of the archive, and with `?q=` the lines that contain it (a fragment)."""
    rights.require(request.user, "automation.view")
    run = get_object_or_404(Run.objects.defer("targets"), pk=pk)
    kept = LogCollection.objects.filter(run=run).first()
    context: dict[str, Any] = {
        "run": run,
        "collection": kept,
        "said": collection.collected(run),
        "q": request.GET.get("q", "")[:200],
    }
    if kept is not None and context["q"]:
        try:
            context["hits"] = collection.search(actor=request.user, collection=kept, text=context["q"])
        except SeeOpsError as error:
            context["problem"] = str(error)
    return render(request, "automation/collected.html", context)


@require_GET
def download(request: HttpRequest, pk: int) -> HttpResponseBase:
    kept = get_object_or_404(LogCollection.objects.select_related("run"), run_id=pk)
    path = collection.archive(actor=request.user, collection=kept)
    return FileResponse(path.open("rb"), as_attachment=True, filename=kept.file, content_type="application/gzip")
