"""The language of batches: into how many steps a number of nodes is cut. Pure.

Terms stand in the order of the batches, separated by blanks or commas:

    n       this batch has n nodes
    n%      after this batch n % of all nodes are done: a target over all batches, rounded up
    rest    this batch takes all that are left (100% says the same)
    *k      every further batch is k times as big as the one before, until all nodes are done
    +n      every further batch has n nodes more than the one before, until all nodes are done

`*k`, `+n` and `rest` stand at the end. A plain number at the end is repeated until all nodes are done, so `10 20 20` is 10, 20,
20, 20 …; a percentage at the end must be 100%. What would be left for the last batch is what there is; a batch that would be
empty is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

DEFAULT_EXPRESSION = "1, 5%, 30%, 100%"
MOST_TERMS = 20
MOST_BATCHES = 60
SIZE, TARGET, REST, TIMES, PLUS = "size", "target", "rest", "times", "plus"
_GROWING = (TIMES, PLUS)
_TERM = re.compile(r"(?P<sign>[*+]?)(?P<amount>\d{1,6})(?P<percent>%?)\Z")
# What Chinese keyboards write for the same signs.
_WIDE = str.maketrans({"，": ",", "、": ",", "％": "%", "×": "*", "＊": "*", "＋": "+", "　": " "})


class PlanError(ValueError):
    """An expression or a set of nodes that makes no plan; the text says which part and what to change."""


@dataclass(frozen=True)
class Term:
    """One word of an expression; `kind` is one of SIZE, TARGET (`amount` in per cent), REST, TIMES, PLUS."""

    kind: str
    amount: int = 0

    def __str__(self) -> str:
        shapes = {SIZE: "{}", TARGET: "{}%", TIMES: "*{}", PLUS: "+{}", REST: "rest"}
        return shapes[self.kind].format(self.amount)


@dataclass(frozen=True)
class Step:
    """One batch before it has nodes: the term it comes from, and how many nodes it adds."""

    term: str
    count: int


def parse(expression: str) -> tuple[Term, ...]:
    """The terms of `expression`. Raises PlanError."""
    words = [word for word in re.split(r"[,\s]+", expression.translate(_WIDE).strip()) if word]
    if not words:
        raise PlanError("The batches are empty: write for example “1, 5%, 30%, 100%”.")
    if len(words) > MOST_TERMS:
        raise PlanError(f"{len(words)} batches are too many: at most {MOST_TERMS}.")
    terms = tuple(_term(word) for word in words)
    for term in terms[:-1]:
        if term.kind in (*_GROWING, REST):
            raise PlanError(f"“{term}” goes on until all nodes are done, so it stands at the end.")
    if terms[0].kind in _GROWING:
        raise PlanError(f"“{terms[0]}” needs a batch before it to grow from, such as “5 {terms[0]}”.")
    return terms


def _term(word: str) -> Term:
    if word.lower() in ("rest", "100%"):
        return Term(TARGET, 100) if word == "100%" else Term(REST)
    match = _TERM.match(word)
    if not match or (match["sign"] and match["percent"]):
        raise PlanError(
            f"“{word[:20]}” is none of these: a number of nodes such as 5, a target such as 30%, *2, +5 or rest."
        )
    amount = int(match["amount"])
    if amount == 0 or (match["percent"] and amount > 100):
        raise PlanError(f"“{word}” is out of range: at least 1, and at most 100%.")
    if match["sign"]:
        return Term(TIMES if match["sign"] == "*" else PLUS, amount)
    return Term(TARGET if match["percent"] else SIZE, amount)


def steps(terms: Sequence[Term], total: int) -> list[Step]:
    """What each batch adds. Raises PlanError for a batch without nodes, for too many batches, or when the last one does not
    reach all nodes."""
    if total < 1:
        raise PlanError("There is no node to release to.")
    found: list[Step] = []
    done = 0
    for number, term in enumerate(_unfolded(terms), start=1):
        if number > len(terms) and done == total:
            break
        if number > MOST_BATCHES:
            raise PlanError(
                f"“{term}” at the end makes more than {MOST_BATCHES} batches of {total} nodes: use bigger ones."
            )
        count = _count(term, total, done, found[-1].count if found else 0)
        if count < 1:
            raise PlanError(_empty(number, term, done, total))
        found.append(Step(str(term), count))
        done += count
        if done == total and number >= len(terms):
            break
    if done < total:
        raise PlanError(f"The batches end at {done} of {total} nodes: add 100% at the end.")
    return found


def _unfolded(terms: Sequence[Term]) -> Iterator[Term]:
    """The terms, and the last one again and again if it is of a kind that goes on."""
    yield from terms
    while terms[-1].kind in (SIZE, *_GROWING):
        yield terms[-1]


def _count(term: Term, total: int, done: int, before: int) -> int:
    left = total - done
    wanted = {
        SIZE: term.amount,
        TARGET: math.ceil(term.amount * total / 100) - done,
        REST: left,
        TIMES: before * term.amount,
        PLUS: before + term.amount,
    }[term.kind]
    return min(wanted, left)


def _empty(number: int, term: Term, done: int, total: int) -> str:
    text = f"Batch {number} ({term}) is empty: batches before it already reach {done} of {total} nodes. "
    return text + ("A percentage is a target over all batches; leave it out or raise it." if term.kind == TARGET
                   else "Leave it out.")  # fmt: skip


def sizes(terms: Sequence[Term], total: int) -> list[int]:
    """How many nodes each batch adds. Raises PlanError."""
    return [step.count for step in steps(terms, total)]


def suggest(total: int, expression: str = DEFAULT_EXPRESSION) -> str:
    """`expression` without the terms that would be empty for a service of `total` nodes."""
    kept, done, before = [], 0, 0
    for term in parse(expression):
        count = _count(term, total, done, before)
        if count > 0:
            kept.append(str(term))
            done, before = done + count, count
    return ", ".join(kept)


def suggest_for_shards(replicas: Sequence[int]) -> str:
    """Batches for replicated shards, given how many nodes of each are to be changed: one node alone, then never two of the same
    shard."""
    rounds = [sum(count > round_ for count in replicas) for round_ in range(max(replicas))]
    first = [1, rounds[0] - 1] if rounds[0] > 1 else [1]
    return ", ".join(str(count) for count in [*first, *rounds[1:]])
