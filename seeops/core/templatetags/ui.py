"""The language of state, numbers and times as template tags (see static/src/css for the look).

States: good, progress, attention, bad, unknown, absent. Colour never alone: each has a shape and a word.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from seeops.core import sentences
from seeops.core.clock import now, shanghai

register = template.Library()
SHAPES = {"good": "·", "progress": "◌", "attention": "▲", "bad": "■", "unknown": "?", "absent": "▬"}


@register.simple_tag
def state(name: str, word: object = "") -> SafeString:
    """A state mark: shape, colour and word. Anything that is not a known state is drawn as unknown, never as good."""
    known = name if name in SHAPES else "unknown"
    return format_html(
        '<span class="state state-{}"><i aria-hidden="true">{}</i>{}</span>', known, SHAPES[known], word or ""
    )


@register.filter
def sh(moment: dt.datetime | None, pattern: str = "%Y-%m-%d %H:%M:%S") -> str:
    """The moment in Shanghai; an en dash when there is none."""
    return shanghai(moment).strftime(pattern) if moment else "–"


@register.filter
def ago(moment: dt.datetime | None) -> SafeString | str:
    """Relative time with the exact one on hover."""
    if not moment:  # templates give "" for what is missing
        return "–"
    seconds = (now() - moment).total_seconds()
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), sh(moment), _relative(seconds))


def _relative(seconds: float) -> str:
    span = abs(seconds)
    if span < 60:
        text = _("%(n)d s") % {"n": span}
    elif span < 3600:
        text = _("%(n)d min") % {"n": span // 60}
    elif span < 86400:
        text = _("%(n)d h") % {"n": span // 3600}
    else:
        text = _("%(n)d d") % {"n": span // 86400}
    return _("%(span)s ago") % {"span": text} if seconds >= 0 else _("in %(span)s") % {"span": text}


@register.filter
def num(value: Any, digits: int = 0) -> str:
    """A number with thin separators; an en dash when it is not known."""
    if value is None or value == "":
        return "–"
    return f"{float(value):,.{int(digits)}f}".replace(",", "\u2009")


@register.filter
def pct(value: Any, digits: int = 1) -> str:
    """A ratio as per cent; an en dash when it is not known."""
    return "–" if value in (None, "") else f"{float(value) * 100:.{int(digits)}f} %"


@register.filter
def ms(seconds: Any, digits: int = 1) -> str:
    """Seconds as milliseconds; an en dash when not known."""
    return "–" if seconds in (None, "") else f"{float(seconds) * 1000:,.{int(digits)}f} ms".replace(",", "\u2009")


@register.simple_tag
def copyable(text: object) -> SafeString:
    """An identifier that copies on click."""
    return format_html('<code class="copy" data-copy="{0}" tabindex="0" title="{1}">{0}</code>', text, _("Copy"))


@register.simple_tag(takes_context=True)
def query(context: dict[str, Any], **changes: object) -> str:
    """The page's own query string with `changes` applied (None removes): keeps one address that restores the view."""
    params = context["request"].GET.copy()
    for key, value in changes.items():
        params.pop(key, None)
        if value is not None:
            params[key] = str(value)
    return "?" + params.urlencode()


@register.simple_tag(takes_context=True)
def may(context: dict[str, Any], action: str, obj: object = None) -> bool:
    """Whether the person may do `action` (to `obj`): what one may not do is not shown."""
    from seeops.accounts import rights

    return rights.allowed(context["request"].user, action, obj)


@register.filter
def sentence(text: Any) -> str:
    """What a worker or a file said in English, in the reader's language (see core.sentences)."""
    return sentences.read(text)


@register.filter
def as_json(value: Any) -> str:
    """JSON for a data attribute (escaped by the template as any text)."""
    return json.dumps(value, default=str, ensure_ascii=False, separators=(",", ":"))


@register.filter
def get(mapping: Any, key: object) -> Any:
    """mapping[key], or None."""
    return mapping.get(key) if hasattr(mapping, "get") else None


@register.filter
def getlist(data: Any, key: str) -> list[str]:
    """All values that a form sent under a name."""
    return data.getlist(key) if hasattr(data, "getlist") else []


@register.filter
def unlocalised(number: float) -> str:
    """A number as HTML attributes want it, whatever the language."""
    return f"{number:g}"


@register.filter
def bar(ratio: Any) -> SafeString:
    """A small horizontal bar for a ratio between 0 and 1."""
    if ratio in (None, ""):
        return mark_safe("–")
    width = max(0.0, min(1.0, float(ratio))) * 100
    return format_html('<span class="bar"><i style="width:{}%"></i></span>', f"{width:.1f}")
