"""REST resources of the experiments."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet, ViewSet

from seeops.accounts import rights
from seeops.core.http import required
from seeops.resilience import catalogue, guard, selectors, services
from seeops.resilience.models import ExperimentRun

REASON = inline_serializer("Reason", {"reason": serializers.CharField()})


class RunSerializer(serializers.ModelSerializer[ExperimentRun]):
    started_by = serializers.CharField(source="started_by.username")

    class Meta:
        model = ExperimentRun
        fields = [
            "id", "number", "code", "title", "digest", "declared", "prediction_digest", "state", "reason", "stop_reason",
            "started_by", "session_phase", "created_at", "injected_at", "ended_at", "outcome", "why", "undo_ok", "restored",
            "recovered_s", "felt_s", "worst_success", "failed_requests", "unmeasured_s", "lost_orders", "duplicate_orders",
            "journal_sha256", "detected", "detected_by", "detected_after_s", "alerts_fired", "predicted_right",
        ]  # fmt: skip


class ExperimentViewSet(ViewSet):
    """Experiment files: GET lists and shows them, POST …/{code}/start/ {"reason"} runs one."""

    lookup_field = "code"
    lookup_value_regex = "[-a-z0-9]+"

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def list(self, request: Request) -> Response:
        rights.require(request.user, "experiment.view")
        entries = list(catalogue.catalogue().experiments.values())
        limit = (
            int(request.query_params.get("limit", 50)) if str(request.query_params.get("limit", "50")).isdigit() else 50
        )
        return Response({"count": len(entries), "next": None, "results": [asdict(entry) for entry in entries[:limit]]})

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def retrieve(self, request: Request, code: str) -> Response:
        rights.require(request.user, "experiment.view")
        experiment = catalogue.experiment(code)
        prediction, digest = selectors.predict(experiment)
        return Response(
            {
                **asdict(experiment),
                "refusals": guard.refusals(selectors.facts(experiment)),
                "prediction": prediction,
                "prediction_digest": digest,
            }
        )

    @extend_schema(request=REASON, responses=RunSerializer)
    @action(detail=True, methods=["post"])
    def start(self, request: Request, code: str) -> Response:
        run = services.experiment_start(
            actor=request.user, experiment=catalogue.experiment(code), reason=required(request.data, "reason")
        )
        return Response(RunSerializer(run).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        request=inline_serializer("Lever", {"pulled": serializers.BooleanField(), "reason": serializers.CharField()}),
        responses=OpenApiTypes.OBJECT,
    )
    @action(detail=False, methods=["get", "post"])
    def lever(self, request: Request) -> Response:
        """The safety lever: GET shows how it stands, POST pulls or releases it."""
        rights.require(request.user, "experiment.view")
        if request.method == "POST":
            change = services.lever_pull if request.data.get("pulled") is True else services.lever_release
            change(actor=request.user, reason=required(request.data, "reason"))
        found = selectors.lever()
        if found is None:
            return Response({"pulled": False, "reason": "", "by": None, "at": None})
        return Response({"pulled": found.pulled, "reason": found.reason, "by": found.person.username, "at": found.at})


class RunViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[ExperimentRun]):
    """Runs of experiments, newest first."""

    serializer_class = RunSerializer
    queryset = ExperimentRun.objects.select_related("started_by")
    filterset_fields = ["code", "outcome", "state"]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        rights.require(request.user, "experiment.view")

    @extend_schema(request=REASON, responses=RunSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        run = self.get_object()
        services.experiment_stop(actor=request.user, run=run, reason=required(request.data, "reason"))
        run.refresh_from_db()
        return Response(RunSerializer(run).data)


routes = [
    ("experiments", ExperimentViewSet, "experiment"),
    ("experiment-runs", RunViewSet, "experiment-run"),
]
