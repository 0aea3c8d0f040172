"""REST resources of workflows, with the same services as the pages."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from seeops.accounts import rights
from seeops.automation import workflow_selectors as selectors
from seeops.automation.models import StepRun, Workflow, WorkflowRun, WorkflowVersion
from seeops.automation.workflow_evidence import evidence
from seeops.automation.workflows import commands, versions
from seeops.automation.workflows.text import write


class WorkflowSerializer(serializers.ModelSerializer[Workflow]):
    created_by = serializers.CharField(source="created_by.username", read_only=True)
    newest = serializers.IntegerField(read_only=True)
    approved = serializers.IntegerField(read_only=True, allow_null=True)

    class Meta:
        model = Workflow
        fields = ["slug", "title", "created_by", "created_at", "newest", "approved"]


class WorkflowVersionSerializer(serializers.ModelSerializer[WorkflowVersion]):
    workflow = serializers.CharField(source="workflow.slug", read_only=True)
    created_by = serializers.CharField(source="created_by.username", read_only=True)
    decided_by = serializers.CharField(source="decided_by.username", read_only=True, allow_null=True)

    class Meta:
        model = WorkflowVersion
        fields = ["workflow", "number", "state", "digest", "note", "created_by", "created_at", "decided_by", "decided_at",
                  "decision_reason", "definition"]  # fmt: skip


class StepRunSerializer(serializers.ModelSerializer[StepRun]):
    class Meta:
        model = StepRun
        fields = ["id", "step", "branch", "attempt", "kind", "state", "key", "parameters", "outputs", "problem", "outcome", "started_at",
                  "finished_at"]  # fmt: skip


class WorkflowRunSerializer(serializers.ModelSerializer[WorkflowRun]):
    workflow = serializers.CharField(source="version.workflow.slug", read_only=True)
    version = serializers.IntegerField(source="version.number", read_only=True)
    started_by = serializers.CharField(source="started_by.username", read_only=True)

    class Meta:
        model = WorkflowRun
        fields = ["id", "number", "workflow", "version", "trial", "state", "state_reason", "current", "branches", "pause_requested",
                  "started_by", "reason", "created_at", "finished_at"]  # fmt: skip


class NewWorkflowSerializer(serializers.Serializer[None]):
    title = serializers.CharField(max_length=120)


class SaveSerializer(serializers.Serializer[None]):
    base = serializers.IntegerField(min_value=0)
    note = serializers.CharField(required=False, allow_blank=True, default="")
    definition = serializers.JSONField(required=False)
    yaml = serializers.CharField(required=False, trim_whitespace=False)


class VersionDecisionSerializer(serializers.Serializer[None]):
    approve = serializers.BooleanField()
    digest = serializers.CharField()
    reason = serializers.CharField(required=False, allow_blank=True, default="")


class StartWorkflowSerializer(serializers.Serializer[None]):
    inputs = serializers.DictField(required=False, default=dict)
    reason = serializers.CharField()
    trial = serializers.BooleanField(required=False, default=False)


class WorkflowReasonSerializer(serializers.Serializer[None]):
    reason = serializers.CharField(required=False, allow_blank=True, default="")


class StepReasonSerializer(WorkflowReasonSerializer):
    step = serializers.CharField()


class StepDecisionSerializer(serializers.Serializer[None]):
    agreed = serializers.BooleanField()
    comment = serializers.CharField(required=False, allow_blank=True, default="")


def _given(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    given = serializer(data=request.data)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)


class WorkflowViewSet(mixins.RetrieveModelMixin, mixins.ListModelMixin, viewsets.GenericViewSet[Workflow]):
    """Workflows and their versions: save (checked), submit, decide, start."""

    serializer_class = WorkflowSerializer
    queryset = Workflow.objects.none()
    lookup_field = "slug"

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        rights.require(request.user, "automation.view")

    def get_queryset(self):  # type: ignore[no-untyped-def]
        return selectors.workflows()

    def _version(self, number: str) -> WorkflowVersion:
        found = WorkflowVersion.objects.select_related("workflow", "created_by", "decided_by")
        return get_object_or_404(found, workflow=self.get_object(), number=number)

    @extend_schema(request=NewWorkflowSerializer, responses=WorkflowSerializer)
    def create(self, request: Request) -> Response:
        made = versions.workflow_create(actor=request.user, **_given(NewWorkflowSerializer, request))
        return Response(WorkflowSerializer(selectors.workflows().get(pk=made.pk)).data, status=201)

    @extend_schema(request=SaveSerializer, responses=WorkflowVersionSerializer)
    @action(detail=True, methods=["post"])
    def save(self, request: Request, slug: str) -> Response:
        """Save a new version from `definition` or `yaml`; 400 with every finding when the checks find errors."""
        given = _given(SaveSerializer, request)
        definition = versions.parsed(given["yaml"]) if "yaml" in given else given.get("definition")
        try:
            version = versions.version_save(
                actor=request.user,
                workflow=self.get_object(),
                definition=definition,
                base=given["base"],
                note=given["note"],
            )
        except versions.NotSound as error:
            body = {"detail": str(error), "code": error.code, "findings": [item.as_dict() for item in error.findings]}
            return Response(body, status=error.status)
        return Response(WorkflowVersionSerializer(version).data, status=201)

    @extend_schema(responses=WorkflowVersionSerializer)
    @action(detail=True, url_path=r"versions/(?P<number>\d+)")
    def version(self, request: Request, slug: str, number: str) -> Response:
        return Response(WorkflowVersionSerializer(self._version(number)).data)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True, url_path=r"versions/(?P<number>\d+)/yaml")
    def yaml(self, request: Request, slug: str, number: str) -> Response:
        return Response({"yaml": write(self._version(number).definition)})

    @extend_schema(request=None, responses=WorkflowVersionSerializer)
    @action(detail=True, methods=["post"], url_path=r"versions/(?P<number>\d+)/submit")
    def submit(self, request: Request, slug: str, number: str) -> Response:
        version = self._version(number)
        versions.version_submit(actor=request.user, version=version)
        return Response(WorkflowVersionSerializer(version).data)

    @extend_schema(request=VersionDecisionSerializer, responses=WorkflowVersionSerializer)
    @action(detail=True, methods=["post"], url_path=r"versions/(?P<number>\d+)/decide")
    def decide(self, request: Request, slug: str, number: str) -> Response:
        version = self._version(number)
        versions.version_decide(actor=request.user, version=version, **_given(VersionDecisionSerializer, request))
        return Response(WorkflowVersionSerializer(version).data)

    @extend_schema(request=StartWorkflowSerializer, responses=WorkflowRunSerializer)
    @action(detail=True, methods=["post"], url_path=r"versions/(?P<number>\d+)/start")
    def start(self, request: Request, slug: str, number: str) -> Response:
        given = _given(StartWorkflowSerializer, request)
        run = commands.workflow_start(actor=request.user, version=self._version(number), **given)
        return Response(WorkflowRunSerializer(run).data, status=201)


class WorkflowRunViewSet(mixins.RetrieveModelMixin, mixins.ListModelMixin, viewsets.GenericViewSet[WorkflowRun]):
    """Runs of workflows: follow the steps, pause, resume, cancel, go on from a failed step, decide."""

    serializer_class = WorkflowRunSerializer
    queryset = WorkflowRun.objects.none()

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        rights.require(request.user, "automation.view")

    def get_queryset(self):  # type: ignore[no-untyped-def]
        return selectors.runs()

    def _now(self) -> Response:
        return Response(WorkflowRunSerializer(self.get_object()).data)

    @extend_schema(responses=StepRunSerializer(many=True))
    @action(detail=True)
    def steps(self, request: Request, pk: str) -> Response:
        """Every attempt, oldest first."""
        found = self.get_object().steps.order_by("id")
        return self.get_paginated_response(StepRunSerializer(self.paginate_queryset(found), many=True).data)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True)
    def evidence(self, request: Request, pk: str) -> Response:
        """Who, what, when, under which approval; with a digest over all of it."""
        run = selectors.run_with_steps(self.get_object().pk)
        return Response(evidence(run) if run else {})

    @extend_schema(request=WorkflowReasonSerializer, responses=WorkflowRunSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        commands.workflow_pause(actor=request.user, run=self.get_object(), **_given(WorkflowReasonSerializer, request))
        return self._now()

    @extend_schema(request=None, responses=WorkflowRunSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        commands.workflow_resume(actor=request.user, run=self.get_object())
        return self._now()

    @extend_schema(request=WorkflowReasonSerializer, responses=WorkflowRunSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        commands.workflow_cancel(actor=request.user, run=self.get_object(), **_given(WorkflowReasonSerializer, request))
        return self._now()

    @extend_schema(request=StepReasonSerializer, responses=WorkflowRunSerializer)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        commands.step_retry(actor=request.user, run=self.get_object(), **_given(StepReasonSerializer, request))
        return self._now()

    @extend_schema(request=StepReasonSerializer, responses=WorkflowRunSerializer)
    @action(detail=True, methods=["post"])
    def skip(self, request: Request, pk: str) -> Response:
        commands.step_pass_over(actor=request.user, run=self.get_object(), **_given(StepReasonSerializer, request))
        return self._now()

    @extend_schema(request=StepDecisionSerializer, responses=WorkflowRunSerializer)
    @action(detail=True, methods=["post"], url_path=r"steps/(?P<attempt>\d+)/decide")
    def decide(self, request: Request, pk: str, attempt: str) -> Response:
        step = get_object_or_404(StepRun.objects.select_related("run"), run=self.get_object(), pk=attempt)
        commands.step_decide(actor=request.user, step=step, **_given(StepDecisionSerializer, request))
        return self._now()


routes: list[tuple[str, type[viewsets.ViewSetMixin], str]] = [
    ("workflows", WorkflowViewSet, "workflow"),
    ("workflow-runs", WorkflowRunViewSet, "workflow-run"),
]
