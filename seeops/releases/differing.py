"""How long the sites may run different versions of a service before the release holds and a person looks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.utils.translation import gettext_noop as _  # stored in English, read by core.sentences

from seeops.core.clock import now
from seeops.releases import states
from seeops.releases.fencing import fenced
from seeops.releases.models import BatchNode, Release, ReleasePart


def differ(rows: Iterable[tuple[str, str]]) -> bool:
    """Whether the sites run different sets of versions; rows are (site, version) of nodes whose version is known."""
    by_site: dict[str, set[str]] = {}
    for site, version in rows:
        by_site.setdefault(site, set()).add(version)
    return len({frozenset(versions) for versions in by_site.values()}) > 1


def too_long(release: Release) -> str:
    """Notes since when the sites differ. A sentence when that is longer than the plan allows, else empty."""
    most_s = release.plan.get("versions_differ_at_most_s")
    if not most_s:
        return ""
    for part in release.parts.all():
        _note(release, part)
        if part.differs_since is not None and now() - part.differs_since > dt.timedelta(seconds=most_s):
            return _("the sites run different versions of %(service)s for more than %(s)d s: resume or abort") % {
                "service": part.service.name, "s": most_s,
            }  # fmt: skip
    return ""


def _note(release: Release, part: ReleasePart) -> None:
    found = differ(_versions(part))
    if found == (part.differs_since is not None):
        return
    with fenced(release):
        part.differs_since = now() if found else None
        part.save(update_fields=["differs_since"])


def _versions(part: ReleasePart) -> list[tuple[str, str]]:
    """Site and version of the nodes of a part that are done or not begun; of the others it is not known."""
    nodes = BatchNode.objects.filter(batch__part=part, state__in=(states.NODE_DONE, states.NODE_PENDING)).order_by()
    rows = nodes.values_list("node__centre__site__code", "state", "from_version").distinct()
    return [(site, part.version.number if state == states.NODE_DONE else before) for site, state, before in rows]
