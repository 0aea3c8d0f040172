"""REST resources of inspections, configuration changes and schedules of playbooks, with the same services as the pages."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from seeops.accounts import rights
from seeops.automation import booking, choosing, configuration, configuration_selectors, inspection_selectors, services
from seeops.automation.configuration_models import ConfigurationChange
from seeops.automation.inspection_models import Finding, InspectionReport
from seeops.automation.models import Booking


class Viewable(viewsets.GenericViewSet[Any]):
    filterset_class: type | None = None  # actions name it to keep the list's filters away

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        rights.require(request.user, "automation.view")


class ReasonGivenSerializer(serializers.Serializer[None]):
    reason = serializers.CharField(allow_blank=True, default="")


class InspectionSerializer(serializers.ModelSerializer[InspectionReport]):
    run = serializers.CharField(source="run.number", read_only=True)
    previous = serializers.CharField(source="previous.number", read_only=True, default=None)

    class Meta:
        model = InspectionReport
        fields = [
            "id", "number", "run", "scope", "whole", "scheduled", "state", "verdict", "previous", "checks", "nodes_asked",
            "nodes_answered", "bad", "attention", "unknown", "new", "gone", "versions", "states", "seconds", "created_at",
            "finished_at",
        ]  # fmt: skip


class FindingSerializer(serializers.ModelSerializer[Finding]):
    class Meta:
        model = Finding
        fields = ["severity", "standing", "check_name", "subject_kind", "subject", "text"]


class InspectionViewSet(mixins.RetrieveModelMixin, mixins.ListModelMixin, Viewable):
    """Reports of inspections; POST inspects every active node now."""

    serializer_class = InspectionSerializer
    queryset = InspectionReport.objects.none()

    def get_queryset(self):  # type: ignore[no-untyped-def]
        return inspection_selectors.reports()

    @extend_schema(request=ReasonGivenSerializer, responses=OpenApiTypes.OBJECT)
    def create(self, request: Request) -> Response:
        given = ReasonGivenSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        names = list(choosing.nodes({"all": True}).values_list("name", flat=True))
        run = services.run_start(
            actor=request.user, playbook="inspection", nodes=names, inputs={}, **given.validated_data
        )
        return Response({"run": run.number, "run_id": run.pk}, status=201)

    @extend_schema(responses=FindingSerializer(many=True))
    @action(detail=True)
    def findings(self, request: Request, pk: str) -> Response:
        """All findings, those that are gone too; `?standing=` and `?severity=` choose."""
        rows = self.get_object().findings.all()
        for name in ("standing", "severity"):
            if value := request.query_params.get(name):
                rows = rows.filter(**{name: value})
        return self.get_paginated_response(FindingSerializer(self.paginate_queryset(rows), many=True).data)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=False)
    def standing(self, request: Request) -> Response:
        """Whether the inspection that should be there is there, and how it was."""
        found = inspection_selectors.standing()
        return Response(
            {"state": found.state, "text": found.text, "report": found.report.number if found.report else None}
        )


class ConfigurationSerializer(serializers.ModelSerializer[ConfigurationChange]):
    created_by = serializers.CharField(source="created_by.username", read_only=True)

    class Meta:
        model = ConfigurationChange
        fields = [
            "id", "number", "title", "scope", "reason", "state", "problem", "digest", "batch", "batch_size", "created_by", "created_at",
            "started_at", "finished_at",
        ]  # fmt: skip


class DraftSerializer(serializers.Serializer[None]):
    choice = serializers.DictField()
    settings = serializers.CharField(required=False, default="", allow_blank=True)
    content = serializers.CharField(required=False, default="", allow_blank=True, trim_whitespace=False)
    reason = serializers.CharField()
    title = serializers.CharField(required=False, default="", allow_blank=True)
    batch_size = serializers.IntegerField(required=False, default=50)


class BeginSerializer(ReasonGivenSerializer):
    digest = serializers.CharField()


class ConfigurationViewSet(mixins.RetrieveModelMixin, mixins.ListModelMixin, Viewable):
    """Changes of configuration: draft one, look at its differences, begin, stop, roll back."""

    serializer_class = ConfigurationSerializer
    queryset = ConfigurationChange.objects.none()

    def get_queryset(self):  # type: ignore[no-untyped-def]
        return configuration_selectors.changes()

    @extend_schema(request=DraftSerializer, responses=ConfigurationSerializer)
    def create(self, request: Request) -> Response:
        given = DraftSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        change = configuration.draft(actor=request.user, **given.validated_data)
        return Response(ConfigurationSerializer(change).data, status=201)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True)
    def differences(self, request: Request, pk: str) -> Response:
        """Groups of nodes that are changed alike: state, digests, lines of the difference, names."""
        groups = configuration_selectors.differences(self.get_object())
        return Response(
            [{"state": g.state, "before": g.before, "after": g.after, "lines": g.lines, "nodes": g.names, "text": g.text} for g in groups]
        )  # fmt: skip

    @extend_schema(request=BeginSerializer, responses=ConfigurationSerializer)
    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str) -> Response:
        given = BeginSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        change = configuration.start(actor=request.user, change=self.get_object(), **given.validated_data)
        return Response(ConfigurationSerializer(change).data)

    @extend_schema(request=ReasonGivenSerializer, responses=ConfigurationSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        return self._told(request, configuration.stop)

    @extend_schema(request=ReasonGivenSerializer, responses=ConfigurationSerializer)
    @action(detail=True, methods=["post"], url_path="roll-back")
    def roll_back(self, request: Request, pk: str) -> Response:
        return self._told(request, configuration.roll_back)

    def _told(self, request: Request, command: Any) -> Response:
        given = ReasonGivenSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        change = self.get_object()
        command(actor=request.user, change=change, **given.validated_data)
        change.refresh_from_db()
        return Response(ConfigurationSerializer(change).data)


class BookingSerializer(serializers.ModelSerializer[Booking]):
    class Meta:
        model = Booking
        fields = [
            "id",
            "playbook",
            "choice",
            "inputs",
            "expression",
            "trading_days_only",
            "missed",
            "reason",
            "enabled",
            "next_at",
        ]
        read_only_fields = ["enabled", "next_at"]


class BookingViewSet(mixins.RetrieveModelMixin, mixins.ListModelMixin, Viewable):
    """Playbooks that run by the clock."""

    serializer_class = BookingSerializer
    queryset = Booking.objects.order_by("pk")

    @extend_schema(request=BookingSerializer, responses=BookingSerializer)
    def create(self, request: Request) -> Response:
        given = BookingSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        values = {"inputs": {}, "trading_days_only": False, "missed": "skip"} | given.validated_data
        return Response(BookingSerializer(booking.booking_make(actor=request.user, **values)).data, status=201)


routes: list[tuple[str, type[viewsets.ViewSetMixin], str]] = [
    ("inspections", InspectionViewSet, "inspection"),
    ("configuration-changes", ConfigurationViewSet, "configuration-change"),
    ("playbook-schedules", BookingViewSet, "playbook-schedule"),
]
