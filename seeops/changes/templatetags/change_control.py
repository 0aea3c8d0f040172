"""The banner of break-glass, for every page on which changes are looked at."""

from __future__ import annotations

from typing import Any

from django import template

from seeops.changes import selectors

register = template.Library()


@register.inclusion_tag("changes/glass_banner.html")
def break_glass_banner() -> dict[str, Any]:
    """Every break-glass that holds now: which change, who, why, until when."""
    return {"glasses": list(selectors.open_glasses())}
