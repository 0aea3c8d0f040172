"""What the templates of verdicts ask for."""

from __future__ import annotations

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from seeops.core.templatetags.ui import state
from seeops.releases import verdict_shown
from seeops.releases.models import Verdict
from seeops.releases.verdict_shown import Row, Shown

register = template.Library()
_BEYOND = SafeString('<path class="interval" d="M97 2 L100 7 L97 12 Z"/>')


@register.filter
def shown(verdict: Verdict) -> Shown:
    return verdict_shown.shown(verdict.metrics)


@register.filter
def outcome_mark(outcome: str) -> SafeString:
    """The mark of PASS, FAIL or INCONCLUSIVE."""
    words = {"PASS": ("good", _("pass")), "FAIL": ("bad", _("fail")), "INCONCLUSIVE": ("attention", _("inconclusive"))}
    return state(*words.get(outcome, ("unknown", _("unknown"))))


@register.filter
def effect(value: float | None, unit: str) -> str:
    """An effect in the unit of its metric."""
    if value is None:
        return "–"
    digits = 0 if unit == "ratio" and abs(value) >= 0.1 else 1 if unit == "ratio" else 2
    return f"{value * 100:.{digits}f} %" + (_(" a minute") if unit == "per minute" else "")


@register.filter
def track(row: Row) -> SafeString:
    """The interval of a metric on its track, as a picture: zones beyond margin and bound, the interval, the effect."""
    if row.track is None:
        return SafeString("")
    t = row.track
    label = _("margin %(margin)s, bound %(bound)s") % {
        "margin": effect(row.margin, row.unit), "bound": effect(row.bound, row.unit),
    }  # fmt: skip
    return format_html(
        '<svg class="track o-{}" viewBox="0 0 100 14" preserveAspectRatio="none" role="img" aria-label="{}"><title>{}</title>'
        '<rect class="z-margin" x="{}" width="{}" y="0" height="14"/><rect class="z-bound" x="{}" width="{}" y="0" height="14"/>'
        '<rect class="zero" x="{}" width="0.4" y="0" height="14"/><rect class="interval" x="{}" width="{}" y="5" height="4"/>'
        '<rect class="effect" x="{}" width="1.6" y="2" height="10"/>{}</svg>',
        row.outcome.lower(), label, label, t.margin, t.between, t.bound, t.rest, t.zero, t.low, t.width, t.effect - 0.8,
        _BEYOND if t.beyond else "",
    )  # fmt: skip


@register.filter
def unlocalized(value: object) -> str:
    """A setting as a form takes it: always with a point."""
    return str(value)
