"""Pages of the shell."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from seeops.accounts import rights
from seeops.console import overview as overview_page
from seeops.console import search as palette
from seeops.monitoring import selectors as monitoring


@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """The state of the business now."""
    rights.require(request.user, "estate.view")
    return render(request, "console/overview.html", overview_page.context(request.user))


@require_GET
def overview_now(request: HttpRequest) -> HttpResponse:
    """The part of the overview that lives, fetched again at every tick."""
    rights.require(request.user, "estate.view")
    return render(request, "console/overview_now.html", overview_page.context(request.user))


@require_GET
def session(request: HttpRequest) -> HttpResponse:
    """The trading session in the top bar."""
    rights.require(request.user, "estate.view")
    return render(request, "console/session.html", {"market": monitoring.session()})


@require_GET
def search(request: HttpRequest) -> HttpResponse:
    """What `Ctrl K` finds for the typed text."""
    return render(
        request, "console/search_results.html", {"results": palette.find(request.user, request.GET.get("q", ""))}
    )


@require_POST
@login_not_required
def language(request: HttpRequest) -> HttpResponse:
    """Switch the language of the interface and come back to the page."""
    chosen = request.POST.get("language", "")
    target = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}):
        target = "/"
    response = redirect(target)
    if translation.check_for_language(chosen):
        response.set_cookie("django_language", chosen, max_age=365 * 24 * 3600, samesite="Lax")
    return response


@require_GET
@login_not_required
def healthz(request: HttpRequest) -> HttpResponse:
    """Is the console ready: 200 when it reaches its database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"state": "ok"})
