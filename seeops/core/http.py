"""Small helpers of page views: toasts and partial answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _


def toast(response: HttpResponse, text: str, *, level: str = "good") -> HttpResponse:
    """Have the page show `text` as a toast when htmx receives `response`. `level` is a state: good, attention, bad."""
    # Header values must be latin-1: json's \\u escapes keep Chinese sentences intact.
    response["HX-Trigger"] = json.dumps({"toast": {"text": text, "level": level}})
    return response


def done(request: HttpRequest, text: str, url: str) -> HttpResponse:
    """Answer a successful change: htmx reloads to `url`, a plain form is redirected there; `text` is shown as a toast."""
    messages.success(request, text)
    if getattr(request, "htmx", None):
        response = HttpResponse(status=204)
        response["HX-Redirect"] = url
        return response
    return redirect(url)


def required(data: Any, name: str, parse: Callable[[str], Any] = str) -> Any:
    """The form value `name`, parsed. Raises InvalidInput that names the field."""
    from seeops.core.errors import InvalidInput

    raw = str(data.get(name, "")).strip()
    if not raw:
        raise InvalidInput(_("%(name)s is missing: fill it in and send the form again.") % {"name": name}, field=name)
    try:
        return parse(raw)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            _("%(name)s: “%(value)s” is not valid (%(error)s).") % {"name": name, "value": raw[:60], "error": error},
            field=name,
        ) from error
