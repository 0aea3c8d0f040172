"""Drawn states for what cannot be shown: forbidden, gone, broken."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from seeops.core import context
from seeops.core.errors import Forbidden, SeeOpsError


def _page(request: HttpRequest, problem: SeeOpsError, status: int) -> HttpResponse:
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": str(problem), "code": problem.code}, status=status)
    return render(request, "console/problem.html", {"problem": problem}, status=status)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(request, Forbidden(_("You may not see this page: ask an administrator for the right.")), 403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    problem = SeeOpsError(_("Nothing is at this address: it was removed or never existed."), code="gone")
    return _page(request, problem, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    problem = SeeOpsError(
        _("The console failed on this page. Report it with the request id %(id)s.")
        % {"id": context.request_id() or "–"},
        code="server_error",
    )
    return _page(request, problem, 500)
