"""Types of what goes into and comes out of steps. Pure.

str, int, number (an int is one too), bool, list (of any values), map (names to any values); `any` is known only when it runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

ANY = "any"
TYPES = ("str", "int", "number", "bool", "list", "map", ANY)
EMPTY: dict[str, Any] = {"str": "", "int": 0, "number": 0, "bool": False, "list": [], "map": {}, ANY: ""}


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_IS: dict[str, Callable[[Any], bool]] = {
    "str": lambda value: isinstance(value, str),
    "int": _whole,
    "number": lambda value: _whole(value) or isinstance(value, float),
    "bool": lambda value: isinstance(value, bool),
    "list": lambda value: isinstance(value, list),
    "map": lambda value: isinstance(value, dict),
    ANY: lambda value: True,
}


def is_a(value: Any, wanted: str) -> bool:
    """Whether a value is of the type. Raises KeyError for a type that is none of TYPES."""
    return _IS[wanted](value)


def type_of(value: Any) -> str:
    """The narrowest type of a value; None and what JSON does not know are `any`."""
    return next((name for name in TYPES if name != ANY and is_a(value, name)), ANY)


def fits(given: str, wanted: str) -> bool:
    """Whether a value of type `given` may stand where `wanted` is expected; `any` fits until it runs."""
    return ANY in (given, wanted) or given == wanted or (given, wanted) == ("int", "number")
