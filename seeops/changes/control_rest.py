"""REST resources of what rules the changes: freezes, corrections of the calendar, delegations, break-glass."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from seeops.accounts import rights
from seeops.accounts import selectors as accounts
from seeops.changes import delegations, freezes, glass
from seeops.changes.models import BreakGlass, CalendarDay, Delegation, FreezeRule
from seeops.inventory import selectors as inventory
from seeops.inventory.models import Domain
from seeops.topology import selectors as topology


class ReadsChanges:
    """Whoever may read changes may read this resource."""

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        rights.require(request.user, "change.view")


class _Read(ReadsChanges, viewsets.GenericViewSet[Any]):
    """A resource of rows."""


class RuleReasonSerializer(serializers.Serializer[None]):
    reason = serializers.CharField()


class FreezeSerializer(serializers.ModelSerializer[FreezeRule]):
    services = serializers.SlugRelatedField(slug_field="name", many=True, queryset=inventory.services(), required=False)
    domains = serializers.SlugRelatedField(slug_field="code", many=True, queryset=Domain.objects.all(), required=False)
    chains = serializers.SlugRelatedField(slug_field="code", many=True, queryset=topology.chains(), required=False)
    change_reason = serializers.CharField(write_only=True)

    class Meta:
        model = FreezeRule
        fields = ["id", *freezes.RULE_FIELDS, *freezes.SCOPES, "change_reason"]


class FreezeViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.CreateModelMixin, _Read):
    """Freezes: when and where production may not be changed."""

    queryset = FreezeRule.objects.prefetch_related("services", "domains", "chains")
    serializer_class = FreezeSerializer

    def perform_create(self, serializer: serializers.BaseSerializer[FreezeRule]) -> None:
        serializer.instance = self._save(None, dict(serializer.validated_data))

    @extend_schema(request=FreezeSerializer, responses=FreezeSerializer)
    @action(detail=True, methods=["post"])
    def change(self, request: Request, pk: str) -> Response:
        rule = self.get_object()
        given = FreezeSerializer(rule, data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        scope = {name: list(getattr(rule, name).all()) for name in freezes.SCOPES}
        return Response(FreezeSerializer(self._save(rule, scope | given.validated_data)).data)

    @extend_schema(request=RuleReasonSerializer, responses={204: None})
    @action(detail=True, methods=["post"])
    def remove(self, request: Request, pk: str) -> Response:
        given = RuleReasonSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        freezes.rule_remove(actor=request.user, rule=self.get_object(), **given.validated_data)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _save(self, rule: FreezeRule | None, given: dict[str, Any]) -> FreezeRule:
        reason = given.pop("change_reason", "")
        scope = {name: given.pop(name, ()) for name in freezes.SCOPES}
        return freezes.rule_save(actor=self.request.user, rule=rule, values=given, scope=scope, reason=reason)


class CalendarDaySerializer(serializers.ModelSerializer[CalendarDay]):
    class Meta:
        model = CalendarDay
        fields = ["id", "day", "trading", "note"]
        extra_kwargs = {"day": {"validators": []}}


class CalendarDayViewSet(mixins.ListModelMixin, mixins.CreateModelMixin, _Read):
    """Corrections of the exchange's calendar; a second one of the same day replaces the first."""

    queryset = CalendarDay.objects.all()
    serializer_class = CalendarDaySerializer

    def perform_create(self, serializer: serializers.BaseSerializer[CalendarDay]) -> None:
        serializer.instance = freezes.day_set(actor=self.request.user, **serializer.validated_data)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def remove(self, request: Request, pk: str) -> Response:
        freezes.day_remove(actor=request.user, day=self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)


class DelegationSerializer(serializers.ModelSerializer[Delegation]):
    delegator = serializers.CharField(source="delegator.username", read_only=True)
    delegate = serializers.SlugRelatedField(slug_field="username", queryset=accounts.people())

    class Meta:
        model = Delegation
        fields = ["id", "delegator", "delegate", "starts_at", "ends_at", "reason", "revoked_at"]
        read_only_fields = ["revoked_at"]


class DelegationViewSet(mixins.ListModelMixin, mixins.CreateModelMixin, _Read):
    """Rights to approve that were passed on: one's own only."""

    queryset = Delegation.objects.select_related("delegator", "delegate")
    serializer_class = DelegationSerializer

    def perform_create(self, serializer: serializers.BaseSerializer[Delegation]) -> None:
        serializer.instance = delegations.delegation_create(actor=self.request.user, **serializer.validated_data)

    @extend_schema(request=None, responses=DelegationSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str) -> Response:
        row = delegations.delegation_revoke(actor=request.user, delegation=self.get_object())
        return Response(DelegationSerializer(row).data)


class BreakGlassSerializer(serializers.ModelSerializer[BreakGlass]):
    ticket = serializers.CharField(source="ticket.number")
    opened_by = serializers.CharField(source="opened_by.username")
    confirmed_by = serializers.CharField(source="confirmed_by.username", default=None)
    reviewed_by = serializers.CharField(source="reviewed_by.username", default=None)

    class Meta:
        model = BreakGlass
        fields = [
            "id", "ticket", "reason", "incident", "opened_by", "opened_at", "confirmed_by", "confirmed_at", "expires_at",
            "closed_at", "used_at", "reviewed_by", "reviewed_at", "review",
        ]  # fmt: skip


class ConfirmSerializer(serializers.Serializer[None]):
    reason = serializers.CharField()
    seen = serializers.CharField(help_text="content_digest of the ticket as it was read")
    code = serializers.CharField(help_text="code of the second factor", allow_blank=True, default="")


class ReviewSerializer(serializers.Serializer[None]):
    review = serializers.CharField()


class BreakGlassViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, _Read):
    """Emergencies past the freezes. Opened at /changes/{id}/break-glass/."""

    queryset = BreakGlass.objects.select_related("ticket", "opened_by", "confirmed_by", "reviewed_by").defer(
        "ticket__impact", "ticket__plan"
    )
    serializer_class = BreakGlassSerializer

    @extend_schema(request=ConfirmSerializer, responses=BreakGlassSerializer)
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: str) -> Response:
        """As the second person, with the second factor; never who opened it or takes part in the change."""
        given = ConfirmSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return self._answer(glass.glass_confirm(actor=request.user, glass=self.get_object(), **given.validated_data))

    @extend_schema(request=None, responses=BreakGlassSerializer)
    @action(detail=True, methods=["post"])
    def close(self, request: Request, pk: str) -> Response:
        return self._answer(glass.glass_close(actor=request.user, glass=self.get_object()))

    @extend_schema(request=ReviewSerializer, responses=BreakGlassSerializer)
    @action(detail=True, methods=["post"])
    def review(self, request: Request, pk: str) -> Response:
        given = ReviewSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return self._answer(glass.glass_review(actor=request.user, glass=self.get_object(), **given.validated_data))

    def _answer(self, row: BreakGlass) -> Response:
        return Response(BreakGlassSerializer(self.get_queryset().get(pk=row.pk)).data)


routes = [
    ("freezes", FreezeViewSet, "freeze"),
    ("calendar-days", CalendarDayViewSet, "calendar-day"),
    ("delegations", DelegationViewSet, "delegation"),
    ("break-glass", BreakGlassViewSet, "break-glass"),
]
