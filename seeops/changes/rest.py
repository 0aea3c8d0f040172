"""REST resources of change tickets: the same services as the pages."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from seeops.accounts import rights
from seeops.changes import approval_rest, control_rest, glass, guard, selectors, services
from seeops.changes.control_rest import BreakGlassSerializer
from seeops.changes.filters import TicketFilter
from seeops.changes.models import Approval, ChangeTicket
from seeops.changes.movement import FIELDS, ITEMS
from seeops.core.clock import now
from seeops.inventory import selectors as inventory
from seeops.topology import selectors as topology


class ApprovalSerializer(serializers.ModelSerializer[Approval]):
    approver = serializers.CharField(source="approver.username")
    on_behalf_of = serializers.CharField(source="on_behalf_of.username", default=None)

    class Meta:
        model = Approval
        fields = [
            "id", "approver", "on_behalf_of", "stage", "decision", "reason", "at", "expires_at", "stepped_up_at",
            "plan_digest", "content_digest", "voided_at", "voided_because",
        ]  # fmt: skip


class TicketSerializer(serializers.ModelSerializer[ChangeTicket]):
    requester = serializers.CharField(source="requester.username", read_only=True)
    services = serializers.SlugRelatedField(slug_field="name", many=True, queryset=inventory.services(), required=False)
    nodes = serializers.SlugRelatedField(
        slug_field="name", many=True, queryset=inventory.active_nodes(), required=False, write_only=True
    )
    chains = serializers.SlugRelatedField(
        slug_field="code", many=True, queryset=topology.chains(), required=False, write_only=True
    )

    class Meta:
        model = ChangeTicket
        fields = [
            "id", "number", "title", "kind", "requester", "state", "reason", "services", "nodes", "chains", "window_start",
            "window_end", "reversibility", "incident", "template", "risk_level", "impact_digest", "plan_digest", "content_digest", "created_at", "submitted_at", "started_at", "finished_at",
            "outcome",
        ]  # fmt: skip
        read_only_fields = [
            "id", "number", "state", "risk_level", "impact_digest", "plan_digest", "content_digest", "created_at", "submitted_at",
            "started_at", "finished_at", "outcome",
        ]  # fmt: skip


class TicketDetailSerializer(TicketSerializer):
    approvals = ApprovalSerializer(many=True, read_only=True)

    class Meta(TicketSerializer.Meta):
        fields = [*TicketSerializer.Meta.fields, "impact", "plan", "risk", "stages", "approvals"]


class DecisionSerializer(serializers.Serializer[None]):
    reason = serializers.CharField()
    seen = serializers.CharField(help_text="content_digest of the ticket as it was read")


class ApproveSerializer(DecisionSerializer):
    code = serializers.CharField(
        help_text="code of the second factor, where the stage asks for it", allow_blank=True, default=""
    )


class OpenGlassSerializer(serializers.Serializer[None]):
    reason = serializers.CharField()
    incident = serializers.CharField()
    code = serializers.CharField(help_text="code of the second factor", allow_blank=True, default="")


class WindowSerializer(serializers.Serializer[None]):
    allowed = serializers.BooleanField()
    problem = serializers.CharField(allow_blank=True)
    next_allowed = serializers.DateTimeField(allow_null=True)
    closes_at = serializers.DateTimeField(allow_null=True)


class ChangeReasonSerializer(serializers.Serializer[None]):
    reason = serializers.CharField(allow_blank=True, default="")


class TicketViewSet(
    mixins.CreateModelMixin,
    mixins.RetrieveModelMixin,
    mixins.ListModelMixin,
    viewsets.GenericViewSet[ChangeTicket],
):
    """Change tickets: ask, submit, approve or reject (never one's own), cancel."""

    filterset_class = TicketFilter
    queryset = ChangeTicket.objects.none()

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        rights.require(request.user, "change.view")

    def get_queryset(self):  # type: ignore[no-untyped-def]
        if self.action == "list":
            return selectors.tickets()
        return ChangeTicket.objects.select_related("requester").prefetch_related(
            "services", "approvals__approver", "approvals__on_behalf_of"
        )

    def get_serializer_class(self):  # type: ignore[no-untyped-def]
        return TicketSerializer if self.action in ("list", "create", "update") else TicketDetailSerializer

    def perform_create(self, serializer: serializers.BaseSerializer[ChangeTicket]) -> None:
        serializer.instance = services.ticket_create(actor=self.request.user, **serializer.validated_data)

    @extend_schema(request=TicketSerializer, responses=TicketDetailSerializer)
    @action(detail=True, methods=["post"])
    def change(self, request: Request, pk: str) -> Response:
        """Replace the ticket's content; approvals of the old content are void."""
        ticket = self.get_object()
        given = TicketSerializer(ticket, data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        values = {name: getattr(ticket, name) for name in FIELDS}
        values |= {name: list(getattr(ticket, name).all()) for name in ITEMS}
        services.ticket_update(actor=request.user, ticket=ticket, **(values | given.validated_data))
        return self._answer(ticket)

    @extend_schema(request=None, responses=TicketDetailSerializer)
    @action(detail=True, methods=["post"])
    def submit(self, request: Request, pk: str) -> Response:
        return self._answer(services.ticket_submit(actor=request.user, ticket=self.get_object()))

    @extend_schema(request=None, responses=TicketDetailSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        return self._answer(services.ticket_withdraw(actor=request.user, ticket=self.get_object()))

    @extend_schema(request=ApproveSerializer, responses=TicketDetailSerializer)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        """Approve exactly the content with the digest `seen`. Refused for the requester, the planner and whoever acts for them."""
        given = self._given(ApproveSerializer)
        return self._answer(services.ticket_approve(actor=request.user, ticket=self.get_object(), **given))

    @extend_schema(request=DecisionSerializer, responses=TicketDetailSerializer)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: str) -> Response:
        given = self._given(DecisionSerializer)
        return self._answer(services.ticket_reject(actor=request.user, ticket=self.get_object(), **given))

    @extend_schema(request=ChangeReasonSerializer, responses=TicketDetailSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        given = ChangeReasonSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return self._answer(
            services.ticket_cancel(actor=request.user, ticket=self.get_object(), **given.validated_data)
        )

    @extend_schema(request=OpenGlassSerializer, responses=BreakGlassSerializer)
    @action(detail=True, methods=["post"], url_path="break-glass")
    def break_glass(self, request: Request, pk: str) -> Response:
        """Ask for break-glass: a second person must confirm it at /break-glass/{id}/confirm/."""
        row = glass.glass_open(actor=request.user, ticket=self.get_object(), **self._given(OpenGlassSerializer))
        return Response(BreakGlassSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=WindowSerializer)
    @action(detail=True, methods=["get"], pagination_class=None, filter_backends=[])
    def window(self, request: Request, pk: str) -> Response:
        """Whether the change may touch production now, why not, when next, and until when."""
        ticket, moment = self.get_object(), now()
        problem = guard.closed(ticket, moment)
        body = {
            "allowed": not problem, "problem": problem,
            "next_allowed": guard.next_allowed(ticket, moment),
            "closes_at": None if problem else guard.closes_at(ticket, moment),
        }  # fmt: skip
        return Response(WindowSerializer(body).data)

    def _given(self, kind: type[serializers.Serializer[None]]) -> dict[str, str]:
        given = kind(data=self.request.data)
        given.is_valid(raise_exception=True)
        return dict(given.validated_data)

    def _answer(self, ticket: ChangeTicket) -> Response:
        return Response(TicketDetailSerializer(self.get_queryset().get(pk=ticket.pk)).data)


routes = [("changes", TicketViewSet, "change"), *control_rest.routes, *approval_rest.routes]
