"""What a plan asks for besides the judge, as sentences for whoever approves it. Pure but for the language.

The settings themselves belong to the gates of releases, which stand above change control: what is not known here is told as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext


def lines(gates: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """(name of the gate, its sentences) for each gate that the plan asks for."""
    found = []
    for name, told in gates.items():
        if not told:
            continue
        settings = dict(told) if isinstance(told, Mapping) else {}
        if name == "shadow":
            found.append((_("Journal replayed"), _shadow(settings)))
        elif name == "chaos":
            found.append((_("Fault survived"), _chaos(settings)))
        else:
            found.append((name, [_raw(settings)]))
    return found


def _shadow(settings: dict[str, Any]) -> list[str]:
    declared = settings.pop("declared", None) or []
    text = _("Before any node takes the version, the journals of the day must give the same events.")
    if declared:
        text = _(
            "Before any node takes the version, the journals of the day must differ in exactly this: %(kinds)s."
        ) % {"kinds": "; ".join(map(str, declared))}
    return [text, *_told(settings, {
        "reuse_s": _("A replay of the same package that is no older than %(value)s s counts."),
        "longest_s": _("What is not replayed within %(value)s s is inconclusive, and the release holds."),
    })]  # fmt: skip


def _chaos(settings: dict[str, Any]) -> list[str]:
    nodes = int(settings.pop("nodes", 1))
    params = settings.pop("params", None) or {}
    fault = ", ".join(
        [str(settings.pop("fault", "?")), *(f"{name} {_number(value)}" for name, value in params.items())]
    )
    values = {"fault": fault, "n": nodes, "s": _number(settings.pop("duration_s", "?"))}
    text = ngettext(
        "After the first batch a fault (%(fault)s) hits %(n)d of its nodes for %(s)s s.",
        "After the first batch a fault (%(fault)s) hits %(n)d of its nodes for %(s)s s.",
        nodes,
    )
    return [text % values, *_told(settings, {
        "recovery_s": _("Customers must be served again within %(value)s s, with nothing lost and nothing executed twice."),
        "success": _("Served means that %(percent)s %% of their requests succeed."),
        "wait_s": _("It waits at most %(value)s s for the right moment, then the release holds."),
    })]  # fmt: skip


def _told(settings: Mapping[str, Any], sentences: Mapping[str, str]) -> list[str]:
    """The sentence of each setting; those that have none as they are."""
    found = []
    for name, sentence in sentences.items():
        if name in settings:
            value = settings[name]
            percent = _number(value * 100) if isinstance(value, int | float) else value
            found.append(sentence % {"value": _number(value), "percent": percent})
    rest = _raw({name: value for name, value in settings.items() if name not in sentences})
    return [*found, rest] if rest else found


def _raw(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_number(value)}" for name, value in settings.items() if value not in (None, "", [], {}))


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
