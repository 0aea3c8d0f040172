"""REST resources of the topology: chains, and what breaks if."""

from __future__ import annotations

from typing import Any

from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from seeops.accounts import rights
from seeops.topology import selectors
from seeops.topology.models import BusinessChain, Hop


class HopSerializer(serializers.ModelSerializer[Hop]):
    service = serializers.CharField(source="service.name")

    class Meta:
        model = Hop
        fields = ["position", "name", "service", "mode"]


class ChainSerializer(serializers.ModelSerializer[BusinessChain]):
    domain = serializers.CharField(source="domain.code")
    hops = HopSerializer(many=True)

    class Meta:
        model = BusinessChain
        fields = ["code", "name", "domain", "kind", "criticality", "critical", "peak_rate_per_s", "hops"]


@extend_schema_view(list=extend_schema(parameters=[OpenApiParameter("service", OpenApiTypes.STR)]))
class ChainViewSet(viewsets.ReadOnlyModelViewSet[BusinessChain]):
    queryset = BusinessChain.objects.none()
    serializer_class = ChainSerializer
    lookup_field = "code"
    filter_backends: list[Any] = []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        rights.require(request.user, "topology.view")

    def get_queryset(self) -> Any:
        found = selectors.chains()
        service = self.request.query_params.get("service")
        return found.filter(hops__service__name=service).distinct() if service else found


class DownSerializer(serializers.Serializer[Any]):
    service = serializers.CharField()
    centre = serializers.CharField()
    nodes = serializers.IntegerField(min_value=0)


class QuestionSerializer(serializers.Serializer[Any]):
    """What is taken away together. `down`: how many nodes of a service in a centre. `rates`: measured requests per second by
    chain, in place of the declared ones."""

    services = serializers.ListField(child=serializers.CharField(), required=False, default=list)
    centres = serializers.ListField(child=serializers.CharField(), required=False, default=list)
    nodes = serializers.ListField(child=serializers.CharField(), required=False, default=list, max_length=5000)
    down = DownSerializer(many=True, required=False, default=list)
    rates = serializers.DictField(child=serializers.FloatField(min_value=0), required=False, default=dict)
    basis = serializers.ChoiceField(choices=["observed", "planned"], required=False, default="observed")


class ImpactView(APIView):
    @extend_schema(request=QuestionSerializer, responses={200: {"type": "object"}})
    def post(self, request: Request) -> Response:
        """Chains hit with their share of flow, redundancy left, new single points of failure, and why (path)."""
        rights.require(request.user, "topology.view")
        given = QuestionSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        asked = dict(given.validated_data)
        counts = {(row["service"], row["centre"]): row["nodes"] for row in asked.pop("down")}
        return Response(selectors.impact(counts=counts, **asked).as_dict())


routes: list[tuple[str, type[viewsets.ViewSetMixin], str]] = [("chains", ChainViewSet, "chain")]
extra_patterns = [path("impact/", ImpactView.as_view(), name="impact")]
