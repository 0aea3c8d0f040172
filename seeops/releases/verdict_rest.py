"""REST resources of the judge: settings in force, their back-test, proposals."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from seeops.accounts import rights
from seeops.releases import backtest, judge_profiles
from seeops.releases.judge_models import JudgeProfile
from seeops.releases.verdict_views import wanted_settings


class JudgeProfileSerializer(serializers.ModelSerializer[JudgeProfile]):
    proposed_by = serializers.CharField(source="proposed_by.username", read_only=True)
    in_force_by = serializers.CharField(source="in_force_by.username", read_only=True, default=None)

    class Meta:
        model = JudgeProfile
        fields = ["id", "settings", "reason", "proposed_by", "proposed_at", "in_force_by", "in_force_at"]


class ProposalSerializer(serializers.Serializer[None]):
    settings = serializers.DictField(help_text="the settings that change; the others stay as they are in force")
    reason = serializers.CharField()


class BacktestSerializer(serializers.Serializer[None]):
    settings = serializers.DictField(required=False, default=dict)
    limit = serializers.IntegerField(required=False, default=backtest.PAGE, min_value=1, max_value=backtest.MOST)
    before = serializers.IntegerField(required=False, allow_null=True, default=None)


class JudgeViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[JudgeProfile]):
    """Versions of the judge's settings."""

    serializer_class = JudgeProfileSerializer
    queryset = JudgeProfile.objects.none()

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        rights.require(request.user, "release.view")

    def get_queryset(self):  # type: ignore[no-untyped-def]
        return JudgeProfile.objects.select_related("proposed_by", "in_force_by")

    @extend_schema(request=ProposalSerializer, responses=JudgeProfileSerializer)
    def create(self, request: Request) -> Response:
        """Propose settings; a second person puts them in force."""
        given = ProposalSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        wanted = wanted_settings(_texts(given.validated_data["settings"]))
        profile = judge_profiles.judge_profile_propose(
            actor=request.user, wanted=wanted, reason=given.validated_data["reason"]
        )
        return Response(JudgeProfileSerializer(profile).data, status=201)

    @extend_schema(request=None, responses=JudgeProfileSerializer)
    @action(detail=True, methods=["post"], url_path="put-in-force")
    def put_in_force(self, request: Request, pk: str) -> Response:
        profile = judge_profiles.judge_profile_put_in_force(
            actor=request.user, profile=get_object_or_404(JudgeProfile, pk=pk)
        )
        return Response(JudgeProfileSerializer(profile).data)

    @extend_schema(request=None, responses=OpenApiTypes.OBJECT)
    @action(detail=False, url_path="in-force")
    def in_force(self, request: Request) -> Response:
        return Response(asdict(judge_profiles.in_force()))

    @extend_schema(request=BacktestSerializer, responses=OpenApiTypes.OBJECT)
    @action(detail=False, methods=["post"])
    def backtest(self, request: Request) -> Response:
        """What settings would have said about the last verdicts; nothing is stored."""
        given = BacktestSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        found = backtest.run(
            wanted_settings(_texts(values["settings"])), limit=values["limit"], before=values["before"]
        )
        return Response(
            {
                "before": asdict(found.before),
                "after": asdict(found.after),
                "damaged": found.damaged,
                "next_before": found.next_before,
                "verdicts": [
                    {
                        "id": row.kept.pk, "release": row.kept.batch.release.number, "batch": row.kept.batch.number,
                        "was": row.kept.outcome, "now": row.outcome, "truth": row.truth, "intact": row.intact,
                        "summary": row.summary,
                    }
                    for row in found.rows
                ],
            }
        )  # fmt: skip


def _texts(values: dict[str, Any]) -> dict[str, str]:
    """JSON values as a form would send them: a switch that is off must not look like one that was left out."""
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in values.items()}


routes = [("judge-profiles", JudgeViewSet, "judge-profile")]
