"""What the chooser of nodes shows: every way to choose, what is chosen now, and whom that names."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from seeops.automation import choosing
from seeops.core.errors import InvalidInput
from seeops.inventory import selectors as inventory
from seeops.inventory.models import NodeState

MOST_SHOWN = 300


def chosen(request: HttpRequest) -> dict[str, Any]:
    """The context of `chooser.html`: all nodes that the request's choice names are counted before anything starts."""
    data = request.POST or request.GET
    choice, problem = choosing.from_form(data), ""
    try:
        names = list(choosing.nodes(choice).values_list("name", flat=True))
    except InvalidInput as error:
        names, problem = [], str(error)
    active = inventory.active_nodes().order_by()
    return {
        "choice": choice, "names": names, "shown": names[:MOST_SHOWN], "chooser_problem": problem,
        "services": inventory.services(), "centres": inventory.centres(), "states": NodeState.choices,
        "shards": sorted(active.exclude(shard=None).values_list("shard", flat=True).distinct()),
        "versions": sorted(active.exclude(version="").values_list("version", flat=True).distinct()),
        "services_chosen": choice.get("service", []), "centres_chosen": choice.get("centre", []),
        "shards_chosen": [int(value) for value in choice.get("shard", []) if str(value).isdigit()],
        "states_chosen": choice.get("state", []), "versions_chosen": choice.get("version", []),
        "hidden": [(field, value) for field, value in _hidden(choice)],
    }  # fmt: skip


def _hidden(choice: dict[str, Any]) -> list[tuple[str, str]]:
    """The choice as fields of the form that acts on it."""
    found = []
    for field, value in choice.items():
        if field == "all":
            found.append(("all", "1"))
        elif field == "names":
            found.append(("names", " ".join(value)))
        else:
            found += [(field, str(item)) for item in (value if isinstance(value, list) else [value])]
    return found
