"""REST resources of change tickets: the same services as the pages."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from seeops.accounts import rights
from seeops.changes import selectors, services
from seeops.changes.filters import TicketFilter
from seeops.changes.models import Approval, ChangeTicket
from seeops.inventory import selectors as inventory


class ApprovalSerializer(serializers.ModelSerializer[Approval]):
    approver = serializers.CharField(source="approver.username")

    class Meta:
        model = Approval
        fields = [
            "id", "approver", "decision", "reason", "at", "plan_digest", "content_digest", "voided_at", "voided_because",
        ]  # fmt: skip


class TicketSerializer(serializers.ModelSerializer[ChangeTicket]):
    requester = serializers.CharField(source="requester.username", read_only=True)
    services = serializers.SlugRelatedField(slug_field="name", many=True, queryset=inventory.services())

    class Meta:
        model = ChangeTicket
        fields = [
            "id", "number", "title", "kind", "requester", "state", "reason", "services", "window_start", "window_end",
            "impact_digest", "plan_digest", "content_digest", "created_at", "submitted_at", "started_at", "finished_at",
            "outcome",
        ]  # fmt: skip
        read_only_fields = [
            "id", "number", "state", "impact_digest", "plan_digest", "content_digest", "created_at", "submitted_at",
            "started_at", "finished_at", "outcome",
        ]  # fmt: skip


class TicketDetailSerializer(TicketSerializer):
    approvals = ApprovalSerializer(many=True, read_only=True)

    class Meta(TicketSerializer.Meta):
        fields = [*TicketSerializer.Meta.fields, "impact", "plan", "approvals"]


class DecisionSerializer(serializers.Serializer[None]):
    reason = serializers.CharField()
    seen = serializers.CharField(help_text="content_digest of the ticket as it was read")


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
        return ChangeTicket.objects.select_related("requester").prefetch_related("services", "approvals__approver")

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
        names = ("title", "kind", "reason", "window_start", "window_end")
        values = {name: getattr(ticket, name) for name in names} | {"services": list(ticket.services.all())}
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

    @extend_schema(request=DecisionSerializer, responses=TicketDetailSerializer)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        """Approve exactly the content with the digest `seen`. Refused for the requester and the planner."""
        return self._answer(services.ticket_approve(actor=request.user, ticket=self.get_object(), **self._decision()))

    @extend_schema(request=DecisionSerializer, responses=TicketDetailSerializer)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: str) -> Response:
        return self._answer(services.ticket_reject(actor=request.user, ticket=self.get_object(), **self._decision()))

    @extend_schema(request=ChangeReasonSerializer, responses=TicketDetailSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        given = ChangeReasonSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return self._answer(
            services.ticket_cancel(actor=request.user, ticket=self.get_object(), **given.validated_data)
        )

    def _decision(self) -> dict[str, str]:
        given = DecisionSerializer(data=self.request.data)
        given.is_valid(raise_exception=True)
        return dict(given.validated_data)

    def _answer(self, ticket: ChangeTicket) -> Response:
        return Response(TicketDetailSerializer(self.get_queryset().get(pk=ticket.pk)).data)


routes = [("changes", TicketViewSet, "change")]
