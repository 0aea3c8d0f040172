"""Into which pieces a run is cut, and which of them are carried out at the same time. Pure.

One ansible-playbook prepares for a second or two and then keeps one processor busy with collecting results, however many workers it
has. So a large run is cut into as many pieces as there are processors, which are carried out side by side; a small one is not worth
a second preparation. What must happen in the order of the nodes is never carried out side by side: rounds, and playbooks whose
catalogue says `in_order`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

MOST = 500
"""Nodes of a piece: the variables and results of more make every single task slower."""
WORTH = 100
"""Nodes that are worth a playbook of their own beside another one."""


@dataclass(frozen=True)
class Slice:
    """`number` counts over the whole run, from 0; `forks`: nodes at a time."""

    number: int
    targets: list[dict[str, Any]]
    forks: int


def waves(
    targets: Sequence[dict[str, Any]], *, concurrency: int, processors: int, in_order: bool = False
) -> list[list[Slice]]:
    """The slices of each wave; the waves come one after the other. A target's `round` (if any) keeps it apart from other rounds.
    At most `concurrency` nodes are worked on at a time."""
    found: list[list[Slice]] = []
    for _round, inside in groupby(targets, key=lambda target: target.get("round", 0)):
        nodes = list(inside)
        together = 1 if in_order else max(1, min(processors, concurrency, len(nodes) // WORTH))
        pieces = _even(nodes, together)
        for start in range(0, len(pieces), together):
            wave, number = pieces[start : start + together], sum(map(len, found))
            forks = max(1, concurrency // len(wave))
            found.append([Slice(number + at, piece, min(forks, len(piece))) for at, piece in enumerate(wave)])
    return found


def last(targets: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of the last slice of a run whose slices follow one another."""
    return waves(targets, concurrency=1, processors=1, in_order=True)[-1][0].targets if targets else []


def _even(nodes: list[Any], together: int) -> list[list[Any]]:
    """Pieces of nearly the same size, none larger than MOST, a multiple of `together` of them."""
    count = math.ceil(math.ceil(len(nodes) / MOST) / together) * together
    bounds = [len(nodes) * piece // count for piece in range(count + 1)]
    return [nodes[start:end] for start, end in pairwise(bounds)]
