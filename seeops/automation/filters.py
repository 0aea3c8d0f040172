"""Filters of the run list, shared by the page and the API."""

from __future__ import annotations

import django_filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from seeops.automation.models import Run, RunState


class RunFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="matching", label=_("Number or title"))
    state = django_filters.ChoiceFilter(choices=RunState.choices)
    playbook = django_filters.CharFilter()
    by = django_filters.CharFilter(field_name="created_by__username")

    class Meta:
        model = Run
        fields: list[str] = []

    def matching(self, queryset: QuerySet[Run], name: str, value: str) -> QuerySet[Run]:
        return queryset.filter(Q(number__icontains=value) | Q(title__icontains=value))
