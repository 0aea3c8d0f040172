"""What patterns, steps and events of market surveillance are called, and why a case was opened, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

PATTERNS = {
    "spoofing": gettext_lazy("spoofing"),
    "layering": gettext_lazy("layering"),
    "wash": gettext_lazy("wash trades"),
    "coordinated": gettext_lazy("coordinated accounts"),
    "oversized": gettext_lazy("oversized order"),
    "ramping": gettext_lazy("ramping at the close"),
    "unwatched": gettext_lazy("not watched"),
}
STEPS = {"watch": gettext_lazy("watch"), "warn": gettext_lazy("warn"), "act": gettext_lazy("act")}
STATES = {"open": gettext_lazy("open"), "closed": gettext_lazy("closed"), "lapsed": gettext_lazy("lapsed")}
MARKS = {"watch": "progress", "warn": "attention", "act": "bad"}
EVENTS = {
    "placed": gettext_lazy("placed"),
    "traded": gettext_lazy("traded"),
    "cancelled": gettext_lazy("cancelled"),
    "replaced": gettext_lazy("replaced"),
}
SIDES = {1: gettext_lazy("buy"), 2: gettext_lazy("sell")}


def sentence(case: Mapping[str, Any]) -> str:
    """Why the case was opened. A pattern that this console does not know keeps the surveillance's own English words."""
    text = _text(case["pattern"], len(case["accounts"]))
    values = {**case["figures"], "accounts": ", ".join(map(str, case["accounts"])), "shard": case["shard"]}
    try:
        return text % values if text else str(case["sentence"])
    except KeyError:
        return str(case["sentence"])


def _text(pattern: str, accounts: int) -> str:
    if pattern == "wash" and accounts == 1:
        return _("Account %(accounts)s traded %(trades)d times with itself, %(share)d %% of all it traded here.")
    texts = {
        "spoofing": _(
            "Account %(accounts)s placed large orders on one side %(cycles)d times, traded the other side while they stood, and took them back."
        ),
        "layering": _(
            "Account %(accounts)s built several price levels on one side %(cycles)d times, traded the other side while they stood, and took them back."
        ),
        "wash": _(
            "Accounts %(accounts)s traded %(trades)d times to and fro, %(share)d %% of all they traded here: nobody's holding changed."
        ),
        "coordinated": _(
            "Accounts %(accounts)s traded %(trades)d times among themselves, %(share)d %% of all they traded here."
        ),
        "oversized": _(
            "Account %(accounts)s sent an order %(ratio)s times as large as 99 of 100 orders of this security."
        ),
        "ramping": _(
            "Account %(accounts)s moved the price by %(move)s ‰ before the close, %(share)d %% of the whole move, always on one side."
        ),
        "unwatched": _(
            "Nobody watched entries %(from_index)d to %(to_index)d of shard %(shard)d: what happened in them is unknown."
        ),
    }
    return texts.get(pattern, "")
