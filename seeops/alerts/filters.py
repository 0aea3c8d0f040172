"""Filters of alert groups, shared by the page and the API."""

from __future__ import annotations

import django_filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from seeops.alerts.models import AlertGroup, GroupState, Severity

OPEN = "open"


class AlertGroupFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(
        choices=[(OPEN, _("open")), *GroupState.choices], method="in_state", label=_("State")
    )
    severity = django_filters.ChoiceFilter(choices=Severity.choices, label=_("Severity"))
    service = django_filters.CharFilter(label=_("Service"))
    centre = django_filters.CharFilter(label=_("Data centre"))
    name = django_filters.CharFilter(label=_("Rule"))
    q = django_filters.CharFilter(method="matching", label=_("Search"))

    class Meta:
        model = AlertGroup
        fields: list[str] = []

    def in_state(self, queryset: QuerySet[AlertGroup], name: str, value: str) -> QuerySet[AlertGroup]:
        return queryset.filter(open=True) if value == OPEN else queryset.filter(state=value)

    def matching(self, queryset: QuerySet[AlertGroup], name: str, value: str) -> QuerySet[AlertGroup]:
        wanted = Q(name__icontains=value) | Q(service__icontains=value) | Q(chain__icontains=value)
        return queryset.filter(wanted | Q(title__en__icontains=value) | Q(alerts__labels__node=value)).distinct()
