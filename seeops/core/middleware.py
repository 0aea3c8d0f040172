"""Request id, content security policy, and rule violations turned into sentences."""

from __future__ import annotations

from urllib.parse import urlencode

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.deprecation import MiddlewareMixin

from seeops.core import context
from seeops.core.errors import SeeOpsError
from seeops.core.http import toast


class RequestContextMiddleware:
    """Gives each request an id that its audit records and logs share."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response):  # type: ignore[no-untyped-def]
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest):  # type: ignore[no-untyped-def]
        if self.is_async:
            return self._acall(request)
        token = context.begin()
        try:
            return self.get_response(request)
        finally:
            context.end(token)

    async def _acall(self, request: HttpRequest) -> HttpResponse:
        token = context.begin()
        try:
            return await self.get_response(request)
        finally:
            context.end(token)


class SelfOnlyMiddleware(MiddlewareMixin):
    """Pages may load from this server alone: a broker's network has no internet, and nothing may leave it."""

    POLICY = (
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'self'"
    )

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response.setdefault("Content-Security-Policy", self.POLICY)
        return response


class RuleViolationMiddleware(MiddlewareMixin):
    """A SeeOpsError that a page view lets through becomes a toast on the page the person came from, or an error page."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, SeeOpsError):
            return None
        if getattr(request, "htmx", None):
            response = HttpResponse(status=exception.status)
            response["HX-Reswap"] = "none"
            return toast(response, str(exception), level="bad")
        if request.method == "POST" and request.META.get("HTTP_REFERER", "").startswith(
            request.build_absolute_uri("/")
        ):
            from django.contrib import messages

            messages.error(request, str(exception))
            return redirect(request.META["HTTP_REFERER"])
        return render(request, "console/problem.html", {"problem": exception}, status=exception.status)


class SignInForPartsMiddleware(MiddlewareMixin):
    """When the session has ended, a part that fetches itself must not swap the sign-in page into the page: the whole page
    goes there instead."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if not getattr(request, "htmx", None) or response.status_code != 302:
            return response
        sign_in = resolve_url(settings.LOGIN_URL)
        if not response["Location"].startswith(sign_in):
            return response
        moved = HttpResponse(status=204)
        moved["HX-Redirect"] = f"{sign_in}?{urlencode({'next': request.htmx.current_url_abs_path or '/'})}"
        return moved
