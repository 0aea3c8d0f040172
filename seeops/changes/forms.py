"""The ticket form: complete without JavaScript."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from seeops.changes.models import TicketKind
from seeops.inventory import selectors as inventory

_LOCAL = "%Y-%m-%dT%H:%M"


class TicketForm(forms.Form):
    title = forms.CharField(label=_("What will change"), max_length=140)
    kind = forms.ChoiceField(label=_("Kind"), choices=TicketKind.choices, initial=TicketKind.NORMAL)
    services = forms.ModelMultipleChoiceField(
        label=_("Services"), queryset=None, widget=forms.SelectMultiple(attrs={"size": 8}),
        help_text=_("What the change touches; the impact is computed from these."),
    )  # fmt: skip
    reason = forms.CharField(label=_("Reason"), widget=forms.Textarea(attrs={"rows": 3}))
    window_start = forms.DateTimeField(
        label=_("Window from"), required=False, widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_LOCAL),
        input_formats=[_LOCAL, "%Y-%m-%d %H:%M"], help_text=_("Shanghai time; empty: as soon as approved."),
    )  # fmt: skip
    window_end = forms.DateTimeField(
        label=_("Window until"), required=False, widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_LOCAL),
        input_formats=[_LOCAL, "%Y-%m-%d %H:%M"],
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["services"].queryset = inventory.services()  # type: ignore[attr-defined]
