"""Stages, groups and freezes out of the box. Administrators change them in the console; migrations only create what is missing."""

from __future__ import annotations

from typing import Any

APPROVERS = "approvers"
GROUPS: dict[str, dict[str, Any]] = {APPROVERS: {"name": "Approvers", "roles": ["approver"]}}

_ONE = [{"number": 1, "title": "Approval", "group": APPROVERS, "needed": 1, "step_up": False}]
_TWO = [{"number": 1, "title": "Approval", "group": APPROVERS, "needed": 2, "step_up": True}]
_ONE_STEP_UP = [{"number": 1, "title": "Approval", "group": APPROVERS, "needed": 1, "step_up": True}]

# (kind, risk level) → stages. A standard change within its template needs none: the template was approved.
STAGES: dict[tuple[str, str], list[dict[str, Any]]] = {
    ("standard", "low"): _ONE,
    ("standard", "medium"): _ONE,
    ("standard", "high"): _TWO,
    ("normal", "low"): _ONE,
    ("normal", "medium"): _ONE,
    ("normal", "high"): _TWO,
    ("emergency", "low"): _ONE,
    ("emergency", "medium"): _ONE,
    ("emergency", "high"): _ONE_STEP_UP,
}

BREAK_GLASS_STAGES = [{"number": 1, "title": "Break-glass", "group": APPROVERS, "needed": 1, "step_up": True}]

FREEZES: list[dict[str, Any]] = [
    {
        "title": "Trading hours", "kind": "session", "from_time": "09:15", "until_time": "15:00",
        "reason": "No production change between the opening auction and the close.",
    },
    {
        "title": "Before long closures", "kind": "before_break", "sessions": 2, "break_days": 7,
        "reason": "Nobody wants to find a fault during Spring Festival or the National Day holiday.",
    },
    {
        "title": "End of year", "kind": "yearly", "first_month": 12, "first_day": 30, "last_month": 1, "last_day": 2,
        "reason": "Annual accounts are closed.",
    },
]  # fmt: skip
