"""REST resources about people."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from seeops.accounts import rights, selectors
from seeops.accounts.models import Person


class PersonSerializer(serializers.ModelSerializer[Person]):
    class Meta:
        model = Person
        fields = ["username", "display_name", "roles", "is_active", "last_login"]


class PersonViewSet(ReadOnlyModelViewSet[Person]):
    """People and their roles. The list needs the right people.view; /me/ is everybody's own."""

    serializer_class = PersonSerializer
    lookup_field = "username"
    queryset = selectors.people()

    def list(self, request: Request, *args: object, **kwargs: object) -> Response:
        rights.require(request.user, "people.view")
        return super().list(request, *args, **kwargs)

    def retrieve(self, request: Request, *args: object, **kwargs: object) -> Response:
        rights.require(request.user, "people.view")
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(responses=PersonSerializer)
    @action(detail=False, pagination_class=None)
    def me(self, request: Request) -> Response:
        """Who the token belongs to."""
        return Response(PersonSerializer(request.user).data)


routes = [("people", PersonViewSet, "person")]
