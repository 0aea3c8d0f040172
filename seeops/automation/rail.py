"""What of automation waits for somebody, in one statement: every page of the console asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet, Value
from django.db.models.functions import JSONObject

from seeops.automation import configuration_selectors, inspection_selectors, workflow_selectors


@dataclass(frozen=True)
class Waiting:
    """`workflows` that wait for the person, `configurations` that stopped half done, `inspections`: 1 while the pre-open inspection
    is bad, incomplete or missing."""

    workflows: int
    configurations: int
    inspections: int


def waiting(person: Any) -> Waiting:
    """Counts as the pages themselves would give them."""
    workflows = _counted("workflows", workflow_selectors.waiting_runs(person))
    configurations = _counted("configurations", configuration_selectors.stopped())
    rows = list(workflows.union(configurations, *inspection_selectors.standing_rows(), all=True))
    found = {name: said["n"] for name, said in rows if name in ("workflows", "configurations")}
    return Waiting(
        workflows=found.get("workflows", 0),
        configurations=found.get("configurations", 0),
        inspections=int(inspection_selectors.needs_somebody(rows)),
    )


def _counted(name: str, rows: QuerySet[Any]) -> QuerySet[Any]:
    """One row (name, {"n": how many}); none when there are none."""
    return rows.order_by().values_list(Value(name)).annotate(said=JSONObject(n=Count("pk", distinct=True)))
