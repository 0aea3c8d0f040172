"""REST resources of automation: the catalogue and runs, with the same services as the pages."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from seeops.accounts import rights
from seeops.automation import catalogue, playbook_rest, selectors, services, workflow_rest
from seeops.automation.filters import RunFilter
from seeops.automation.models import Run, RunEvent


class PlaybookRunSerializer(serializers.ModelSerializer[Run]):
    created_by = serializers.CharField(source="created_by.username", read_only=True)

    class Meta:
        model = Run
        fields = [
            "id", "number", "playbook", "title", "purpose", "state", "reason", "problem", "created_by", "created_at",
            "started_at", "finished_at", "hosts_total", "hosts_done", "hosts_failed", "hosts_silent", "events_count", "events_digest",
        ]  # fmt: skip


class StartSerializer(serializers.Serializer[None]):
    playbook = serializers.CharField()
    nodes = serializers.ListField(child=serializers.CharField(), allow_empty=False)
    inputs = serializers.DictField(required=False, default=dict)
    reason = serializers.CharField()
    check = serializers.BooleanField(required=False, default=False)


class EventSerializer(serializers.ModelSerializer[RunEvent]):
    class Meta:
        model = RunEvent
        fields = ["seq", "at", "host", "task", "status", "changed", "message", "data"]


class RunReasonSerializer(serializers.Serializer[None]):
    reason = serializers.CharField(allow_blank=True, default="")


class RunViewSet(mixins.RetrieveModelMixin, mixins.ListModelMixin, viewsets.GenericViewSet[Run]):
    """Runs of playbooks: start one, follow its events by number, stop it."""

    serializer_class = PlaybookRunSerializer
    filterset_class = RunFilter
    queryset = Run.objects.none()

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        rights.require(request.user, "automation.view")

    def get_queryset(self):  # type: ignore[no-untyped-def]
        return selectors.runs()

    @extend_schema(request=StartSerializer, responses=PlaybookRunSerializer)
    def create(self, request: Request) -> Response:
        given = StartSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        run = services.run_start(actor=request.user, **given.validated_data)
        return Response(PlaybookRunSerializer(run).data, status=201)

    @extend_schema(request=RunReasonSerializer, responses=PlaybookRunSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        given = RunReasonSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        run = self.get_object()
        services.run_cancel(actor=request.user, run=run, **given.validated_data)
        run.refresh_from_db()
        return Response(PlaybookRunSerializer(run).data)

    @extend_schema(responses=EventSerializer(many=True))
    @action(detail=True, filterset_class=None)
    def events(self, request: Request, pk: str) -> Response:
        """Events above `after` (default 0), oldest first, paged like every list."""
        after = request.query_params.get("after", "0")
        found = self.get_object().events.filter(seq__gt=int(after) if after.isdigit() else 0).order_by("seq")
        return self.get_paginated_response(EventSerializer(self.paginate_queryset(found), many=True).data)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True)
    def proof(self, request: Request, pk: str) -> Response:
        """Recompute the log's digest."""
        report = selectors.log_verify(Run.objects.get(pk=self.get_object().pk))
        return Response(
            {"events": report.events, "recorded": report.recorded, "intact": report.intact, "altered": report.altered}
        )


class PlaybookViewSet(viewsets.ViewSet):
    """The catalogue of playbooks with their options."""

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        rights.require(request.user, "automation.view")

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def list(self, request: Request) -> Response:
        rows = [
            {
                "code": book.code, "title": book.title, "description": book.description, "effect": book.effect,
                "from_form": book.from_form, "check": book.check, "rounds": book.rounds,
                "options": [
                    {"name": o.name, "type": o.type, "required": o.required, "default": o.default, "choices": o.choices,
                     "description": o.description, "least": o.least, "most": o.most}
                    for o in book.options
                ],
            }
            for book in catalogue.playbooks().values()
        ]  # fmt: skip
        return Response({"count": len(rows), "next": None, "results": rows})


routes: list[tuple[str, type[viewsets.ViewSetMixin], str]] = [
    ("runs", RunViewSet, "run"),
    ("playbooks", PlaybookViewSet, "playbook"),
    *playbook_rest.routes,
    *workflow_rest.routes,
]
