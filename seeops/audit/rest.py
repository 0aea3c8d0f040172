"""REST resources of the audit log (read only)."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from seeops.accounts import rights
from seeops.audit import selectors
from seeops.audit.filters import AuditFilter
from seeops.audit.models import AuditRecord


class AuditRecordSerializer(serializers.ModelSerializer[AuditRecord]):
    class Meta:
        model = AuditRecord
        fields = [
            "seq", "at", "actor_name", "action", "object_type", "object_id", "object_label", "reason", "before", "after",
            "request_id", "previous_hash", "hash",
        ]  # fmt: skip


class AuditRecordViewSet(ReadOnlyModelViewSet[AuditRecord]):
    """The append-only log. Needs the right audit.view."""

    serializer_class = AuditRecordSerializer
    filterset_class = AuditFilter
    lookup_field = "seq"
    queryset = AuditRecord.objects.all()

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        rights.require(request.user, "audit.view")

    @extend_schema(
        responses=inline_serializer(
            "ChainReport",
            {
                "records": serializers.IntegerField(),
                "head": serializers.CharField(),
                "intact": serializers.BooleanField(),
                "broken_at": serializers.IntegerField(allow_null=True),
                "what": serializers.CharField(allow_null=True),
            },
        )
    )
    @action(detail=False, pagination_class=None, filterset_class=None)
    def verify(self, request: Request) -> Response:
        """Recompute every hash of the chain."""
        report = selectors.verify_chain()
        broken = report.broken
        return Response(
            {
                "records": report.records,
                "head": report.head,
                "intact": report.intact,
                "broken_at": broken.seq if broken else None,
                "what": broken.what if broken else None,
            }
        )


routes = [("audit", AuditRecordViewSet, "audit")]
