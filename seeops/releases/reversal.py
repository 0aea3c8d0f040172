"""What can be taken back of a release, and by whom it is decided."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _  # stored in English, read by core.sentences

from seeops.changes.models import Reversibility
from seeops.releases import states
from seeops.releases.models import Release, ReleasePart

HARDER = (Reversibility.AUTO, Reversibility.MANUAL, Reversibility.FORWARD_ONLY)


def hardest(release: Release) -> ReleasePart | None:
    """The part that is hardest to take back among those that have touched a node; None while none has."""
    touched = set(
        release.nodes.exclude(state__in=states.UNTOUCHED).values_list("batch__part", flat=True).distinct().order_by()
    )
    parts = [part for part in release.parts.all() if part.pk in touched]
    return max(parts, key=lambda part: HARDER.index(Reversibility(part.reversibility)), default=None)


def waits_for_a_person(part: ReleasePart, why: str) -> str:
    """Why a release that went wrong is not rolled back by itself, and what its person may do."""
    if part.reversibility == Reversibility.FORWARD_ONLY:
        return _("%(title)s only goes forward and is not rolled back: repair it and resume, or abort and leave it. %(why)s") % {
            "title": part.title, "why": why,
        }  # fmt: skip
    return _("%(title)s is rolled back when a person says so: abort to go back, or resume to try again. %(why)s") % {
        "title": part.title, "why": why,
    }  # fmt: skip
