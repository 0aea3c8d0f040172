"""Fixtures: people, and a surveillance that answers from memory through the console's own door."""

from __future__ import annotations

from typing import Any

import pytest

from seeops.accounts.models import Person
from seeops.cluster import door
from tests.estate import person

SECOND = 10**9
NOW_NS = 1_790_000_000 * SECOND


def case(number: int = 7, **changes: Any) -> dict[str, Any]:
    """A case as the surveillance answers it."""
    return {
        "id": number, "pattern": "spoofing", "shard": 0, "symbol": 3, "code": "001003", "board": "main", "score": 2.9, "step": "act",
        "accounts": [210], "sentence": "Account 210 …", "figures": {"cycles": 3, "withdrawn": 6.0}, "first_ns": NOW_NS,
        "last_ns": NOW_NS + 30 * SECOND, "opened_at": 1_790_000_000.0, "state": "open", "closed_at": None, "closed_by": None,
        "note": None,
    } | changes  # fmt: skip


def full_case(number: int = 7, **changes: Any) -> dict[str, Any]:
    """The same with evidence, steps and actions."""
    row = {
        "time_ns": NOW_NS,
        "what": "placed",
        "account": 210,
        "other": 0,
        "order_id": 9,
        "maker_id": 0,
        "side": 1,
        "price": 1000,
        "qty": 5000,
    }
    trade = row | {"what": "traded", "other": 33, "order_id": 12, "maker_id": 8, "side": 2, "qty": 100}
    step = {"step": "watch", "at_ns": NOW_NS, "score": 1.0, "sentence": ""}
    return case(number, **changes) | {
        "evidence": {"rows": [row, trade], "left_out": 2},
        "steps": [step, step | {"step": "act", "score": 2.9}],
        "actions": [action(outcome="executed")],
    }


def action(**changes: Any) -> dict[str, Any]:
    """An account action as the surveillance answers it."""
    return {
        "key": "case-7-210", "account": 210, "status": 1, "reason": "spoofing", "actor": "surveillance", "case_id": 7,
        "asked_at": 1_790_000_030.0, "outcome": "executed", "shards": {"0": {"outcome": "executed", "detail": "entry 5", "at": 1.0}},
    } | changes  # fmt: skip


class Answering:
    """The surveillance: `answers[call]` is a value, an exception, or a function of the call's arguments; `asked` lists the calls."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.answers: dict[str, Any] = {
            "surveillance_status": {
                "mode": "act", "watching": True, "shards": {"0": {"watching": True}}, "open_cases": {"act": 1}, "restricted_accounts": 1,
            },
            "surveillance_cases": {"cases": [case()], "next": 7, "total": 61},
            "surveillance_case": full_case(),
            "restricted_accounts": [action()],
            "watched_account": {"account": 210, "shards": {"0": 1, "1": None}, "actions": [action()], "cases": [case()]},
            "set_account_status": action(),
            "close_surveillance_case": full_case(state="closed"),
        }  # fmt: skip

    def __call__(self, call: str, *args: Any, **params: Any) -> Any:
        self.asked.append((call, args, params))
        answer = self.answers[call]
        if isinstance(answer, Exception):
            raise answer
        return answer(*args, **params) if callable(answer) else answer

    def calls(self, call: str) -> list[dict[str, Any]]:
        """Keyword arguments of every call of this name."""
        return [params for name, _, params in self.asked if name == call]


@pytest.fixture
def surveillance(monkeypatch: pytest.MonkeyPatch) -> Answering:
    answering = Answering()
    monkeypatch.setattr(door, "surveillance", answering)
    return answering


@pytest.fixture
def on_call(db: None) -> Person:
    return person("mei", "on_call")


@pytest.fixture
def operator(db: None) -> Person:
    return person("li", "operator")


@pytest.fixture
def approver(db: None) -> Person:
    return person("wang", "approver")
