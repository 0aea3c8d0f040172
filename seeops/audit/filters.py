"""Filters of the audit log, shared by the page and the API."""

from __future__ import annotations

import django_filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from seeops.audit.models import AuditRecord


class AuditFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="matching", label=_("Object or reason"))
    actor = django_filters.CharFilter(field_name="actor_name", label=_("Who"))
    action = django_filters.CharFilter(field_name="action", lookup_expr="startswith", label=_("Action"))
    object_type = django_filters.CharFilter(label=_("Kind of object"))
    object_id = django_filters.CharFilter(label=_("Object id"))
    since = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte", label=_("Since"))
    until = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt", label=_("Until"))

    class Meta:
        model = AuditRecord
        fields: list[str] = []

    def matching(self, queryset: QuerySet[AuditRecord], name: str, value: str) -> QuerySet[AuditRecord]:
        return queryset.filter(Q(object_label__icontains=value) | Q(reason__icontains=value))
