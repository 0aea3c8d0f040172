"""What changed between two versions of a workflow, step by step, as the person who approves reads it. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seeops.automation.workflows.text import write

ADDED, REMOVED, CHANGED = "added", "removed", "changed"


@dataclass(frozen=True)
class Changed:
    """A step, an input or a field of the workflow itself: what of it changed (empty for added and removed)."""

    what: str
    name: str
    how: str
    fields: tuple[str, ...] = ()


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Changed]:
    """Differences of meaning between two canonical definitions; where boxes stand in the picture is none."""
    found = [
        Changed("workflow", name, CHANGED) for name in ("title", "description", "start") if before[name] != after[name]
    ]
    for what in ("inputs", "steps"):
        old, new = before[what], after[what]
        found += [Changed(what, name, REMOVED) for name in old if name not in new]
        for name in new:
            if name not in old:
                found.append(Changed(what, name, ADDED))
                continue
            keys = sorted({*old[name], *new[name]} - {"at"})
            different = tuple(key for key in keys if old[name].get(key) != new[name].get(key))
            if different:
                found.append(Changed(what, name, CHANGED, different))
    return found


def lines(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(mark, line) of a unified difference of the two texts: mark is added, removed, place or empty."""
    marks = {"+": ADDED, "-": REMOVED, "@": "place"}
    texts = [write(dict(each)).splitlines() for each in (before, after)]
    shown = difflib.unified_diff(*texts, lineterm="", n=3)
    return [(marks.get(line[:1], ""), line) for line in shown if not line.startswith(("---", "+++"))]
