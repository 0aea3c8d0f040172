"""Options of a playbook: what an argument spec says of one, and the typed value of what a person or a program gave for it.

Texts are handed to Ansible as they are (see `literal`): whoever fills in a form gives values, never templates, which the controller
would carry out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from seeops.core.errors import InvalidInput

TYPES = ("str", "int", "float", "bool", "list")
LONGEST_TEXT = 256 * 1024
MOST_ITEMS = 2000
_TRUE, _FALSE = ("1", "true", "on", "yes"), ("0", "false", "off", "no", "")


@dataclass(frozen=True)
class Option:
    """One input of a playbook. `choices` empty means free; `least` and `most` bound numbers; `long` is a text of many lines."""

    name: str
    type: str
    description: str
    required: bool
    default: Any
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    long: bool = False

    @property
    def shown_default(self) -> str:
        """The default as a field shows it."""
        if self.default is None:
            return ""
        return "\n".join(str(item) for item in self.default) if self.type == "list" else str(self.default)

    @property
    def bounds(self) -> str:
        if self.least is None and self.most is None:
            return ""
        return f"{_shown(self.least)} – {_shown(self.most)}"


def _shown(number: float | None) -> str:
    return "…" if number is None else f"{number:g}"


def given(option: Option, value: Any) -> bool:
    """Whether there is a value at all. Raises InvalidInput when one is required."""
    if value not in (None, "", []):
        return True
    if option.required:
        raise _problem(option, _("%(option)s is missing: fill it in and send the form again."))
    return False


def typed(option: Option, value: Any) -> Any:
    """`value` with the type the option declares. Raises InvalidInput that names the option."""
    return _TYPED[option.type](option, value)


def _bool(option: Option, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word not in _TRUE + _FALSE:
        raise _problem(option, _("%(option)s: “%(value)s” is neither yes nor no."), value)
    return word in _TRUE


def _int(option: Option, value: Any) -> int:
    try:
        if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
            raise ValueError
        number = int(value)
    except (TypeError, ValueError) as error:
        raise _problem(option, _("%(option)s: “%(value)s” is not a whole number."), value) from error
    return int(_within(option, number))


def _float(option: Option, value: Any) -> float:
    try:
        number = float(value)
        if isinstance(value, bool) or not math.isfinite(number):
            raise ValueError
    except (TypeError, ValueError) as error:
        raise _problem(option, _("%(option)s: “%(value)s” is not a number."), value) from error
    return _within(option, number)


def _within(option: Option, number: float) -> float:
    low = option.least is not None and number < option.least
    if low or (option.most is not None and number > option.most):
        raise _problem(option, _("%(option)s: %(value)s is outside %(bounds)s."), number)
    return number


def _text(option: Option, value: Any) -> str:
    if isinstance(value, dict | list):
        raise _problem(option, _("%(option)s: “%(value)s” is not a text."), value)
    text = str(value)
    if option.choices and text not in option.choices:
        raise _problem(option, _("%(option)s: “%(value)s” is none of %(choices)s."), value)
    if len(text) > LONGEST_TEXT or "\x00" in text or (not option.long and len(text.splitlines()) > 1):
        raise _problem(option, _("%(option)s: one line of ordinary text is expected."), value)
    # Forms send lines ended as HTTP wants it; files of nodes have them ended as Unix wants it.
    return text.replace("\r\n", "\n")


def _list(option: Option, value: Any) -> list[str]:
    """A list, or a text with one item a line."""
    items = value if isinstance(value, list) else str(value).splitlines()
    found = [str(item).strip() for item in items if str(item).strip()]
    if len(found) > MOST_ITEMS:
        raise _problem(option, _("%(option)s: more items than a run takes."), len(found))
    for item in found:
        if option.choices and item not in option.choices:
            raise _problem(option, _("%(option)s: “%(value)s” is none of %(choices)s."), item)
    return found


_TYPED: Mapping[str, Callable[[Option, Any], Any]] = {
    "str": _text, "int": _int, "float": _float, "bool": _bool, "list": _list,
}  # fmt: skip


def _problem(option: Option, words: str, value: Any = "") -> InvalidInput:
    told = {
        "option": option.description, "value": str(value)[:40], "choices": ", ".join(option.choices),
        "bounds": option.bounds,
    }  # fmt: skip
    return InvalidInput(words % told, field=option.name)


def literal(value: Any) -> Any:
    """`value` as Ansible takes it word for word. A text that looks like a template would otherwise be carried out by the controller."""
    if isinstance(value, str):
        return {"__ansible_unsafe": value} if "{" in value else value
    if isinstance(value, dict):
        return {key: literal(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [literal(item) for item in value]
    return value
