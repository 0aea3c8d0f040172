"""`Ctrl K`: one box that finds a node, service, chain, ticket, release, alert, experiment, dashboard, person or page.

Each kind of thing is looked up by its own app, only for people who may see it, a few of each, so that typing stays quick.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils.translation import gettext as _

from seeops.accounts import rights
from seeops.accounts import selectors as accounts
from seeops.alerts import selectors as alerts
from seeops.changes.models import ChangeTicket
from seeops.console import navigation
from seeops.core import sentences
from seeops.core.errors import Unavailable
from seeops.inventory import selectors as inventory
from seeops.monitoring.definitions import all_of_them as dashboards
from seeops.releases.models import Release, ReleasePart
from seeops.resilience.catalogue import catalogue
from seeops.topology import selectors as topology

EACH = 5


@dataclass(frozen=True)
class Result:
    """One line of the palette."""

    kind: str
    label: str
    url: str


def find(person: Any, text: str) -> list[Result]:
    """What matches `text`, pages first; for an empty text the pages alone."""
    text = text.strip()
    found = list(_pages(person, text))
    if not text:
        return found
    for needs, look_up in _LOOKUPS:
        if rights.allowed(person, needs):
            found += look_up(text)
    return found


def _pages(person: Any, text: str) -> Iterable[Result]:
    for place in navigation.rail(person, ""):
        for item in place["items"]:
            if text.lower() in f"{place['label']} {item['label']}".lower():
                yield Result(str(place["label"]), str(item["label"]), item["url"])


def _matches(text: str, code: str, title: str) -> bool:
    """Few and named in English: found by code, by title, and by the title in the reader's language."""
    return text.lower() in f"{code} {title} {sentences.read(title)}".lower()


def _nodes(text: str) -> list[Result]:
    rows = inventory.active_nodes().filter(name__icontains=text).order_by("name")[:EACH]
    return [Result(_("Node"), node.name, reverse("inventory:node", args=[node.name])) for node in rows]


def _services(text: str) -> list[Result]:
    return [
        Result(_("Service"), f"{sentences.read(row.title)} · {row.name}", reverse("inventory:service", args=[row.name]))
        for row in inventory.services()
        if _matches(text, row.name, row.title)
    ][:EACH]


def _chains(text: str) -> list[Result]:
    return [
        Result(_("Chain"), sentences.read(row.name), reverse("topology:chain", args=[row.code]))
        for row in topology.chains()
        if _matches(text, row.code, row.name)
    ][:EACH]


def _tickets(text: str) -> list[Result]:
    rows = ChangeTicket.objects.filter(Q(number__icontains=text) | Q(title__icontains=text))[:EACH]
    return [Result(_("Ticket"), str(row), reverse("changes:detail", args=[row.pk])) for row in rows]


def _releases(text: str) -> list[Result]:
    of_service = ReleasePart.objects.filter(service__name__icontains=text, release=OuterRef("pk"))
    rows = (
        Release.objects.prefetch_related("parts__service", "parts__version")
        .filter(Q(number__icontains=text) | Exists(of_service))
        .defer("plan")[:EACH]
    )
    return [Result(_("Release"), str(row), reverse("releases:detail", args=[row.pk])) for row in rows]


def _alerts(text: str) -> list[Result]:
    rows = alerts.open_groups().filter(
        Q(name__icontains=text) | Q(service__icontains=text) | Q(chain__icontains=text) | Q(centre__icontains=text)
    )[:EACH]
    return [Result(_("Alert"), str(row), row.get_absolute_url()) for row in rows]


def _dashboards(text: str) -> list[Result]:
    return [
        Result(_("Dashboard"), board.title, reverse("monitoring:dashboard", args=[key]))
        for key, board in dashboards().items()
        if text.lower() in f"{key} {board.title}".lower()
    ][:EACH]


def _experiments(text: str) -> list[Result]:
    try:
        entries = catalogue().experiments.values()
    except Unavailable:
        return []
    return [
        Result(_("Experiment"), sentences.read(entry.title), reverse("resilience:detail", args=[entry.code]))
        for entry in entries
        if _matches(text, entry.code, entry.title)
    ][:EACH]


def _people(text: str) -> list[Result]:
    rows = accounts.people().filter(Q(username__icontains=text) | Q(display_name__icontains=text))[:EACH]
    return [Result(_("Person"), str(row), reverse("accounts:detail", args=[row.username])) for row in rows]


_LOOKUPS: list[tuple[str, Callable[[str], list[Result]]]] = [
    ("estate.view", _nodes),
    ("estate.view", _services),
    ("topology.view", _chains),
    ("change.view", _tickets),
    ("release.view", _releases),
    ("alert.view", _alerts),
    ("watch.view", _dashboards),
    ("experiment.view", _experiments),
    ("people.view", _people),
]
