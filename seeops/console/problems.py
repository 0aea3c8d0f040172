"""Drawn states for what cannot be shown: forbidden, gone, broken."""

from __future__ import annotations

import json
import sys

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from seeops.core import context, outage
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
    if part := outage.away(sys.exc_info()[1]):
        return _away(request, part)
    problem = SeeOpsError(
        _("The console failed on this page. Report it with the request id %(id)s.")
        % {"id": context.request_id() or "–"},
        code="server_error",
    )
    return _page(request, problem, 500)


def _away(request: HttpRequest, part: str) -> HttpResponse:
    """A page that needs nothing of what is away, and comes back by itself."""
    titles = {"database": _("The database does not answer."), "broker": _("The live store does not answer.")}
    title = titles[part]
    if request.path.startswith("/api/"):
        response: HttpResponse = JsonResponse({"detail": title, "code": "unavailable"}, status=503)
    elif request.headers.get("HX-Request"):
        # The open page keeps what it shows and says that it is old; only who asked for a change is told at once.
        response = HttpResponse(status=503)
        told = {
            "toast": {
                "text": _("%(title)s Nothing was changed that you can rely on: look again before you repeat it.")
                % {"title": title},
                "level": "bad",
            }
        }
        response["HX-Trigger"] = json.dumps(told if request.method == "POST" else {"away": title})
    else:
        # Rendered without the request: rail and session would ask the database again.
        text = render_to_string("console/away.html", {"title": title, "asked_for_change": request.method == "POST"})
        response = HttpResponse(text, status=503)
    response["Retry-After"] = "3"
    response["Cache-Control"] = "no-store"
    return response
