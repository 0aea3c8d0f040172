"""REST resources of market surveillance: the same selectors and services as the pages."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet, ViewSet

from seeops.accounts import rights
from seeops.cluster import door
from seeops.core.http import required
from seeops.surveillance import selectors, services
from seeops.surveillance.models import AccountAction


class ActionSerializer(serializers.ModelSerializer[AccountAction]):
    actor = serializers.CharField(source="actor.username", read_only=True)

    class Meta:
        model = AccountAction
        fields = ["key", "account", "status", "reason", "case", "actor", "asked_at", "outcome", "detail", "settled_at"]


STATUS = inline_serializer(
    "AccountStatusRequest",
    {
        "status": serializers.IntegerField(),
        "reason": serializers.CharField(),
        "case": serializers.IntegerField(required=False),
        "key": serializers.CharField(required=False),
    },
)


class CaseViewSet(ViewSet):
    """Cases as the cluster's surveillance tells them: {cases, next, total}, newest first; `before` pages on."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        rights.require(request.user, "surveillance.view")

    @extend_schema(
        parameters=[OpenApiParameter(name, OpenApiTypes.STR) for name in (*selectors.FILTERS, "before")],
        responses=OpenApiTypes.OBJECT,
    )
    def list(self, request: Request) -> Response:
        wanted = {name: value for name in selectors.FILTERS if (value := request.query_params.get(name))}
        if before := request.query_params.get("before"):
            wanted["before"] = before
        return Response(door.surveillance("surveillance_cases", limit=selectors.PAGE_ROWS, **wanted))

    @extend_schema(parameters=[OpenApiParameter("id", int, "path")], responses=OpenApiTypes.OBJECT)
    def retrieve(self, request: Request, pk: str = "") -> Response:
        found = selectors.case(int(pk)) if pk.isdecimal() else None
        if found is None:
            raise NotFound
        return Response(door.surveillance("surveillance_case", int(pk)))

    @extend_schema(
        parameters=[OpenApiParameter("id", int, "path")],
        request=inline_serializer("CaseNote", {"note": serializers.CharField()}),
        responses=OpenApiTypes.OBJECT,
    )
    @action(detail=True, methods=["post"])
    def close(self, request: Request, pk: str = "") -> Response:
        if not pk.isdecimal():
            raise NotFound
        return Response(services.case_close(actor=request.user, case=int(pk), note=required(request.data, "note")))


class AccountViewSet(ViewSet):
    """An account's status on every shard, and POST {status, reason, case, key} to change it: once per key."""

    lookup_value_regex = "[0-9]+"

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        rights.require(request.user, "surveillance.view")

    @extend_schema(parameters=[OpenApiParameter("id", int, "path")], responses=OpenApiTypes.OBJECT)
    def retrieve(self, request: Request, pk: str = "") -> Response:
        return Response(door.surveillance("watched_account", int(pk)))

    @extend_schema(parameters=[OpenApiParameter("id", int, "path")], request=STATUS, responses=ActionSerializer)
    @action(detail=True, methods=["post"])
    def status(self, request: Request, pk: str = "") -> Response:
        made = services.account_set_status(
            actor=request.user,
            account=int(pk),
            status=required(request.data, "status", int),
            reason=required(request.data, "reason"),
            case=required(request.data, "case", int) if request.data.get("case") else None,
            key=str(request.data.get("key", "")),
        )
        code = status.HTTP_200_OK if made.settled_at else status.HTTP_202_ACCEPTED
        return Response(ActionSerializer(made).data, status=code)


class ActionViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[AccountAction]):
    """What people did to accounts, newest first."""

    queryset = AccountAction.objects.select_related("actor")
    serializer_class = ActionSerializer
    lookup_field = "key"
    filterset_fields = ["account", "status", "outcome", "case"]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        rights.require(request.user, "surveillance.view")


routes = [
    ("surveillance-cases", CaseViewSet, "surveillance-case"),
    ("surveillance-accounts", AccountViewSet, "surveillance-account"),
    ("surveillance-actions", ActionViewSet, "surveillance-action"),
]
