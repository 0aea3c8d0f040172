"""What every page's shell needs: the rail and the trading session."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from seeops.console import navigation
from seeops.monitoring import selectors as monitoring


def shell(request: HttpRequest) -> dict[str, Any]:
    """Rail and session for the signed-in person; nothing for partial updates, which draw no shell."""
    person = getattr(request, "user", None)
    if person is None or not person.is_authenticated or getattr(request, "htmx", False):
        return {}
    return {"rail": navigation.rail(person, request.path), "market": monitoring.session()}
