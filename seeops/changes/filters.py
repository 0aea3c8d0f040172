"""Filters of the ticket list, shared by the page and the API."""

from __future__ import annotations

import django_filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from seeops.changes import states
from seeops.changes.models import ChangeTicket, TicketKind, TicketState


class TicketFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(method="matching", label=_("Number or title"))
    state = django_filters.ChoiceFilter(choices=[("open", _("open")), *TicketState.choices], method="in_state")
    kind = django_filters.ChoiceFilter(choices=TicketKind.choices)
    service = django_filters.CharFilter(method="of_service", label=_("Service"))
    requester = django_filters.CharFilter(field_name="requester__username")

    class Meta:
        model = ChangeTicket
        fields: list[str] = []

    def matching(self, queryset: QuerySet[ChangeTicket], name: str, value: str) -> QuerySet[ChangeTicket]:
        return queryset.filter(Q(number__icontains=value) | Q(title__icontains=value))

    def in_state(self, queryset: QuerySet[ChangeTicket], name: str, value: str) -> QuerySet[ChangeTicket]:
        return queryset.filter(state__in=states.OPEN) if value == "open" else queryset.filter(state=value)

    def of_service(self, queryset: QuerySet[ChangeTicket], name: str, value: str) -> QuerySet[ChangeTicket]:
        return queryset.filter(
            pk__in=ChangeTicket.services.through.objects.filter(service__name=value).values("changeticket")
        )
