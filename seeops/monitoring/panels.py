"""From a panel of a dashboard to its lines: variables checked against the inventory, queries asked, lines named and linked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from seeops.core import sentences
from seeops.core.clock import SHANGHAI
from seeops.core.clock import now as clock_now
from seeops.core.errors import InvalidInput
from seeops.inventory import selectors as inventory
from seeops.monitoring import definitions, figures, prometheus, timerange
from seeops.monitoring.definitions import Dashboard, Panel
from seeops.monitoring.figures import Line
from seeops.monitoring.timerange import TimeRange
from seeops.topology import selectors as topology


def dashboard(key: str) -> Dashboard:
    """The dashboard of that name. Raises InvalidInput."""
    found = definitions.all_of_them().get(key)
    if found is None:
        raise InvalidInput(_("There is no dashboard “%(key)s”.") % {"key": key}, field="dashboard")
    return found


def choices(name: str) -> list[tuple[str, str]]:
    """What a variable may be: [(value, label)]; [] for nodes, of which there are too many to list."""
    if name == "chain":
        return list(topology.chains().values_list("code", "name"))
    if name == "service":
        return list(inventory.services().values_list("name", "title"))
    if name == "centre":
        return list(inventory.centres().values_list("code", "name"))
    return []


def values(board: Dashboard, params: Mapping[str, str]) -> dict[str, str | None]:
    """The variables as the address sets them; a required one that is not set takes the first choice.

    Raises InvalidInput for a value that the inventory does not know.
    """
    found: dict[str, str | None] = {}
    for variable in board.variables:
        wanted = params.get(variable.name) or None
        if wanted is None and variable.optional:
            found[variable.name] = None
            continue
        known = [value for value, _label in choices(variable.name)]
        if variable.name == "node":
            known = [wanted] if wanted and inventory.active_nodes().filter(name=wanted).exists() else []
        if wanted is not None and wanted not in known:
            raise InvalidInput(
                _("“%(value)s” is not a %(name)s that the inventory knows.") % {"value": wanted, "name": variable.name},
                field=variable.name,
            )
        if wanted is None and not known:
            raise InvalidInput(
                _("The inventory knows no %(name)s: import it first.") % {"name": variable.name}, field=variable.name
            )
        found[variable.name] = wanted or known[0]
    return found


def time_range(params: Mapping[str, str]) -> TimeRange:
    """The page's time range. Raises InvalidInput."""
    try:
        return timerange.parse(params, clock_now(), SHANGHAI)
    except timerange.RangeInvalid as error:
        raise InvalidInput(
            _("The time range cannot be used: %(why)s.") % {"why": sentences.read(error)}, field="range"
        ) from error


def lines(panel: Panel, chosen: Mapping[str, str | None], span: TimeRange) -> tuple[list[Line], int]:
    """The panel's lines and how many were left out. Raises Unavailable, QueryRefused."""
    matchers = {name: _matcher(name, value) for name, value in chosen.items()}
    found: list[Line] = []
    for query in panel.queries:
        series = prometheus.query_range(
            definitions.filled(query.expr, matchers), span.start, span.end, max_age_s=prometheus.RANGE_CACHE_S
        )
        for one in sorted(series, key=lambda s: sorted(s.labels.items())):
            found.append(
                Line(
                    name=definitions.legend(query.legend, dict(one.labels)),
                    times=one.times,
                    values=one.values,
                    href=_href(query.link, one.labels, span),
                    dashed=query.dashed,
                )
            )
    return figures.largest(found, panel.most)


def figure(panel: Panel, chosen: Mapping[str, str | None], span: TimeRange) -> dict[str, Any]:
    """The panel as a Plotly figure."""
    drawn, left_out = lines(panel, chosen, span)
    made = figures.figure(drawn, unit=panel.unit, shape=panel.shape, start=span.start, end=span.end, zone=SHANGHAI)
    made["meta"]["live"] = span.live
    if left_out:
        made["meta"]["note"] = _("%(n)d more lines are not drawn") % {"n": left_out}
    if made["meta"]["empty"]:
        made["meta"]["note"] = _("Nothing was measured in this range: that is not the same as zero.")
    return made


def _matcher(name: str, value: str | None) -> str:
    return f'{name}=~".+"' if value is None else prometheus.matching(**{name: value})[1:-1]


def _href(link: str, labels: Mapping[str, str], span: TimeRange) -> str:
    """Where a click on the line leads: one level deeper, with the same time range."""
    value = labels.get(link)
    if not link or not value:
        return ""
    if link == "node":
        return reverse("inventory:node", args=[value])
    target = reverse("monitoring:dashboard", args=[link])
    return f"{target}?{urlencode({link: value, **span.query()})}"
