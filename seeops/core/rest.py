"""Errors of the API: {"detail": sentence, "code": word} with the right status."""

from __future__ import annotations

from typing import Any

from rest_framework.response import Response
from rest_framework.views import exception_handler as default_handler

from seeops.core.errors import InvalidInput, SeeOpsError


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    if isinstance(error, SeeOpsError):
        body: dict[str, Any] = {"detail": str(error), "code": error.code}
        if isinstance(error, InvalidInput) and error.field:
            body["field"] = error.field
        return Response(body, status=error.status)
    return default_handler(error, context)
