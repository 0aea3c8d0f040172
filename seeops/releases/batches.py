"""How the nodes of a service are cut into batches. Pure and deterministic.

An expression names cumulative targets: `1, 5%, 30%, 100%` means one node, then 5 % of all, then 30 %, then all. `n` is a
number of nodes, `n%` a share of all of them (rounded up). Terms are separated by commas or blanks.

Nodes are taken so that every batch is spread over the centres in proportion to their size, the standby centre first; before
the last batch no centre gives more nodes at once than it can spare, and never its last one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

DEFAULT_EXPRESSION = "1, 5%, 30%, 100%"
MOST_TERMS = 20
_TERM = re.compile(r"(\d{1,6})(%?)\Z")


class PlanError(ValueError):
    """An expression or a set of nodes that makes no plan; the text says which part and what to change."""


@dataclass(frozen=True)
class Term:
    """A cumulative target: a number of nodes, or a share of all in per cent."""

    amount: int
    percent: bool

    def __str__(self) -> str:
        return f"{self.amount}%" if self.percent else str(self.amount)

    def target(self, total: int) -> int:
        """How many nodes have the new version after this batch."""
        wanted = math.ceil(self.amount * total / 100) if self.percent else self.amount
        return min(wanted, total)


@dataclass(frozen=True)
class Member:
    """A node to plan. `rank` orders centres: the lowest is changed first (standby before production)."""

    name: str
    centre: str
    rank: int = 0


@dataclass(frozen=True)
class Batch:
    """One batch of a plan: the names in order, and how many of them may be out of service at the same time."""

    number: int
    term: str
    nodes: tuple[str, ...]
    concurrency: int


@dataclass(frozen=True)
class Plan:
    batches: tuple[Batch, ...]
    warnings: tuple[str, ...] = field(default=())


def parse(expression: str) -> tuple[Term, ...]:
    """The terms of `expression`. Raises PlanError."""
    words = [word for word in re.split(r"[,\s]+", expression.strip()) if word]
    if not words:
        raise PlanError("The batches are empty: write for example “1, 5%, 30%, 100%”.")
    if len(words) > MOST_TERMS:
        raise PlanError(f"{len(words)} batches are too many: at most {MOST_TERMS}.")
    terms = []
    for word in words:
        match = _TERM.match(word)
        if not match:
            raise PlanError(f"“{word[:20]}” is neither a number of nodes nor a percentage, such as 5 or 30%.")
        amount, percent = int(match[1]), bool(match[2])
        if amount == 0 or (percent and amount > 100):
            raise PlanError(f"“{word}” is out of range: at least 1, and at most 100%.")
        terms.append(Term(amount, percent))
    return tuple(terms)


def sizes(terms: Sequence[Term], total: int) -> list[int]:
    """How many nodes each batch adds. Raises PlanError for a batch without nodes, or when the last does not reach all."""
    if total < 1:
        raise PlanError("There is no node to release to.")
    added, done = [], 0
    for number, term in enumerate(terms, start=1):
        target = term.target(total)
        if target <= done:
            raise PlanError(
                f"Batch {number} ({term}) is empty: batches before it already reach {done} of {total} nodes. "
                f"Targets are cumulative; leave it out or raise it."
            )
        added.append(target - done)
        done = target
    if done < total:
        raise PlanError(f"The batches end at {done} of {total} nodes: add 100% at the end.")
    return added


def suggest(total: int, expression: str = DEFAULT_EXPRESSION) -> str:
    """`expression` without the terms that would be empty for a service of `total` nodes."""
    kept, done = [], 0
    for term in parse(expression):
        target = term.target(total)
        if target > done:
            kept.append(str(term))
            done = target
    return ", ".join(kept)


def plan(expression: str, members: Sequence[Member], spare: Mapping[str, int], *, most_at_once: int = 24) -> Plan:
    """Cut `members` into batches. `spare` says how many nodes each centre can do without. Raises PlanError."""
    names = [member.name for member in members]
    duplicates = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if duplicates:
        raise PlanError(f"Nodes are named twice: {', '.join(duplicates[:5])}.")
    terms = parse(expression)
    added = sizes(terms, len(members))
    queues = _queues(members)
    totals = {centre: len(queue) for centre, queue in queues.items()}
    warnings = [
        f"{centre} has no node to spare: its nodes are changed one at a time."
        for centre in queues
        if spare.get(centre, 0) < 1
    ]
    taken = dict.fromkeys(queues, 0)
    batches, carried = [], 0
    for number, (term, count) in enumerate(zip(terms, added, strict=True), start=1):
        last = number == len(terms)
        wanted = count + carried
        chosen = _choose(wanted, queues, totals, taken, spare, last=last)
        carried = wanted - len(chosen)
        if carried and not last:
            warnings.append(
                f"Batch {number} takes {len(chosen)} of {wanted} nodes, so that every centre keeps what it needs."
            )
        if not chosen:
            raise PlanError(
                f"Batch {number} ({term}) is empty: no centre can spare another node before the last batch."
            )
        centres = {member.centre for member in chosen}
        at_once = min(max(1, spare.get(centre, 0)) for centre in centres)
        batches.append(Batch(number, str(term), tuple(m.name for m in chosen), min(most_at_once, at_once)))
    return Plan(tuple(batches), tuple(warnings))


def _queues(members: Sequence[Member]) -> dict[str, list[Member]]:
    """Members by centre, centres in the order in which they are changed."""
    queues: dict[str, list[Member]] = {}
    for member in sorted(members, key=lambda member: (member.rank, member.centre, member.name)):
        queues.setdefault(member.centre, []).append(member)
    return queues


def _choose(
    count: int,
    queues: Mapping[str, list[Member]],
    totals: Mapping[str, int],
    taken: dict[str, int],
    spare: Mapping[str, int],
    *,
    last: bool,
) -> list[Member]:
    """The next `count` members, each time from the centre with the smallest share done; updates `taken`."""
    start = dict(taken)
    chosen = []
    for _ in range(count):
        open_centres = [
            centre
            for centre in queues
            if taken[centre] < (totals[centre] if last or len(totals) == 1 else max(1, totals[centre] - 1))
            and (last or taken[centre] - start[centre] < max(1, spare.get(centre, 0)))
        ]
        if not open_centres:
            break
        centre = min(open_centres, key=lambda name: taken[name] / totals[name])
        chosen.append(queues[centre][taken[centre]])
        taken[centre] += 1
    return chosen
