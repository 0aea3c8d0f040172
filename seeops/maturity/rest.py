"""REST resources of the maturity assessment."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse, Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet, ViewSet

from seeops.accounts import rights
from seeops.audit import services as audit
from seeops.maturity import pack, selectors, services
from seeops.maturity.framework import Framework, frameworks
from seeops.maturity.models import Evidence, Export


def _framework(code: str | None) -> Framework:
    found = frameworks().get(code or "")
    if found is None:
        raise Http404(code)
    return found


class RatingViewSet(ViewSet):
    """Levels by framework: GET /maturity/ lists the frameworks, GET /maturity/{code}/ rates one now."""

    lookup_field = "code"

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def list(self, request: Request) -> Response:
        rights.require(request.user, "maturity.view")
        rows = [{"code": code, "level": selectors.rate_now(entry).level} for code, entry in frameworks().items()]
        return Response({"count": len(rows), "next": None, "results": rows})

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def retrieve(self, request: Request, code: str | None = None) -> Response:
        rights.require(request.user, "maturity.view")
        rated = selectors.rate_now(_framework(code))
        return Response(pack.assessment(rated, str(request.user), rated.at))

    @extend_schema(request=None, responses=OpenApiTypes.OBJECT)
    @action(detail=False, methods=["post"])
    def collect(self, request: Request) -> Response:
        rights.require(request.user, "maturity.collect")
        return Response({"collected": len(services.evidence_collect(actor=request.user))})


class EvidenceSerializer(serializers.ModelSerializer[Evidence]):
    class Meta:
        model = Evidence
        fields = ["id", "measure", "value", "sample", "source", "collected_at", "digest"]


class EvidenceViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Evidence]):
    """Measured evidence, newest first."""

    serializer_class = EvidenceSerializer
    queryset = Evidence.objects.all()
    filterset_fields = ["measure"]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        rights.require(request.user, "maturity.view")


class ExportSerializer(serializers.ModelSerializer[Export]):
    person = serializers.CharField(source="person.username", read_only=True)

    class Meta:
        model = Export
        fields = ["id", "framework", "person", "made_at", "sha256", "size_bytes", "level"]
        read_only_fields = ["person", "made_at", "sha256", "size_bytes", "level"]


class ExportViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Export]):
    """Exports: POST {"framework": code} makes one, GET …/{id}/download/ hands it out."""

    serializer_class = ExportSerializer
    queryset = Export.objects.select_related("person")

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        rights.require(request.user, "maturity.view")

    def create(self, request: Request) -> Response:
        framework = _framework(request.data.get("framework") if isinstance(request.data, dict) else None)
        export = services.export_create(actor=request.user, framework=framework, language="en")
        return Response(ExportSerializer(export).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=OpenApiTypes.BINARY)
    @action(detail=True)
    def download(self, request: Request, pk: str | None = None) -> FileResponse:
        rights.require(request.user, "maturity.export")
        export = self.get_object()
        audit.note(actor=request.user, action="maturity.download", obj=export, sha256=export.sha256)
        return FileResponse(export.file.open("rb"), as_attachment=True, filename=export.file.name.rsplit("/", 1)[-1])


routes = [
    ("maturity", RatingViewSet, "maturity"),
    ("evidence", EvidenceViewSet, "evidence"),
    ("exports", ExportViewSet, "export"),
]
