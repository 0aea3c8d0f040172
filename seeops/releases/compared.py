"""What a single comparison of a verdict found. Pure."""

from __future__ import annotations

from dataclasses import dataclass

NODES, CHAINS, INTEGRITY, SECOND = "nodes", "chains", "integrity", "second opinion"


@dataclass(frozen=True)
class Finding:
    """`effect` is how much worse the changed side is (0 = the same), `low` and `high` its one-sided confidence limits, `p` the
    probability of seeing this or worse if the true effect were exactly the margin (counts: if there were none).

    `kind`: nodes, chains, integrity or second opinion. `enough`: the sample is large enough for a pass. `sees`: the smallest
    effect that a sample of this size finds. `growth`: by which factor the sample must grow to decide; None when nobody knows.
    """

    metric: str
    text: str
    margin: float
    bound: float
    unit: str
    changed: float | None = None
    peers: float | None = None
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    enough: bool = True
    kind: str = NODES
    sees: float | None = None
    growth: float | None = None
