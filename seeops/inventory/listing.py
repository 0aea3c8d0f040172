"""The list of nodes as its address describes it: filters, order and a page by key. The API filters the same way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, CharField, Count, F, Q, Value, When
from django.db.models.functions import Cast, Coalesce
from django.utils.translation import gettext as _

from seeops.core.errors import InvalidInput
from seeops.inventory import selectors
from seeops.inventory.models import Node, NodeQuerySet, NodeState

PAGE = 100
_NEVER = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# The worst first: what needs somebody is at the top of the list sorted by state.
_WORST = ["down", "paused", "unknown", "draining", "starting", "drained", "up"]
_BY_STATE = Case(
    *[When(state_now=state, then=Value(f"{rank}")) for rank, state in enumerate(_WORST)], output_field=CharField()
)
SORTS: dict[str, Any] = {
    "name": F("name"),
    "service": F("service__name"),
    "centre": F("centre__code"),
    "state": _BY_STATE,
    "version": F("version"),
    # As text, so that every key in an address is compared as the database orders it.
    "since": Cast(Coalesce(F("state_at"), Value(_NEVER)), CharField()),
}


@dataclass(frozen=True)
class Filters:
    """What the address asks for; empty fields do not filter."""

    service: str = ""
    domain: str = ""
    centre: str = ""
    state: str = ""
    version: str = ""
    drift: bool = False
    q: str = ""

    @classmethod
    def read(cls, params: Mapping[str, str]) -> Filters:
        """Raises InvalidInput for a state that does not exist."""
        state = params.get("state", "").strip()
        if state and state not in NodeState.values:
            raise InvalidInput(
                _("No state is called “%(state)s”: use one of %(states)s.")
                % {"state": state[:40], "states": ", ".join(NodeState.values)},
                field="state",
            )
        plain = {name: params.get(name, "").strip() for name in ("service", "domain", "centre", "version", "q")}
        return cls(state=state, drift=params.get("drift", "") in ("1", "true"), **plain)

    @property
    def active(self) -> bool:
        return self != Filters()

    def apply(self, nodes: NodeQuerySet) -> NodeQuerySet:
        """`nodes` must carry `state_now`. Every word of the free text must occur somewhere."""
        condition = Q()
        for field, value in (
            ("service__name", self.service),
            ("service__domain__code", self.domain),
            ("centre__code", self.centre),
            ("state_now", self.state),
            ("version", self.version),
        ):
            if value:
                condition &= Q(**{field: value})
        if self.drift:
            condition &= selectors.DRIFTED
        for word in self.q.split()[:6]:
            condition &= (
                Q(name__icontains=word)
                | Q(service__name__icontains=word)
                | Q(service__title__icontains=word)
                | Q(centre__code__iexact=word)
                | Q(version__startswith=word)
            )
        return nodes.filter(condition)


@dataclass(frozen=True)
class Page:
    """`after` is the key of the next page, empty on the last one."""

    nodes: list[Node]
    total: int
    after: str


def page(nodes: NodeQuerySet, *, sort: str, after: str = "", size: int = PAGE, total: int | None = None) -> Page:
    """One page of `nodes` in the order `sort` (a key of SORTS, `-` before it turns it around), beginning behind the key
    `after` that the page before gave. Equal sort values are ordered by name. Raises InvalidInput."""
    falling = sort.startswith("-")
    field = sort.removeprefix("-") or "name"
    if field not in SORTS:
        raise InvalidInput(_("Nodes cannot be sorted by “%(field)s”.") % {"field": field[:40]}, field="sort")
    keyed = nodes.annotate(sort_key=SORTS[field])
    count = nodes.count() if total is None else total
    if after:
        value, found_name, name = after.rpartition("~")
        if not found_name:
            raise InvalidInput(
                _("The page key “%(key)s” is not one of this list's.") % {"key": after[:60]}, field="after"
            )
        beyond = "lt" if falling else "gt"
        keyed = keyed.filter(Q(**{f"sort_key__{beyond}": value}) | Q(sort_key=value, **{f"name__{beyond}": name}))
    order = ["-sort_key", "-name"] if falling else ["sort_key", "name"]
    found = list(keyed.order_by(*order).select_related("service__domain", "centre")[: size + 1])
    more = len(found) > size
    found = found[:size]
    return Page(found, count, f"{found[-1].sort_key}~{found[-1].name}" if more else "")


@dataclass(frozen=True)
class Facets:
    """Counts over all nodes, whatever the filters: by state, by version, drifted, all."""

    states: dict[str, int]
    versions: list[str]
    drifted: int
    total: int


def facets() -> Facets:
    """One query."""
    rows = list(
        selectors.active_nodes()
        .order_by()
        .values("state_now", "version")
        .annotate(n=Count("pk"), drifted=Count("pk", filter=selectors.DRIFTED))
    )
    states = dict.fromkeys(NodeState.values, 0)
    for row in rows:
        states[row["state_now"]] += row["n"]
    return Facets(
        states=states,
        versions=sorted({row["version"] for row in rows if row["version"]}),
        drifted=sum(row["drifted"] for row in rows),
        total=sum(row["n"] for row in rows),
    )
