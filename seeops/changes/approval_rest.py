"""REST resources of who must agree: stages, groups of approvers, templates of standard changes, settings and trading days."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from seeops.accounts import selectors as accounts
from seeops.accounts.models import Role
from seeops.changes import approvers, calendar, freezes, stage_rules, standard
from seeops.changes.control_rest import ReadsChanges, RuleReasonSerializer
from seeops.changes.models import ApproverGroup, ChangePolicy, RiskLevel, StandardTemplate, TicketKind
from seeops.core.clock import now, shanghai
from seeops.core.errors import InvalidInput
from seeops.inventory import selectors as inventory

MOST_DAYS = 400


class StageSerializer(serializers.Serializer[None]):
    number = serializers.IntegerField(read_only=True)
    title = serializers.CharField(max_length=80, allow_blank=True, default="")
    group = serializers.CharField(help_text="code of the group of approvers")
    needed = serializers.IntegerField(min_value=1, max_value=10, help_text="how many different people of the group")
    step_up = serializers.BooleanField(default=False, help_text="asks for the second factor")


class StagesSerializer(serializers.Serializer[None]):
    kind = serializers.ChoiceField(choices=TicketKind.choices)
    risk = serializers.ChoiceField(choices=RiskLevel.choices)
    stages = StageSerializer(many=True)


class StagesChangeSerializer(StagesSerializer):
    reason = serializers.CharField()


def _given(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    given = serializer(data=request.data)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)


class StagesViewSet(ReadsChanges, viewsets.ViewSet):
    """The stages that each kind and risk of a change needs, in order."""

    @extend_schema(responses=StagesSerializer(many=True))
    def list(self, request: Request) -> Response:
        rows = [_stages_of(kind, risk) for kind in TicketKind.values for risk in RiskLevel.values]
        return Response(StagesSerializer(rows, many=True).data)

    @extend_schema(request=StagesChangeSerializer, responses=StagesSerializer)
    @action(detail=False, methods=["post"])
    def change(self, request: Request) -> Response:
        """Replace the stages of one kind and risk; tickets that are submitted already keep theirs."""
        given = _given(StagesChangeSerializer, request)
        stage_rules.stages_set(actor=request.user, **given)
        return Response(StagesSerializer(_stages_of(given["kind"], given["risk"])).data)


def _stages_of(kind: str, risk: str) -> dict[str, Any]:
    return {"kind": kind, "risk": risk, "stages": approvers.stages_for(kind, risk)}


class GroupSerializer(serializers.ModelSerializer[ApproverGroup]):
    code = serializers.SlugField(max_length=40)
    roles = serializers.ListField(child=serializers.ChoiceField(choices=Role.choices), default=list)
    people = serializers.SlugRelatedField(slug_field="username", many=True, queryset=accounts.people(), default=list)
    reason = serializers.CharField(write_only=True)

    class Meta:
        model = ApproverGroup
        fields = ["code", "name", "roles", "people", "reason"]


class GroupViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ReadsChanges, viewsets.GenericViewSet[Any]):
    """Groups of approvers: everybody with one of the roles, and those named. Nobody puts themselves into one."""

    queryset = ApproverGroup.objects.prefetch_related("people")
    serializer_class = GroupSerializer
    lookup_field = "code"

    @extend_schema(request=GroupSerializer, responses=GroupSerializer)
    def create(self, request: Request) -> Response:
        """Make a group, or replace the one with this code."""
        row = stage_rules.group_save(actor=request.user, **_given(GroupSerializer, request))
        return Response(GroupSerializer(row).data, status=201)


class TemplateSerializer(serializers.ModelSerializer[StandardTemplate]):
    services = serializers.SlugRelatedField(slug_field="name", many=True, queryset=inventory.services())
    author = serializers.CharField(source="author.username", read_only=True)
    approved_by = serializers.CharField(source="approved_by.username", read_only=True, default=None)
    holds = serializers.SerializerMethodField()

    class Meta:
        model = StandardTemplate
        fields = ["id", "title", "procedure", "services", "most_nodes", "valid_until", "author", "approved_by", "approved_at",
                  "retired_at", "holds"]  # fmt: skip
        read_only_fields = ["approved_at", "retired_at"]

    def get_holds(self, row: StandardTemplate) -> bool:
        return standard.holds(row)


class TemplateViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, ReadsChanges, viewsets.GenericViewSet[Any]):
    """Templates of standard changes: proposed by one person, approved by another, valid until a day."""

    queryset = StandardTemplate.objects.select_related("author", "approved_by").prefetch_related("services")
    serializer_class = TemplateSerializer

    @extend_schema(request=TemplateSerializer, responses=TemplateSerializer)
    def create(self, request: Request) -> Response:
        row = standard.template_create(actor=request.user, **_given(TemplateSerializer, request))
        return Response(TemplateSerializer(row).data, status=201)

    @extend_schema(request=RuleReasonSerializer, responses=TemplateSerializer)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        """Never one's own."""
        row = standard.template_approve(
            actor=request.user, template=self.get_object(), **_given(RuleReasonSerializer, request)
        )
        return Response(TemplateSerializer(row).data)

    @extend_schema(request=RuleReasonSerializer, responses=TemplateSerializer)
    @action(detail=True, methods=["post"])
    def retire(self, request: Request, pk: str) -> Response:
        row = standard.template_retire(
            actor=request.user, template=self.get_object(), **_given(RuleReasonSerializer, request)
        )
        return Response(TemplateSerializer(row).data)


class PolicySerializer(serializers.ModelSerializer[ChangePolicy]):
    class Meta:
        model = ChangePolicy
        fields = ["calendar_in_force", "approval_valid_h", "break_glass_h"]


class PolicyChangeSerializer(PolicySerializer):
    reason = serializers.CharField()

    class Meta(PolicySerializer.Meta):
        fields = [*PolicySerializer.Meta.fields, "reason"]


class PolicyViewSet(ReadsChanges, viewsets.ViewSet):
    """The settings of change control."""

    @extend_schema(responses=PolicySerializer)
    def list(self, request: Request) -> Response:
        return Response(PolicySerializer(ChangePolicy.load()).data)

    @extend_schema(request=PolicyChangeSerializer, responses=PolicySerializer)
    @action(detail=False, methods=["post"])
    def change(self, request: Request) -> Response:
        row = freezes.policy_set(actor=request.user, **_given(PolicyChangeSerializer, request))
        return Response(PolicySerializer(row).data)


class TradingDaySerializer(serializers.Serializer[None]):
    day = serializers.DateField()
    trading = serializers.BooleanField(allow_null=True, help_text="null: not announced yet, treated as a trading day")
    corrected = serializers.BooleanField()


class TradingDayViewSet(ReadsChanges, viewsets.ViewSet):
    """The exchange's calendar with the corrections made here (calendar-days)."""

    @extend_schema(
        parameters=[OpenApiParameter("first", dt.date), OpenApiParameter("days", int)],
        responses=TradingDaySerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """`days` days from `first` on; three weeks from today by default."""
        first, days = _asked(request.query_params.get("first", ""), request.query_params.get("days", "21"))
        known = freezes.trading_calendar()
        rows = [
            {"day": day, "trading": known.trading(day), "corrected": day in known.overrides}
            for day in (first + ahead * calendar.DAY for ahead in range(days))
        ]
        return Response(TradingDaySerializer(rows, many=True).data)


def _asked(first: str, days: str) -> tuple[dt.date, int]:
    try:
        begins, count = dt.date.fromisoformat(first) if first else shanghai(now()).date(), int(days)
    except ValueError as error:
        raise InvalidInput(_("“first” is a date like 2026-01-31, “days” a number."), field="first") from error
    if not 1 <= count <= MOST_DAYS:
        raise InvalidInput(_("Ask for 1 to %(n)d days.") % {"n": MOST_DAYS}, field="days")
    return begins, count


routes: list[tuple[str, type[viewsets.ViewSetMixin], str]] = [
    ("approval-stages", StagesViewSet, "approval-stages"),
    ("approver-groups", GroupViewSet, "approver-group"),
    ("standard-templates", TemplateViewSet, "standard-template"),
    ("change-policy", PolicyViewSet, "change-policy"),
    ("trading-days", TradingDayViewSet, "trading-day"),
]
