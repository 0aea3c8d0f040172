"""Choosing nodes without typing their names: by service, centre, shard, state, version, a part of the name, or a list of names.

A choice is a small JSON object, so that a schedule can keep it and choose again when its moment comes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from seeops.core.errors import InvalidInput
from seeops.inventory import selectors as inventory
from seeops.inventory.models import NodeQuerySet, NodeState

FIELDS = ("service", "centre", "shard", "state", "version", "q", "names", "all")
MOST_NAMES = 5000
_SEPARATOR = re.compile(r"[\s,;]+")


def from_form(data: Any) -> dict[str, Any]:
    """The choice that a form (a QueryDict) makes: services, centres, shards and states may be several, `names` is free text."""
    choice: dict[str, Any] = {}
    for field in ("service", "centre", "shard", "state", "version"):
        chosen = [value for value in data.getlist(field) if value]
        if chosen:
            choice[field] = chosen
    names = [name for text in [*data.getlist("node"), data.get("names", "")] for name in _SEPARATOR.split(text) if name]
    if names:
        choice["names"] = sorted(set(names))
    if data.get("q", "").strip():
        choice["q"] = data["q"].strip()[:80]
    if data.get("all"):
        choice["all"] = True
    return choice


def nodes(choice: Mapping[str, Any]) -> NodeQuerySet:
    """The active nodes that a choice names now, by name. Nothing chosen is no node. Raises InvalidInput."""
    unknown = set(choice) - set(FIELDS)
    if unknown:
        raise InvalidInput(_("Nodes are not chosen by %(what)s.") % {"what": ", ".join(sorted(unknown))}, field="nodes")
    found = inventory.active_nodes().order_by("name")
    if not any(choice.values()):
        return found.none()
    condition = Q()
    for field, column in (("service", "service__name"), ("centre", "centre__code"), ("version", "version")):
        if choice.get(field):
            condition &= Q(**{f"{column}__in": _several(choice[field])})
    if choice.get("shard"):
        shards = [str(value) for value in _several(choice["shard"])]
        if not all(value.isdigit() for value in shards):
            raise InvalidInput(_("A shard is a number."), field="shard")
        condition &= Q(shard__in=[int(value) for value in shards])
    if choice.get("state"):
        condition &= Q(state_now__in=[state for state in _several(choice["state"]) if state in NodeState.values])
    if choice.get("q"):
        condition &= Q(name__icontains=choice["q"])
    if choice.get("names"):
        condition &= Q(name__in=_known(found, _several(choice["names"])))
    return found.filter(condition)


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _known(found: NodeQuerySet, names: list[str]) -> list[str]:
    """The names, each of an active node. Raises InvalidInput that names the others."""
    if len(names) > MOST_NAMES:
        raise InvalidInput(_("At most %(n)d names are taken.") % {"n": MOST_NAMES}, field="names")
    known = set(found.filter(name__in=names).values_list("name", flat=True))
    if missing := sorted(set(names) - known):
        raise InvalidInput(_("There is no active node %(names)s.") % {"names": ", ".join(missing[:5])}, field="names")
    return names


def said(choice: Mapping[str, Any]) -> str:
    """A choice in words, for lists and titles."""
    if choice.get("all") and len([value for value in choice.values() if value]) == 1:
        return _("all nodes")
    parts = [
        f"{field} {', '.join(str(item) for item in _several(choice[field])[:4])}"
        for field in ("service", "centre", "shard", "state", "version", "q") if choice.get(field)
    ]  # fmt: skip
    if choice.get("names"):
        names = _several(choice["names"])
        parts.append(", ".join(names[:3]) + (" …" if len(names) > 3 else ""))
    return " · ".join(parts) or _("all nodes")
