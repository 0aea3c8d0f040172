"""The six places of the rail and what is in them. What a person may not see is not shown; what is not built is not here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from seeops.accounts import rights


@dataclass
class Asking:
    """One drawing of the rail for a person; what several items need is asked once."""

    person: Any

    @cached_property
    def automation(self) -> Any:
        from seeops.automation import rail

        return rail.waiting(self.person)


@dataclass(frozen=True)
class Item:
    """One page of the rail. `needs` is the right to see it; `count` how many things there need somebody now."""

    label: Any
    url_name: str
    needs: str
    count: Callable[[Asking], int] | None = None


@dataclass(frozen=True)
class Place:
    key: str
    label: Any
    icon: str
    items: list[Item] = field(default_factory=list)


def _nodes_failing(asking: Asking) -> int:
    """Nodes that are down, paused or unknown: somebody must look."""
    from seeops.inventory import selectors

    return selectors.nodes_failing()


def _alerts(asking: Asking) -> int:
    from seeops.alerts import selectors

    return selectors.needing_somebody()


def _tickets(asking: Asking) -> int:
    from seeops.changes import selectors

    return selectors.waiting_for(asking.person)


def _reviews(asking: Asking) -> int:
    """Openings of break-glass that this person should review."""
    from seeops.changes import selectors

    return selectors.reviews_waiting(asking.person)


def _releases(asking: Asking) -> int:
    from seeops.releases import selectors

    return selectors.releases_waiting()


def _capacity(asking: Asking) -> int:
    """1 while the newest measured capacity is below what is asked."""
    from seeops.capacity import selectors

    return selectors.short_of_capacity()


def _workflows(asking: Asking) -> int:
    return asking.automation.workflows


def _inspections(asking: Asking) -> int:
    """1 while the inspection that should be there is missing, incomplete or bad."""
    return asking.automation.inspections


def _configurations(asking: Asking) -> int:
    """Changes of configuration that stopped half done."""
    return asking.automation.configurations


PLACES: list[Place] = [
    Place("now", _("Now"), "◉", [Item(_("Overview"), "console:overview", "estate.view")]),
    Place(
        "estate",
        _("Estate"),
        "▦",
        [
            Item(_("Nodes"), "inventory:nodes", "estate.view", _nodes_failing),
            Item(_("Services"), "inventory:services", "estate.view"),
            Item(_("Business chains"), "topology:chains", "topology.view"),
            Item(_("Topology"), "topology:map", "topology.view"),
        ],
    ),
    Place(
        "change",
        _("Change"),
        "⇄",
        [
            Item(_("Changes"), "changes:list", "change.view", _tickets),
            Item(_("Releases"), "releases:list", "release.view", _releases),
            Item(_("Shadow runs"), "capacity:shadows", "capacity.view"),
            Item(_("Automation"), "automation:list", "automation.view"),
            Item(_("Inspections"), "automation:inspections", "automation.view", _inspections),
            Item(_("Configuration"), "automation:configurations", "automation.view", _configurations),
            Item(_("Calendar and freezes"), "changes:calendar", "change.view"),
            Item(_("Approval rules"), "changes:approval", "change.view"),
            Item(_("Break-glass"), "changes:glasses", "change.view", _reviews),
            Item(_("Workflows"), "automation:workflows", "automation.view", _workflows),
        ],
    ),
    Place(
        "watch",
        _("Watch"),
        "◔",
        [
            Item(_("Dashboards"), "monitoring:list", "watch.view"),
            Item(_("Alerts"), "alerts:list", "alert.view", _alerts),
            Item(_("Surveillance"), "surveillance:list", "surveillance.view"),
            Item(_("Capacity"), "capacity:list", "capacity.view", _capacity),
        ],
    ),
    Place(
        "drill",
        _("Drill"),
        "⚡",
        [
            Item(_("Experiments"), "resilience:list", "experiment.view"),
            Item(_("Runs"), "resilience:runs", "experiment.view"),
        ],
    ),
    Place(
        "prove",
        _("Prove"),
        "✓",
        [
            Item(_("Maturity"), "maturity:overview", "maturity.view"),
            Item(_("Audit log"), "audit:list", "audit.view"),
            Item(_("People and rights"), "accounts:list", "people.view"),
        ],
    ),
]


def rail(person: Any, path: str) -> list[dict[str, Any]]:
    """The rail for `person`, with the page at `path` marked: [{label, icon, count, current, items: [...]}]."""
    places, asking = [], Asking(person)
    for place in PLACES:
        items = [_entry(item, asking, path) for item in place.items if rights.allowed(person, item.needs)]
        if items:
            places.append(
                {
                    "key": place.key,
                    "label": place.label,
                    "icon": place.icon,
                    "items": items,
                    "count": sum(item["count"] for item in items),
                    "current": any(item["current"] for item in items),
                }
            )
    _mark_longest(places)
    return places


def _entry(item: Item, asking: Asking, path: str) -> dict[str, Any]:
    url = reverse(item.url_name)
    return {
        "label": item.label,
        "url": url,
        "count": item.count(asking) if item.count else 0,
        "current": path == url or (url != "/" and path.startswith(url)),
    }


def _mark_longest(places: list[dict[str, Any]]) -> None:
    """Of several addresses that are a prefix of the path only the longest is the current page."""
    current = [item for place in places for item in place["items"] if item["current"]]
    longest = max((len(item["url"]) for item in current), default=0)
    for place in places:
        for item in place["items"]:
            item["current"] = item["current"] and len(item["url"]) == longest
        place["current"] = any(item["current"] for item in place["items"])
