"""Filters of the release list, shared by the page and the API."""

from __future__ import annotations

import django_filters
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from seeops.releases import states
from seeops.releases.models import Release, ReleasePart, ReleaseState


class ReleaseFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="matching", label=_("Number, service or version"))
    state = django_filters.ChoiceFilter(choices=[("active", _("under way")), *ReleaseState.choices], method="in_state")
    service = django_filters.CharFilter(method="of_service")
    ticket = django_filters.CharFilter(field_name="ticket__number")

    class Meta:
        model = Release
        fields: list[str] = []

    def matching(self, queryset: QuerySet[Release], name: str, value: str) -> QuerySet[Release]:
        parts = ReleasePart.objects.filter(
            Q(service__name__icontains=value) | Q(version__number__icontains=value), release=OuterRef("pk")
        )
        return queryset.filter(Q(number__icontains=value) | Exists(parts))

    def of_service(self, queryset: QuerySet[Release], name: str, value: str) -> QuerySet[Release]:
        return queryset.filter(Exists(ReleasePart.objects.filter(service__name=value, release=OuterRef("pk"))))

    def in_state(self, queryset: QuerySet[Release], name: str, value: str) -> QuerySet[Release]:
        wanted = states.ACTIVE if value == "active" else (value,)
        return queryset.filter(state__in=wanted)
