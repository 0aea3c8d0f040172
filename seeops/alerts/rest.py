"""REST resources of alerts: groups with their actions, the state of the alert path, and the door for Alertmanager."""

from __future__ import annotations

from dataclasses import asdict

from django.urls import path
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiTypes, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ReadOnlyModelViewSet

from seeops.accounts import rights
from seeops.alerts import payload, selectors, services
from seeops.alerts.filters import AlertGroupFilter
from seeops.alerts.models import Alert, AlertGroup
from seeops.core.errors import InvalidInput


class AlertSerializer(serializers.ModelSerializer[Alert]):
    class Meta:
        model = Alert
        fields = ["fingerprint", "status", "starts_at", "ends_at", "labels", "annotations", "seen_at"]


class AlertGroupSerializer(serializers.ModelSerializer[AlertGroup]):
    title = serializers.CharField(source="sentence", read_only=True)
    firing = serializers.IntegerField(read_only=True)
    total = serializers.IntegerField(read_only=True)
    acknowledged_by = serializers.CharField(source="acknowledged_by.username", default=None, read_only=True)
    resolved_by = serializers.CharField(source="resolved_by.username", default=None, read_only=True)

    class Meta:
        model = AlertGroup
        fields = [
            "id", "name", "title", "severity", "state", "level", "service", "centre", "chain", "started_at", "last_at",
            "acknowledged_at", "acknowledged_by", "silenced_until", "resolved_at", "resolved_by", "firing", "total",
        ]  # fmt: skip


class AlertGroupDetailSerializer(AlertGroupSerializer):
    alerts = AlertSerializer(many=True, read_only=True)

    class Meta(AlertGroupSerializer.Meta):
        fields = [*AlertGroupSerializer.Meta.fields, "alerts"]


class NoteSerializer(serializers.Serializer[None]):
    note = serializers.CharField(required=False, allow_blank=True, max_length=400, default="")


class SilenceSerializer(NoteSerializer):
    minutes = serializers.IntegerField()


class AlertGroupViewSet(ReadOnlyModelViewSet[AlertGroup]):
    """Groups of alerts: `?state=open|firing|acknowledged|silenced|resolved`, severity, service, centre, name, q."""

    serializer_class = AlertGroupSerializer
    filterset_class = AlertGroupFilter
    queryset = selectors.groups()

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        rights.require(request.user, "alert.view")

    def get_serializer_class(self) -> type[AlertGroupSerializer]:
        return AlertGroupDetailSerializer if self.action == "retrieve" else AlertGroupSerializer

    def _answer(self, group: AlertGroup) -> Response:
        return Response(AlertGroupSerializer(selectors.groups().get(pk=group.pk)).data)

    def _data(self, form: type[NoteSerializer], request: Request) -> dict:
        data = form(data=request.data)
        data.is_valid(raise_exception=True)
        return data.validated_data

    @extend_schema(request=NoteSerializer, responses=AlertGroupSerializer)
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, pk: str) -> Response:
        """Say that you look after it."""
        data = self._data(NoteSerializer, request)
        return self._answer(services.group_acknowledge(actor=request.user, group=self.get_object(), note=data["note"]))

    @extend_schema(request=NoteSerializer, responses=AlertGroupSerializer)
    @action(detail=True, methods=["post"])
    def resolve(self, request: Request, pk: str) -> Response:
        """Close it by hand; the note says what was done."""
        data = self._data(NoteSerializer, request)
        return self._answer(services.group_resolve(actor=request.user, group=self.get_object(), note=data["note"]))

    @extend_schema(request=SilenceSerializer, responses=AlertGroupSerializer)
    @action(detail=True, methods=["post"])
    def silence(self, request: Request, pk: str) -> Response:
        """Do not count it for some minutes."""
        data = self._data(SilenceSerializer, request)
        group = services.group_silence(
            actor=request.user, group=self.get_object(), minutes=data["minutes"], note=data["note"]
        )
        return self._answer(group)

    @extend_schema(
        responses=inline_serializer(
            "AlertPath",
            {
                "blind": serializers.BooleanField(),
                "last_at": serializers.DateTimeField(allow_null=True),
                "age_s": serializers.FloatField(allow_null=True),
            },
        )
    )
    @action(detail=False, pagination_class=None, filterset_class=None)
    def path(self, request: Request) -> Response:
        """Whether alerts can reach the console at all: the heartbeat of the dead-man's switch."""
        watch = selectors.watch()
        return Response({"blind": watch.blind, "last_at": watch.last_at, "age_s": watch.age_s})


class AlertWebhook(APIView):
    """Where Alertmanager sends its notifications (version 4). Repeated and late notifications change nothing."""

    @extend_schema(
        request=OpenApiTypes.OBJECT,
        responses=inline_serializer(
            "AlertIntake",
            {name: serializers.IntegerField() for name in ("new", "ended", "repeated", "heartbeats", "revived")},
        ),
    )
    def post(self, request: Request) -> Response:
        rights.require(request.user, "alert.receive")
        try:
            notices = payload.webhook(request.data)
        except payload.Malformed as error:
            raise InvalidInput(
                _("This is not a notification of Alertmanager: %(why)s.") % {"why": error}, code="malformed"
            ) from error
        return Response(asdict(services.notices_receive(actor=request.user, notices=notices)))


routes = [("alerts", AlertGroupViewSet, "alert")]
extra_patterns = [path("alert-webhook/", AlertWebhook.as_view(), name="alert-webhook")]
