"""Scrape targets for Prometheus, at `/api/v1/http-sd/<job>/`."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from seeops.accounts import rights
from seeops.accounts.authentication import MachineAuthentication
from seeops.inventory.discovery import http_sd


class TargetsView(APIView):
    """HTTP service discovery: the targets of one job (node, centre, shard, load, gateway, surveillance, console)."""

    authentication_classes = (MachineAuthentication, SessionAuthentication)

    @extend_schema(responses={200: {"type": "array", "items": {"type": "object"}}})
    def get(self, request: Request, job: str) -> Response:
        if not getattr(request.user, "is_machine", False):
            rights.require(request.user, "watch.scrape")
        return Response(http_sd(job))
