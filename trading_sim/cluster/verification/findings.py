"""What a verification found: checks with how much they looked at, and every contradiction in a sentence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

LISTED = 20


class Unverifiable(Exception):
    """There is not enough to judge by (a folder, a file, a majority is missing): neither good nor bad."""


@dataclass
class Check:
    """One property. `checked` counts what was looked at; without anything looked at a check proves nothing, and says so."""

    name: str
    text: str
    checked: int = 0
    count: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.count == 0

    def problem(self, text: str) -> None:
        """Note a contradiction; the first LISTED are kept in words, all are counted."""
        self.count += 1
        if len(self.problems) < LISTED:
            self.problems.append(text)

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "text": self.text,
            "ok": self.ok,
            "checked": self.checked,
            "problems_total": self.count,
            "problems": self.problems,
        }


CHECKS = {
    "journals-readable": "every replica's journal and snapshots are whole",
    "logs-agree": "the replicas hold the same entries",
    "state-hashes": "the replicas' state hashes equal that of an independent replay",
    "replay": "core and ledger agree on every event of the replay",
    "unique-ids": "sequence numbers, order ids and trades occur once, without gaps",
    "market-rules": "every trade keeps band, limits, quantities and price priority",
    "refusals": "nothing that was refused, or never accepted, was executed",
    "settlement": "no share was sold on the day it was bought",
    "balances": "balances rebuilt from the events alone equal the shard's",
    "conservation": "cash and positions are conserved",
    "acknowledged": "every acknowledged order is in the journal exactly once, as it was answered",
    "answers": "customers were told what the shard did with each order",
    "nothing-unsent": "nothing was executed that no customer sent, nothing twice",
    "account-order": "every account's requests were executed in the order they were sent",
    "account-counts": "every account's number of orders lies between what was answered and what was sent",
}


class Findings:
    """The checks of one shard."""

    def __init__(self, shard: int) -> None:
        self.shard = shard
        self.checks = {name: Check(name, text) for name, text in CHECKS.items()}
        self.facts: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Check:
        return self.checks[name]

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks.values())

    def as_dict(self) -> dict[str, Any]:
        return {
            "shard": self.shard,
            "ok": self.ok,
            **self.facts,
            "checks": [check.as_dict() for check in self.checks.values()],
        }
