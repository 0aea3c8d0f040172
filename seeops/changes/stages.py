"""Approval stages: who may decide now, and whether enough people have. Pure.

A stage needs `needed` different people of its group; stages are passed in order. One person counts once in a whole ticket,
whether they decide themselves, for somebody who delegated to them, or are decided for.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Stage:
    """`group` is the code of the group of approvers; with `step_up` the second factor is asked for at the decision."""

    number: int
    title: str
    group: str
    needed: int
    step_up: bool

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Vote:
    """An approval that holds: of `approver`, or of `approver` for `on_behalf_of`."""

    stage: int
    approver: int
    on_behalf_of: int | None = None

    @property
    def people(self) -> frozenset[int]:
        return frozenset({self.approver} | ({self.on_behalf_of} if self.on_behalf_of is not None else set()))


@dataclass(frozen=True)
class Progress:
    stage: Stage
    got: int

    @property
    def passed(self) -> bool:
        return self.got >= self.stage.needed


def parse(stored: Sequence[dict[str, Any]]) -> tuple[Stage, ...]:
    """The stages that are frozen on a ticket, in order."""
    return tuple(sorted((Stage(**item) for item in stored), key=lambda stage: stage.number))


def progress(stages: Sequence[Stage], votes: Sequence[Vote]) -> list[Progress]:
    """How far each stage is. A person who counted in an earlier stage does not count again."""
    counted: set[int] = set()
    found = []
    for stage in stages:
        got = 0
        for vote in votes:
            if vote.stage == stage.number and not vote.people & counted:
                counted |= vote.people
                got += 1
        found.append(Progress(stage, got))
    return found


def current(stages: Sequence[Stage], votes: Sequence[Vote]) -> Stage | None:
    """The first stage that is not passed; None when all are."""
    return next((item.stage for item in progress(stages, votes) if not item.passed), None)


def excluded(
    person: int, *, involved: Collection[int], delegators: Collection[int], on_behalf_of: int | None = None
) -> str:
    """Why this person may not approve: the code of the reason, empty when they may.

    `involved`: requester, planner and executor; `delegators`: everybody whose right to approve the person holds now. Who
    holds the delegation of somebody involved acts for them, whatever they decide as.
    """
    if person in involved:
        return "own_change"
    if on_behalf_of is not None and on_behalf_of in involved:
        return "delegator_involved"
    if set(delegators) & set(involved):
        return "delegator_involved"
    return ""


def counted(person: int, votes: Sequence[Vote], on_behalf_of: int | None = None) -> bool:
    """Whether the person, or the one they decide for, counts already."""
    mine = Vote(0, person, on_behalf_of).people
    return any(mine & vote.people for vote in votes)
