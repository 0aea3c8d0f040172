"""What an inspection asks about releases: none may be left half done when the market opens."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

from seeops.automation import inspection_estate
from seeops.automation.inspection_rules import Found
from seeops.releases import states
from seeops.releases.models import Release


def half_done() -> list[Found]:
    """Releases that are under way, hold, or ended with nodes in different versions."""
    found = []
    for release in Release.objects.filter(state__in=states.ACTIVE).prefetch_related("parts__service", "parts__version"):
        severity = "attention" if release.state == states.RUNNING else "bad"
        text = _("%(title)s is %(state)s") % {"title": release.title, "state": release.state}
        found.append(Found(severity, "releases", release.number, text[:400], "estate"))
    return found


def register() -> None:
    inspection_estate.register("releases", _("No release is half done"), half_done)
