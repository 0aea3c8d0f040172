"""REST resources of the inventory: the same selectors and services as the pages."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from seeops.accounts import rights
from seeops.inventory import selectors, services
from seeops.inventory.listing import Filters
from seeops.inventory.models import Centre, Domain, Lock, Node, NodeAction, Service, Site, Verb, Version
from seeops.inventory.views.targets import TargetsView


class SiteSerializer(serializers.ModelSerializer[Site]):
    class Meta:
        model = Site
        fields = ["code", "name"]


class CentreSerializer(serializers.ModelSerializer[Centre]):
    site = serializers.SlugRelatedField[Site](slug_field="code", read_only=True)
    stale = serializers.BooleanField(read_only=True)

    class Meta:
        model = Centre
        fields = ["code", "name", "site", "role", "flow_share", "observed_at", "stale", "problem"]


class DomainSerializer(serializers.ModelSerializer[Domain]):
    class Meta:
        model = Domain
        fields = ["code", "name"]


class CellSerializer(serializers.Serializer[Any]):
    centre = serializers.CharField()
    state = serializers.CharField()
    serving = serializers.IntegerField()
    needed = serializers.IntegerField()
    total = serializers.IntegerField()
    drained = serializers.IntegerField()
    unknown = serializers.IntegerField()


class ServiceSerializer(serializers.ModelSerializer[Service]):
    domain = serializers.SlugRelatedField[Domain](slug_field="code", read_only=True)
    redundancy = serializers.SerializerMethodField()

    class Meta:
        model = Service
        fields = [
            "name",
            "title",
            "domain",
            "tier",
            "kind",
            "protocol",
            "capacity_per_s",
            "service_time_ms",
            "redundancy",
        ]

    @extend_schema_field(CellSerializer(many=True))
    def get_redundancy(self, service: Service) -> Any:
        cells = self.context.get("cells")
        if cells is None:
            cells = self.context["cells"] = selectors.cells()
        return CellSerializer([cell for cell in cells if cell.service == service.name], many=True).data


class NodeSerializer(serializers.ModelSerializer[Node]):
    service = serializers.SlugRelatedField[Service](slug_field="name", read_only=True)
    centre = serializers.SlugRelatedField[Centre](slug_field="code", read_only=True)
    state = serializers.CharField(source="state_now", read_only=True)
    drifted = serializers.BooleanField(read_only=True)

    class Meta:
        model = Node
        fields = [
            "name", "service", "centre", "state", "state_at", "version", "desired_version", "drifted", "shard", "epoch",
            "config_digest", "process_started_at", "agent_url", "decommissioned_at",
        ]  # fmt: skip


class VersionSerializer(serializers.ModelSerializer[Version]):
    service = serializers.SlugRelatedField[Service](slug_field="name", read_only=True)

    class Meta:
        model = Version
        fields = ["service", "number", "digest", "notes", "built_at"]


class ActionSerializer(serializers.ModelSerializer[NodeAction]):
    node = serializers.SlugRelatedField[Node](slug_field="name", read_only=True)
    actor = serializers.CharField(source="actor.username", read_only=True)

    class Meta:
        model = NodeAction
        fields = ["node", "verb", "state", "key", "epoch", "reason", "actor", "at", "finished_at", "batch", "result"]


class ReasonSerializer(serializers.Serializer[Any]):
    """`key` makes a repeated request harmless: the same key again answers the first outcome."""

    reason = serializers.CharField(max_length=400)
    key = serializers.CharField(max_length=100, required=False, default="")


class ConfigureSerializer(ReasonSerializer):
    content = serializers.CharField(trim_whitespace=False, max_length=65_536)


class _Viewed(viewsets.ReadOnlyModelViewSet[Any]):
    """A list that everybody who may see the estate may read."""

    filter_backends: list[Any] = []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        rights.require(request.user, "estate.view")


class SiteViewSet(_Viewed):
    queryset = Site.objects.all()
    serializer_class = SiteSerializer
    lookup_field = "code"


class CentreViewSet(_Viewed):
    queryset = selectors.centres()
    serializer_class = CentreSerializer
    lookup_field = "code"


class DomainViewSet(_Viewed):
    queryset = Domain.objects.all()
    serializer_class = DomainSerializer
    lookup_field = "code"


_TEXT = OpenApiTypes.STR


@extend_schema_view(list=extend_schema(parameters=[OpenApiParameter("q", _TEXT), OpenApiParameter("domain", _TEXT)]))
class ServiceViewSet(_Viewed):
    queryset = selectors.services().order_by("name")
    serializer_class = ServiceSerializer
    lookup_field = "name"

    def get_queryset(self) -> QuerySet[Service]:
        found = super().get_queryset()
        if domain := self.request.query_params.get("domain"):
            found = found.filter(domain__code=domain)
        if q := self.request.query_params.get("q"):
            found = found.filter(name__icontains=q) | found.filter(title__icontains=q)
        return found


@extend_schema_view(
    list=extend_schema(
        parameters=[OpenApiParameter(name, _TEXT) for name in ("service", "domain", "centre", "state", "version", "q")]
        + [OpenApiParameter("drift", OpenApiTypes.BOOL)]
    )
)
class NodeViewSet(_Viewed):
    queryset = Node.objects.none()
    serializer_class = NodeSerializer
    lookup_field = "name"

    def get_queryset(self) -> QuerySet[Node]:
        nodes = selectors.active_nodes().select_related("service", "centre").order_by("name")
        return Filters.read(self.request.query_params.dict()).apply(nodes)

    def _act(self, request: Request, verb: Verb) -> Response:
        given = ReasonSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        done = services.node_act(actor=request.user, node=self.get_object(), verb=verb, **given.validated_data)
        return Response(ActionSerializer(done).data)

    @extend_schema(request=ReasonSerializer, responses=ActionSerializer)
    @action(detail=True, methods=["post"])
    def drain(self, request: Request, name: str) -> Response:
        """Stop new requests to the node; 409 when its service would be short in its centre."""
        return self._act(request, Verb.DRAIN)

    @extend_schema(request=ReasonSerializer, responses=ActionSerializer)
    @action(detail=True, methods=["post"])
    def undrain(self, request: Request, name: str) -> Response:
        return self._act(request, Verb.UNDRAIN)

    @extend_schema(request=ReasonSerializer, responses=ActionSerializer)
    @action(detail=True, methods=["post"])
    def restart(self, request: Request, name: str) -> Response:
        """Restart the service's process; 409 when its service would be short meanwhile."""
        return self._act(request, Verb.RESTART)

    @extend_schema(request=ReasonSerializer, responses=ActionSerializer)
    @action(detail=True, methods=["post"])
    def diagnose(self, request: Request, name: str) -> Response:
        return self._act(request, Verb.DIAGNOSE)

    @extend_schema(request=ConfigureSerializer, responses=ActionSerializer)
    @action(detail=True, methods=["post"])
    def configure(self, request: Request, name: str) -> Response:
        """Replace the configuration file; 409 when the node's release does not accept it."""
        given = ConfigureSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        done = services.node_configure(actor=request.user, node=self.get_object(), **given.validated_data)
        return Response(ActionSerializer(done).data)

    @extend_schema(responses=ActionSerializer(many=True))
    @action(detail=True, methods=["get"], filter_backends=[])
    def actions(self, request: Request, name: str) -> Response:
        """The last 200 actions on this node."""
        return Response(ActionSerializer(selectors.actions_of(self.get_object())[:200], many=True).data)


@extend_schema_view(list=extend_schema(parameters=[OpenApiParameter("service", _TEXT)]))
class VersionViewSet(_Viewed):
    queryset = Version.objects.select_related("service").order_by("service__name", "-built_at", "-number")
    serializer_class = VersionSerializer

    def get_queryset(self) -> QuerySet[Version]:
        found = super().get_queryset()
        service = self.request.query_params.get("service")
        return found.filter(service__name=service) if service else found


class LockSerializer(serializers.ModelSerializer[Lock]):
    owner = serializers.CharField(source="holder.owner", read_only=True)
    url = serializers.CharField(source="holder.url", read_only=True)
    fence = serializers.IntegerField(source="holder.fence", read_only=True)
    reason = serializers.CharField(source="holder.reason", read_only=True)
    taken_at = serializers.DateTimeField(source="holder.taken_at", read_only=True)
    expires_at = serializers.DateTimeField(source="holder.expires_at", read_only=True)

    class Meta:
        model = Lock
        fields = ["id", "scope", "name", "owner", "url", "fence", "reason", "taken_at", "expires_at"]


@extend_schema_view(list=extend_schema(parameters=[OpenApiParameter("owner", _TEXT), OpenApiParameter("name", _TEXT)]))
class LockViewSet(_Viewed):
    """What is held by whom, until when."""

    queryset = Lock.objects.select_related("holder").order_by("-scope", "name")
    serializer_class = LockSerializer

    def get_queryset(self) -> QuerySet[Lock]:
        found = super().get_queryset()
        wanted = {
            "holder__owner": self.request.query_params.get("owner"),
            "name": self.request.query_params.get("name"),
        }
        return found.filter(**{key: value for key, value in wanted.items() if value})


routes: list[tuple[str, type[viewsets.ViewSetMixin], str]] = [
    ("sites", SiteViewSet, "site"),
    ("centres", CentreViewSet, "centre"),
    ("domains", DomainViewSet, "domain"),
    ("services", ServiceViewSet, "service"),
    ("nodes", NodeViewSet, "node"),
    ("versions", VersionViewSet, "version"),
    ("locks", LockViewSet, "lock"),
]
extra_patterns = [path("http-sd/<slug:job>/", TargetsView.as_view(), name="http-sd")]
