"""Whether the conditions of a branch hold. Pure."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from seeops.automation.workflows.values import is_a

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


class CannotCompare(Exception):
    """The values are of types between which the operator knows no order."""


def holds(left: Any, sign: str, right: Any) -> bool:
    """One condition. Raises CannotCompare when it is neither true nor false."""
    if sign == "==":
        return _equal(left, right)
    if sign == "!=":
        return not _equal(left, right)
    if sign == "is empty":
        return left in ("", None) or left == [] or left == {}
    if sign == "contains":
        if isinstance(left, str) and isinstance(right, str):
            return right in left
        if isinstance(left, list | dict):
            return any(_equal(item, right) for item in left)
        raise CannotCompare(f"{left!r} contains {right!r}")
    if not (is_a(left, "number") and is_a(right, "number")):
        raise CannotCompare(f"{left!r} {sign} {right!r}")
    return _ORDER[sign](left, right)


def _equal(left: Any, right: Any) -> bool:
    """As people mean it: 1 is 1.0, but true is not 1."""
    if isinstance(left, bool) != isinstance(right, bool):
        return False
    return bool(left == right)


def decide(conditions: list[dict[str, Any]], match: str) -> bool:
    """All or any of the conditions (resolved). Every one is looked at: what cannot be compared is never passed over."""
    results = [holds(item.get("left"), item["operator"], item.get("right")) for item in conditions]
    return all(results) if match == "all" else any(results)
