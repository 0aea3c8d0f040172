"""REST resources of capacity tests and shadow runs: the same services as the pages."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from seeops.accounts import rights
from seeops.capacity import options, services
from seeops.capacity.models import CapacityTest, ShadowRun
from seeops.core.http import required

REASON = inline_serializer("CapacityReason", {"reason": serializers.CharField()})
WORK = [
    "id",
    "number",
    "state",
    "reason",
    "stop_reason",
    "started_by",
    "created_at",
    "ended_at",
    "why",
    "report_sha256",
]


class TestSerializer(serializers.ModelSerializer[CapacityTest]):
    started_by = serializers.CharField(source="started_by.username", read_only=True)

    class Meta:
        model = CapacityTest
        fields = [
            *WORK, "options", "session_phase", "asked", "outcome", "knee_per_s", "peak_per_s", "peak_source", "ratio", "enough",
            "limit_kind", "limit_text", "level_gone",
        ]  # fmt: skip


class FullTestSerializer(TestSerializer):
    class Meta(TestSerializer.Meta):
        fields = [*TestSerializer.Meta.fields, "report"]


class ShadowSerializer(serializers.ModelSerializer[ShadowRun]):
    started_by = serializers.CharField(source="started_by.username", read_only=True)

    class Meta:
        model = ShadowRun
        fields = [
            *WORK, "shard", "centre", "candidate", "candidate_digest", "same", "text", "entries", "commands",
            "differing_entries", "journal_sha256",
        ]  # fmt: skip


class _Viewed(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Any]):
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        rights.require(request.user, "capacity.view")


class TestViewSet(_Viewed):
    """Capacity tests, newest first. POST {"reason", "confirmed", options} starts one; one of them comes with its report."""

    queryset = CapacityTest.objects.select_related("started_by")
    filterset_fields = ["outcome", "state", "enough"]

    def get_serializer_class(self) -> type[TestSerializer]:
        return FullTestSerializer if self.action == "retrieve" else TestSerializer

    @extend_schema(
        request=inline_serializer(
            "CapacityTestStart",
            {
                "reason": serializers.CharField(),
                "confirmed": serializers.BooleanField(required=False),
                **{name: serializers.FloatField(required=False) for name in options.BOUNDS},
            },
        ),
        responses=TestSerializer,
    )
    def create(self, request: Request) -> Response:
        test = services.capacity_test_start(
            actor=request.user,
            chosen=options.parse(request.data),
            reason=required(request.data, "reason"),
            confirmed=request.data.get("confirmed") is True,
        )
        return Response(TestSerializer(test).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=REASON, responses=TestSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        test = self.get_object()
        services.capacity_test_stop(actor=request.user, test=test, reason=required(request.data, "reason"))
        test.refresh_from_db()
        return Response(TestSerializer(test).data)


class ShadowViewSet(_Viewed):
    """Shadow runs, newest first. POST {"shard", "centre", "candidate", "reason"} starts one."""

    queryset = ShadowRun.objects.select_related("started_by")
    serializer_class = ShadowSerializer
    filterset_fields = ["shard", "candidate", "same", "state"]

    @extend_schema(
        request=inline_serializer(
            "ShadowRunStart",
            {
                "shard": serializers.IntegerField(),
                "centre": serializers.CharField(required=False),
                "candidate": serializers.CharField(),
                "reason": serializers.CharField(),
            },
        ),
        responses=ShadowSerializer,
    )
    def create(self, request: Request) -> Response:
        shadow = services.shadow_start(
            actor=request.user,
            shard=required(request.data, "shard", int),
            centre=str(request.data.get("centre", "")),
            candidate=required(request.data, "candidate"),
            reason=required(request.data, "reason"),
        )
        return Response(ShadowSerializer(shadow).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=REASON, responses=ShadowSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        shadow = self.get_object()
        services.shadow_stop(actor=request.user, shadow=shadow, reason=required(request.data, "reason"))
        shadow.refresh_from_db()
        return Response(ShadowSerializer(shadow).data)


routes = [
    ("capacity-tests", TestViewSet, "capacity-test"),
    ("shadow-runs", ShadowViewSet, "shadow-run"),
]
