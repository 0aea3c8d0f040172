"""Dashboards as operators define them: dashboards/*.yml, checked by a JSON schema, read again when a file changes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from seeops.monitoring import files

# Files beside the dashboards that are something else.
NOT_DASHBOARDS = {"thresholds.yml", "runbooks.yml"}
# Words of legends; in a file they stand after an @.
WORDS = {
    "clients": _("clients"),
    "data centres": _("data centres"),
    "usual p99": _("usual p99"),
    "needed": _("needed"),
    "highest": _("highest"),
    "middle": _("middle"),
    "lowest": _("lowest"),
    "serving": _("serving"),
    "drained": _("drained"),
    "not measured": _("not measured"),
    "orders": _("orders"),
    "all requests": _("all requests"),
    "trades": _("trades"),
    "turnover": _("turnover"),
    "lost": pgettext_lazy("orders", "lost"),
    "executed twice": _("executed twice"),
    "shard": _("shard"),
    "memory": _("memory"),
    "in flight": _("in flight"),
}
OUTCOMES = {
    "ok": _("answered"),
    "rejected_risk": _("rejected by risk"),
    "rejected_matching": _("rejected by matching"),
    "failed": _("failed"),
    "unknown": _("unknown"),
    "unavailable": _("not taken: no way to the shard"),
}
_PLACE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class Query:
    """One PromQL expression; `${name}` in it becomes the matcher of that variable. `link`: label whose page a line opens."""

    expr: str
    legend: str
    link: str = ""
    dashed: bool = False


@dataclass(frozen=True)
class Panel:
    key: str
    titles: dict[str, str]
    notes: dict[str, str]
    unit: str
    queries: tuple[Query, ...]
    most: int = 12
    shape: str = "line"

    @property
    def title(self) -> str:
        return localised(self.titles)

    @property
    def note(self) -> str:
        return localised(self.notes)


@dataclass(frozen=True)
class Row:
    titles: dict[str, str]
    panels: tuple[Panel, ...]

    @property
    def title(self) -> str:
        return localised(self.titles)


@dataclass(frozen=True)
class Variable:
    name: str
    optional: bool = False


@dataclass(frozen=True)
class Dashboard:
    """One file. `embedded`: part of an object's page, not of the list."""

    key: str
    titles: dict[str, str]
    descriptions: dict[str, str]
    order: int
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]
    embedded: bool = False

    @property
    def title(self) -> str:
        return localised(self.titles)

    @property
    def description(self) -> str:
        return localised(self.descriptions)

    def panel(self, key: str) -> Panel | None:
        return next((panel for row in self.rows for panel in row.panels if panel.key == key), None)


_read: dict[Path, tuple[int, Dashboard]] = {}


def all_of_them(folder: Path = files.FOLDER) -> dict[str, Dashboard]:
    """Every dashboard by key, in their order. Raises FileInvalid, naming file and place."""
    found = [_load(path) for path in sorted(folder.glob("*.yml")) if path.name not in NOT_DASHBOARDS]
    return {dashboard.key: dashboard for dashboard in sorted(found, key=lambda d: (d.order, d.key))}


def localised(texts: dict[str, str]) -> str:
    """The text of the active language, else the English one."""
    return texts.get(get_language() or "en") or texts.get("en", "")


def _load(path: Path) -> Dashboard:
    written = path.stat().st_mtime_ns
    known = _read.get(path)
    if known is None or known[0] != written:
        known = (written, parse(path.stem, files.read(path, files.schema("dashboard"))))
        _read[path] = known
    return known[1]


def parse(key: str, raw: dict[str, Any]) -> Dashboard:
    """A dashboard from what its file holds (already checked by the schema). Raises FileInvalid for what a schema cannot see."""
    dashboard = Dashboard(
        key=key,
        titles=raw["title"],
        descriptions=raw["description"],
        order=raw["order"],
        variables=tuple(Variable(v["name"], v.get("optional", False)) for v in raw.get("variables", ())),
        rows=tuple(Row(row.get("title", {}), tuple(_panel(panel) for panel in row["panels"])) for row in raw["rows"]),
        embedded=raw.get("embedded", False),
    )
    _check(dashboard)
    return dashboard


def _panel(raw: dict[str, Any]) -> Panel:
    return Panel(
        key=raw["key"],
        titles=raw["title"],
        notes=raw.get("note", {}),
        unit=raw["unit"],
        queries=tuple(
            Query(query["expr"], query["legend"], query.get("link", ""), query.get("dashed", False))
            for query in raw["queries"]
        ),
        most=raw.get("most", 12),
        shape=raw.get("shape", "line"),
    )


def _check(dashboard: Dashboard) -> None:
    names = {variable.name for variable in dashboard.variables}
    seen: set[str] = set()
    for row in dashboard.rows:
        for panel in row.panels:
            if panel.key in seen:
                raise files.FileInvalid(f"{dashboard.key}.yml: two panels are called {panel.key}")
            seen.add(panel.key)
            for query in panel.queries:
                unknown = set(_PLACE.findall(query.expr)) - names
                if unknown:
                    raise files.FileInvalid(
                        f"{dashboard.key}.yml: panel {panel.key} uses ${{{unknown.pop()}}}, which is no variable of it"
                    )


def filled(expr: str, matchers: dict[str, str]) -> str:
    """The expression with every `${name}` replaced by that variable's matcher."""
    return _PLACE.sub(lambda place: matchers[place.group(1)], expr)


def legend(template: str, labels: dict[str, str]) -> str:
    """The name of a line: `@word` translated, `{label}` filled in; outcomes in words."""
    text = template
    if text.startswith("@"):
        word, brace, rest = text[1:].partition(" {")
        text = f"{WORDS.get(word, word)}{brace}{rest}"
    for name, value in labels.items():
        shown = str(OUTCOMES.get(value, value)) if name == "outcome" else value
        text = text.replace("{" + name + "}", shown)
    return re.sub(r"\{\w+\}", "–", text)
