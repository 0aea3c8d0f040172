"""Reads of market surveillance: cases and accounts from the cluster, made ready for people; our own actions from the database."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import QuerySet

from seeops.cluster import door
from seeops.core.errors import RuleViolation
from seeops.surveillance import wording
from seeops.surveillance.models import AccountAction, AccountStatus, Outcome

PAGE_ROWS = 50
FILTERS = ("state", "pattern", "step", "account", "shard", "symbol")


def status() -> dict[str, Any]:
    """How far the cluster is watched. Raises Unreached, Unavailable."""
    return door.surveillance("surveillance_status")


def cases(filters: dict[str, str], before: str = "") -> dict[str, Any]:
    """{cases, next, total}: newest first; `before` is the `next` of the page before. Raises Unreached, RuleViolation."""
    wanted = {name: value for name in FILTERS if (value := filters.get(name, "").strip())}
    if before:
        wanted["before"] = before
    found = door.surveillance("surveillance_cases", limit=PAGE_ROWS, **wanted)
    return {**found, "cases": [readable(case) for case in found["cases"]]}


def case(number: int) -> dict[str, Any] | None:
    """One case with evidence, timeline and actions; None when there is none. Raises Unreached."""
    try:
        found = readable(door.surveillance("surveillance_case", number))
    except RuleViolation as error:
        if error.code == "unknown_case":
            return None
        raise
    rows = [
        row
        | {
            "at": moment(row["time_ns"]),
            "word": wording.EVENTS.get(row["what"], row["what"]),
            "side_word": wording.SIDES.get(row["side"], ""),
        }
        for row in found["evidence"]["rows"]
    ]
    steps = [
        step
        | {
            "at": moment(step["at_ns"]),
            "word": wording.STEPS[step["step"]],
            "mark": wording.MARKS[step["step"]],
        }
        for step in found["steps"]
    ]
    return found | {
        "evidence": found["evidence"] | {"rows": rows},
        "steps": steps,
        "actions": [described(action) for action in found["actions"]],
    }


def account(number: int) -> dict[str, Any]:
    """{account, shards: [(shard, status word, mark)], actions, cases, known}; a shard without an answer is unknown. Raises Unreached."""
    found = door.surveillance("watched_account", number)
    return found | {
        "shards": [(shard, *status_word(status)) for shard, status in sorted(found["shards"].items())],
        "cases": [readable(row) for row in found["cases"]],
        "actions": [described(action) for action in found["actions"]],
    }


def restricted() -> list[dict[str, Any]]:
    """Accounts that an action left restricted. Raises Unreached."""
    return [described(action) for action in door.surveillance("restricted_accounts")]


def actions_of(number: int) -> QuerySet[AccountAction]:
    """What people of this console did to an account, newest first."""
    return AccountAction.objects.filter(account=number).select_related("actor")


def actions() -> QuerySet[AccountAction]:
    """All actions of people, newest first."""
    return AccountAction.objects.select_related("actor")


def readable(case: dict[str, Any]) -> dict[str, Any]:
    """With moments, words and marks beside the numbers."""
    return case | {
        "first": moment(case["first_ns"]),
        "last": moment(case["last_ns"]),
        "pattern_word": wording.PATTERNS.get(case["pattern"], case["pattern"]),
        "step_word": wording.STEPS[case["step"]],
        "state_word": wording.STATES[case["state"]],
        "mark": "unknown" if case["pattern"] == "unwatched" else wording.MARKS[case["step"]],
        "closed": dt.datetime.fromtimestamp(case["closed_at"], dt.UTC) if case["closed_at"] else None,
        "why": wording.sentence(case),
    }


def described(action: dict[str, Any]) -> dict[str, Any]:
    """An action of the cluster with words for status and outcome."""
    row = AccountAction(outcome=action["outcome"])
    return action | {
        "asked": dt.datetime.fromtimestamp(action["asked_at"], dt.UTC),
        "status_word": AccountStatus(action["status"]).label,
        "mark": row.mark,
        "outcome_word": Outcome(action["outcome"]).label,
    }


def status_word(status: int | None) -> tuple[str, str]:
    """(word, state of the interface) of an account's status on a shard; None: the shard did not answer."""
    if status is None:
        return str(Outcome.UNKNOWN.label), "unknown"
    marks = {AccountStatus.ACTIVE: "none", AccountStatus.CANCEL_ONLY: "attention", AccountStatus.SUSPENDED: "bad"}
    return str(AccountStatus(status).label), marks[AccountStatus(status)]


def moment(time_ns: int) -> dt.datetime:
    """The moment of nanoseconds since the epoch."""
    return dt.datetime.fromtimestamp(time_ns / 1e9, dt.UTC)
