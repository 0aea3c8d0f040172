"""What to look at and what to do when an alert fires: dashboards/runbooks.yml, in both languages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from seeops.alerts.models import localised
from seeops.monitoring import files


@dataclass(frozen=True)
class Runbook:
    """The runbook of one alert rule, in the reader's language."""

    name: str
    meaning: str
    steps: list[str]


@cache
def _all() -> dict[str, dict]:
    found: dict[str, dict] = files.read(files.FOLDER / "runbooks.yml", files.schema("runbooks"))
    return found


def of(name: str) -> Runbook | None:
    """The runbook of the rule, or None when it has none."""
    raw = _all().get(name)
    if raw is None:
        return None
    return Runbook(name, localised(raw["meaning"]), [localised(step) for step in raw["steps"]])
