"""REST resources of releases: the same services as the pages."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from seeops.accounts import rights
from seeops.changes.models import ChangeTicket, Reversibility
from seeops.inventory import selectors as inventory
from seeops.releases import batches, planning, selectors, services, simulation, verdict_rest
from seeops.releases.filters import ReleaseFilter
from seeops.releases.models import Batch, Release, ReleasePart, Verdict

SHORT_FORM = ("service", "version", "expression", "nodes", "reversibility", "order")


class BatchSerializer(serializers.ModelSerializer[Batch]):
    service = serializers.CharField(source="part.service.name")
    total = serializers.IntegerField()
    done = serializers.IntegerField()

    class Meta:
        model = Batch
        fields = [
            "number", "service", "term", "state", "concurrency", "total", "done", "started_at", "deployed_at", "soak_until",
            "extensions", "finished_at",
        ]  # fmt: skip


class VerdictSerializer(serializers.ModelSerializer[Verdict]):
    batch = serializers.IntegerField(source="batch.number")

    class Meta:
        model = Verdict
        fields = [
            "id",
            "batch",
            "outcome",
            "summary",
            "baseline",
            "window_from",
            "window_until",
            "metrics",
            "digest",
            "at",
        ]


class PartSerializer(serializers.ModelSerializer[ReleasePart]):
    service = serializers.CharField(source="service.name", read_only=True)
    version = serializers.CharField(source="version.number", read_only=True)

    class Meta:
        model = ReleasePart
        fields = ["position", "service", "version", "expression", "reversibility"]


class ReleaseSerializer(serializers.ModelSerializer[Release]):
    ticket = serializers.CharField(source="ticket.number", read_only=True)
    title = serializers.CharField(read_only=True)
    parts = PartSerializer(many=True, read_only=True)
    unattended = serializers.BooleanField(read_only=True)

    class Meta:
        model = Release
        fields = [
            "id", "number", "ticket", "title", "parts", "state", "state_reason", "hold_kind", "unattended", "soak_s",
            "plan_digest", "created_at", "started_at", "finished_at",
        ]  # fmt: skip


class PartWishSerializer(serializers.Serializer[None]):
    """One service and what it goes to."""

    service = serializers.SlugRelatedField(slug_field="name", queryset=inventory.services())
    version = serializers.CharField()
    expression = serializers.CharField(required=False, allow_blank=True, default="")
    nodes = serializers.ListField(child=serializers.CharField(), required=False, allow_null=True, default=None)
    reversibility = serializers.ChoiceField(Reversibility.choices, required=False, default=Reversibility.AUTO)
    order = serializers.ChoiceField(batches.ORDERS, required=False, default=batches.SPREAD)
    short = serializers.BooleanField(
        required=False, default=False, help_text="accept one node less than needed where a centre has none to spare"
    )


class PlanSerializer(serializers.Serializer[None]):
    """What a plan is made from: `parts`, or one service in short with service, version, expression, nodes, reversibility."""

    parts = PartWishSerializer(many=True, required=False)
    service = serializers.SlugRelatedField(slug_field="name", queryset=inventory.services(), required=False)
    version = serializers.CharField(required=False)
    expression = serializers.CharField(required=False, allow_blank=True)
    nodes = serializers.ListField(child=serializers.CharField(), required=False, allow_null=True)
    reversibility = serializers.ChoiceField(Reversibility.choices, required=False)
    order = serializers.ChoiceField(batches.ORDERS, required=False)
    soak_s = serializers.IntegerField(required=False, default=60)
    drain = serializers.BooleanField(required=False, default=True)
    lock_policy = serializers.ChoiceField(planning.LOCK_POLICIES, required=False, default="fail")
    versions_differ_at_most_s = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, max_value=86_400
    )
    most_flow_share = serializers.FloatField(
        required=False, default=planning.MOST_FLOW_SHARE, min_value=0.001, max_value=1,
        help_text="of a business chain's flow, what may be out of service at the same time",
    )  # fmt: skip
    budget_share = serializers.FloatField(
        required=False, default=0.0, min_value=0, max_value=planning.MOST_BUDGET_SHARE,
        help_text="of a batch's nodes, what may fail, not answer or stay silent without ending the batch",
    )  # fmt: skip

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        short = {name: attrs.pop(name) for name in SHORT_FORM if name in attrs}
        if "parts" in attrs and short:
            raise serializers.ValidationError({"parts": _("Give either parts, or one service in short, not both.")})
        if "parts" not in attrs:
            missing = [name for name in ("service", "version") if name not in short]
            if missing:
                raise serializers.ValidationError({missing[0]: _("This field is required.")})
            attrs["parts"] = [short]
        attrs["parts"] = [planning.PartWish(**part) for part in attrs["parts"]]
        return attrs


class CreateSerializer(PlanSerializer):
    ticket = serializers.CharField(help_text="number of the change ticket, such as CHG-00012")


class ReleaseReasonSerializer(serializers.Serializer[None]):
    reason = serializers.CharField(allow_blank=True, default="")


class SkipSerializer(ReleaseReasonSerializer):
    nodes = serializers.ListField(child=serializers.CharField(), allow_empty=False, max_length=2000)


class ReleaseViewSet(
    mixins.RetrieveModelMixin,
    mixins.ListModelMixin,
    viewsets.GenericViewSet[Release],
):
    """Releases: preview and make plans, start, hold, resume, promote, abort, plan again."""

    serializer_class = ReleaseSerializer
    filterset_class = ReleaseFilter
    queryset = Release.objects.none()

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        rights.require(request.user, "release.view")

    def get_queryset(self):  # type: ignore[no-untyped-def]
        return selectors.releases()

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One release with its batches, progress and verdicts."""
        return self._answer(self.get_object())

    @extend_schema(request=CreateSerializer, responses=ReleaseSerializer)
    def create(self, request: Request) -> Response:
        """Freeze a plan and bind it to the ticket; an approval must cover it before the release can start."""
        given = CreateSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        values = dict(given.validated_data)
        ticket = get_object_or_404(ChangeTicket, number=values.pop("ticket"))
        release = services.release_plan(actor=request.user, ticket=ticket, **values)
        answer = self._answer(release)
        answer.status_code = 201
        return answer

    @extend_schema(request=PlanSerializer, responses=OpenApiTypes.OBJECT)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """The plan as it would be now: nothing is stored."""
        given = PlanSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        made = planning.draft(**given.validated_data)
        return Response({"plan": made.plan, "plan_digest": made.digest, "nodes": made.total, "others": made.others})

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True)
    def board(self, request: Request, pk: str) -> Response:
        """Every node with its state, by batch and centre."""
        return Response(selectors.board(self.get_object()))

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True)
    def simulation(self, request: Request, pk: str) -> Response:
        """The plan tried out against the locks, freezes, window, nodes and capacity of this moment; nothing is stored."""
        return Response(simulation.of_release(self.get_object()).as_dict())

    @extend_schema(responses=VerdictSerializer(many=True))
    @action(detail=True, pagination_class=None, filterset_class=None)
    def verdicts(self, request: Request, pk: str) -> Response:
        found = selectors.verdicts(self.get_object())
        return Response(VerdictSerializer(found, many=True).data)

    @extend_schema(request=None, responses=ReleaseSerializer)
    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str) -> Response:
        return self._answer(services.release_start(actor=request.user, release=self.get_object()))

    @extend_schema(request=ReleaseReasonSerializer, responses=ReleaseSerializer)
    @action(detail=True, methods=["post"])
    def hold(self, request: Request, pk: str) -> Response:
        return self._act(services.release_hold)

    @extend_schema(request=ReleaseReasonSerializer, responses=ReleaseSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        return self._act(services.release_resume)

    @extend_schema(request=ReleaseReasonSerializer, responses=ReleaseSerializer)
    @action(detail=True, methods=["post"])
    def promote(self, request: Request, pk: str) -> Response:
        """Let the one batch that waits after an inconclusive verdict pass, or the one gate that could not say."""
        return self._act(services.release_promote)

    @extend_schema(request=SkipSerializer, responses=ReleaseSerializer)
    @action(detail=True, methods=["post"])
    def skip(self, request: Request, pk: str) -> Response:
        """Leave nodes out of a release that holds: they stay as they are and are not counted as done."""
        given = SkipSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        release = services.release_skip_nodes(actor=request.user, release=self.get_object(), **given.validated_data)
        return self._answer(release)

    @extend_schema(request=ReleaseReasonSerializer, responses=ReleaseSerializer)
    @action(detail=True, methods=["post"])
    def abort(self, request: Request, pk: str) -> Response:
        """Stop, and bring touched nodes back."""
        return self._act(services.release_abort)

    @extend_schema(request=ReleaseReasonSerializer, responses=ReleaseSerializer)
    @action(detail=True, methods=["post"], url_path="rollback-again")
    def rollback_again(self, request: Request, pk: str) -> Response:
        return self._act(services.release_rollback_again)

    @extend_schema(request=None, responses=ReleaseSerializer)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """A new release with the same inputs, which needs an approval of its own."""
        return self._answer(services.release_retry(actor=request.user, release=self.get_object()))

    def _act(self, service: Any) -> Response:
        given = ReleaseReasonSerializer(data=self.request.data)
        given.is_valid(raise_exception=True)
        return self._answer(service(actor=self.request.user, release=self.get_object(), **given.validated_data))

    def _answer(self, release: Release) -> Response:
        progress = selectors.progress(release)
        return Response(
            {
                **ReleaseSerializer(release).data,
                "progress": {
                    "done": progress.done, "total": progress.total, "failed": progress.failed, "skipped": progress.skipped,
                    "rate_per_min": progress.rate_per_min, "ends_at": progress.ends_at,
                },
                "batches": BatchSerializer(selectors.batches(release), many=True).data,
                "verdicts": VerdictSerializer(selectors.verdicts(release), many=True).data,
            }
        )  # fmt: skip


routes = [("releases", ReleaseViewSet, "release"), *verdict_rest.routes]
