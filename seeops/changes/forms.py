"""The forms of change control: complete without JavaScript. Times on screen are those of Shanghai."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.models import fields_for_model, model_to_dict
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from seeops.accounts import selectors as accounts
from seeops.changes.models import FreezeKind, FreezeRule, Reversibility, StandardTemplate, TicketKind
from seeops.core.clock import now
from seeops.inventory import selectors as inventory
from seeops.inventory.models import Domain, Node
from seeops.topology import selectors as topology

_LOCAL = "%Y-%m-%dT%H:%M"
_FORMATS = [_LOCAL, "%Y-%m-%d %H:%M"]


def _moment(label: Any, *, required: bool = False, help_text: Any = "") -> forms.DateTimeField:
    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_LOCAL)
    return forms.DateTimeField(
        label=label, required=required, widget=widget, input_formats=_FORMATS, help_text=help_text
    )


def _pick(size: int) -> forms.SelectMultiple:
    """A list of which many may be chosen, with a field to search in where scripts run."""
    return forms.SelectMultiple(attrs={"size": size, "data-pick": ""})


class NodesField(forms.CharField):
    """Nodes by name, one a line or with commas between; cleaned to the nodes of the inventory."""

    widget = forms.Textarea(attrs={"rows": 2})

    def clean(self, value: Any) -> list[Node]:
        names = {name for name in super().clean(value).replace(",", " ").split() if name}
        found = list(inventory.active_nodes().filter(name__in=names).order_by("name"))
        missing = sorted(names - {node.name for node in found})
        if missing:
            raise ValidationError(_now("Not in the inventory: %(names)s.") % {"names": ", ".join(missing[:5])})
        return found

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) or value is None else "\n".join(str(node.name) for node in value)


class TicketForm(forms.Form):
    title = forms.CharField(label=_("What will change"), max_length=140)
    kind = forms.ChoiceField(label=_("Kind"), choices=TicketKind.choices, initial=TicketKind.NORMAL)
    services = forms.ModelMultipleChoiceField(
        label=_("Services"), queryset=None, required=False, widget=_pick(8),
        help_text=_("What the change touches; the impact is computed from these."),
    )  # fmt: skip
    reason = forms.CharField(label=_("Reason"), widget=forms.Textarea(attrs={"rows": 3}))
    window_start = _moment(_("Window from"), help_text=_("Shanghai time; empty: as soon as approved."))
    window_end = _moment(
        _("Window until"), help_text=_("A release that cannot finish a batch before this holds at the batch boundary.")
    )
    nodes = NodesField(label=_("Single nodes"), required=False, help_text=_("Names, if only some nodes are touched."))
    chains = forms.ModelMultipleChoiceField(
        label=_("Business chains"), queryset=None, required=False, widget=_pick(4),
        help_text=_("If a whole chain is touched: all services it passes."),
    )  # fmt: skip
    reversibility = forms.ChoiceField(
        label=_("Taken back"), choices=Reversibility.choices, initial=Reversibility.AUTO, required=False
    )
    incident = forms.CharField(
        label=_("Incident number"),
        max_length=40,
        required=False,
        help_text=_("An emergency change names its incident."),
    )
    template = forms.ModelChoiceField(
        label=_("Template"), queryset=None, required=False,
        help_text=_("A standard change that keeps within a template needs no approval of its own."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["services"].queryset = inventory.services()  # type: ignore[attr-defined]
        self.fields["chains"].queryset = topology.chains()  # type: ignore[attr-defined]
        self.fields["template"].queryset = StandardTemplate.objects.filter(  # type: ignore[attr-defined]
            approved_by__isnull=False, retired_at__isnull=True, valid_until__gt=now()
        )

    def clean_reversibility(self) -> str:
        return self.cleaned_data["reversibility"] or Reversibility.AUTO


_FREEZE_TIMES = (
    "title", "reason", "kind", "enabled", "starts_at", "ends_at", "from_time", "until_time", "first_month", "first_day",
    "last_month", "last_day", "sessions", "break_days", "everywhere",
)  # fmt: skip
_FREEZE_FIELDS = (*_FREEZE_TIMES, "services", "domains", "chains")
_FREEZE_LABELS = {
    "first_month": _("First day of it, month"), "first_day": _("First day of it, day"),
    "last_month": _("Last day of it, month"), "last_day": _("Last day of it, day"),
}  # fmt: skip
_NEEDED_BY = {
    FreezeKind.ONCE: {"starts_at", "ends_at"},
    FreezeKind.SESSION: {"from_time", "until_time"},
    FreezeKind.YEARLY: {"first_month", "first_day", "last_month", "last_day"},
    FreezeKind.BEFORE_BREAK: {"sessions", "break_days"},
}
_FREEZE_WIDGETS = {
    "from_time": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    "until_time": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    "starts_at": forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_LOCAL),
    "ends_at": forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_LOCAL),
    **{name: _pick(4) for name in ("services", "domains", "chains")},
}  # fmt: skip


class FreezeForm(forms.Form):
    """A freeze; which of its times count follows from its kind. The fields are those of the model; the service checks and writes."""

    change_reason = forms.CharField(label=_("Why this is changed"), max_length=300)

    def __init__(self, *args: Any, rule: FreezeRule | None = None, **kwargs: Any) -> None:
        given = (
            model_to_dict(rule, fields=_FREEZE_FIELDS) if rule else model_to_dict(FreezeRule(), fields=_FREEZE_TIMES)
        )
        super().__init__(*args, initial=given, **kwargs)
        made = fields_for_model(FreezeRule, _FREEZE_FIELDS, widgets=_FREEZE_WIDGETS, labels=_FREEZE_LABELS)
        self.fields = {**made, **self.fields}
        self.fields["services"].queryset = inventory.services()  # type: ignore[attr-defined]
        self.fields["domains"].queryset = Domain.objects.order_by("code")  # type: ignore[attr-defined]
        self.fields["chains"].queryset = topology.chains()  # type: ignore[attr-defined]

    def needed(self) -> set[str]:
        """The names of the fields that the chosen kind needs."""
        return _NEEDED_BY[FreezeKind(self.cleaned_data["kind"])]

    @property
    def rows(self) -> list[tuple[forms.BoundField, str]]:
        """The fields in order, each with the kind of freeze that needs it, or "" for what every kind has."""
        kind_of = {name: kind.value for kind, names in _NEEDED_BY.items() for name in names}
        return [(field, kind_of.get(field.name, "")) for field in self]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if "kind" in given:
            for name in sorted(self.needed()):
                if given.get(name) in (None, "") and name not in self.errors:
                    self.add_error(name, _now("This kind of freeze needs it."))
        return given


class DelegationForm(forms.Form):
    delegate = forms.ModelChoiceField(label=_("To whom"), queryset=None, to_field_name="username")
    starts_at = _moment(_("From"), required=True)
    ends_at = _moment(_("Until"), required=True, help_text=_("Shanghai time; at most 30 days."))
    reason = forms.CharField(label=_("Reason"), max_length=200)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["delegate"].queryset = accounts.people().filter(is_active=True)  # type: ignore[attr-defined]
        begins = now().replace(second=0, microsecond=0)
        self.fields["starts_at"].initial = begins
        self.fields["ends_at"].initial = begins + dt.timedelta(days=7)


class TemplateForm(forms.Form):
    title = forms.CharField(label=_("What may be changed"), max_length=120)
    procedure = forms.CharField(label=_("How it is done"), widget=forms.Textarea(attrs={"rows": 3}))
    services = forms.ModelMultipleChoiceField(label=_("Services"), queryset=None, widget=_pick(6))
    most_nodes = forms.IntegerField(label=_("At most, nodes"), min_value=1, max_value=100_000)
    valid_until = _moment(_("Holds until"), required=True, help_text=_("Shanghai time; at most a year."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["services"].queryset = inventory.services()  # type: ignore[attr-defined]
