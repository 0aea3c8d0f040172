"""From evidence to levels. Pure: no clock, no database.

A criterion is met, not met, or not evaluated (no evidence, evidence too old, sample too small): "not evaluated" never counts
as met. An item's level is the highest L for which every criterion of the levels 1 … L is met and there is at least one
criterion at L; a domain's level is the lowest of its items (the median is shown beside it); levels fall by themselves when
evidence ages.
"""

from __future__ import annotations

import datetime as dt
import enum
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from seeops.maturity.framework import Criterion, Domain, Framework, Item


class State(enum.StrEnum):
    MET = "met"
    NOT_MET = "not_met"
    NOT_EVALUATED = "not_evaluated"


@dataclass(frozen=True)
class Fact:
    """One piece of evidence: a measured value (with the size of its sample) or an attestation (value 1)."""

    value: float | None
    sample: int
    collected_at: dt.datetime
    evidence_id: int | None = None


@dataclass(frozen=True)
class CriterionResult:
    criterion: Criterion
    state: State
    why: str
    fact: Fact | None


@dataclass(frozen=True)
class ItemResult:
    item: Item
    level: int
    criteria: tuple[CriterionResult, ...]


@dataclass(frozen=True)
class DomainResult:
    domain: Domain
    level: int
    median: float
    items: tuple[ItemResult, ...]


@dataclass(frozen=True)
class Rating:
    framework: Framework
    domains: tuple[DomainResult, ...]
    at: dt.datetime

    @property
    def level(self) -> int:
        """The lowest domain: a chain is as strong as its weakest link."""
        return min((domain.level for domain in self.domains), default=0)

    def results(self) -> list[CriterionResult]:
        return [result for domain in self.domains for item in domain.items for result in item.criteria]

    def count(self, state: State) -> int:
        return sum(result.state == state for result in self.results())


def rate(framework: Framework, facts: Mapping[str, Fact], now: dt.datetime) -> Rating:
    """`facts` by measure name, and by criterion code for attestations. `now` decides how old evidence is."""
    return Rating(framework, tuple(_domain(domain, facts, now) for domain in framework.domains), now)


def _domain(domain: Domain, facts: Mapping[str, Fact], now: dt.datetime) -> DomainResult:
    items = tuple(_item(item, facts, now) for item in domain.items)
    levels = [item.level for item in items]
    return DomainResult(domain, min(levels), statistics.median(levels), items)


def _item(item: Item, facts: Mapping[str, Fact], now: dt.datetime) -> ItemResult:
    results = tuple(
        judge(criterion, facts.get(criterion.measure or criterion.code), now) for criterion in item.criteria
    )
    return ItemResult(item, item_level(results), results)


def item_level(results: tuple[CriterionResult, ...]) -> int:
    """The highest level up to which everything is met; 0 when even the first is not."""
    reached = 0
    for level in sorted({result.criterion.level for result in results}):
        if any(result.state != State.MET for result in results if result.criterion.level == level):
            break
        reached = level
    return reached


def judge(criterion: Criterion, fact: Fact | None, now: dt.datetime) -> CriterionResult:
    """One criterion against its newest fact."""
    if fact is None or fact.value is None:
        return CriterionResult(criterion, State.NOT_EVALUATED, "no evidence", fact)
    if now - fact.collected_at > dt.timedelta(days=criterion.max_age_d):
        return CriterionResult(criterion, State.NOT_EVALUATED, "evidence is too old", fact)
    if not criterion.attested and fact.sample < criterion.sample_at_least:
        return CriterionResult(
            criterion, State.NOT_EVALUATED, f"sample of {fact.sample}, {criterion.sample_at_least} needed", fact
        )
    high_enough = criterion.at_least is None or fact.value >= criterion.at_least
    low_enough = criterion.at_most is None or fact.value <= criterion.at_most
    state = State.MET if high_enough and low_enough else State.NOT_MET
    return CriterionResult(criterion, state, "", fact)
