"""Releases of versions whose faults are known, walked through batches, verdicts and extensions as the engine does it.

The walk decides nothing by itself: PASS goes on to the next batch, FAIL ends, INCONCLUSIVE soaks longer while that helps and
holds at last. What the nodes measure comes from a model (simulation) or from a running cluster.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from seeops.releases.verdict import FAIL, INCONCLUSIVE, PASS, Verdict

SOAK_S = 60
MOST_EXTENSIONS = 3
CAUGHT, HELD, PASSED, CUT = "caught", "held", "passed", "cut off"


@dataclass
class Walk:
    """One seeded release. `stages`: the nodes that each batch adds. Times are seconds since the first batch was deployed."""

    seed: int
    service: str
    version: str
    kind: str
    stages: Sequence[Sequence[str]]
    stage: int = 0
    looks: int = 0
    soaked_s: float = 0.0
    outcome: str = ""
    why: str = ""
    verdicts: list[tuple[int, int, str]] = field(default_factory=list)

    def decide(self, verdict: Verdict, took_s: float = SOAK_S) -> str:
        """Take a verdict on the present batch: "next" to deploy the next one, "longer" to soak on, "end"."""
        self.looks += 1
        self.soaked_s += took_s
        self.verdicts.append((self.stage, self.looks, verdict.outcome))
        self.why = verdict.summary
        if verdict.outcome == FAIL:
            return self._end(CAUGHT)
        if verdict.outcome == PASS:
            self.stage, self.looks = self.stage + 1, 0
            return "next" if self.stage < len(self.stages) else self._end(PASSED)
        if self.looks <= MOST_EXTENSIONS and verdict.longer_helps((1 + MOST_EXTENSIONS) / self.looks):
            return "longer"
        return self._end(HELD)

    def _end(self, outcome: str) -> str:
        self.outcome = outcome
        return "end"


def share(k: int, n: int) -> str:
    """A share with its 95 % interval after Clopper and Pearson."""
    if not n:
        return "–"
    low, high = stats.binomtest(k, n).proportion_ci(0.95, method="exact")
    return f"{k / n:.1%} ({low:.1%} … {high:.1%})"


def table(walks: Iterable[Walk]) -> str:
    """One row per kind: how many, passed, caught, held; seconds of soaking until caught (median, 90 %), in which batch."""
    by_kind: dict[str, list[Walk]] = defaultdict(list)
    for walk in walks:
        by_kind[walk.kind].append(walk)
    head = ("version", "n", "passed", "caught", "held", "soaked until caught p50/p90 s", "caught in batch 1/2/3…")
    rows = [head]
    for kind, all_of in by_kind.items():
        ended = [walk for walk in all_of if walk.outcome != CUT]
        found = Counter(walk.outcome for walk in ended)
        times = [walk.soaked_s for walk in ended if walk.outcome == CAUGHT]
        at = Counter(walk.stage for walk in ended if walk.outcome == CAUGHT)
        n = len(ended)
        rows.append(
            (
                kind, str(n), share(found[PASSED], n), share(found[CAUGHT], n), share(found[HELD], n),
                f"{np.median(times):.0f} / {np.quantile(times, 0.9):.0f}" if times else "–",
                "/".join(str(at[stage]) for stage in range(max(at) + 1)) if at else "–",
            )
        )  # fmt: skip
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, "-+-".join("-" * width for width in widths))
    return "\n".join(lines)


def decided(walks: Iterable[Walk], kind: str) -> Counter[str]:
    """How the batches of that kind were decided in the end: PASSED, CAUGHT or HELD. Looks before the last one of a batch decide nothing."""
    found: Counter[str] = Counter()
    for walk in walks:
        if walk.kind == kind:
            found[PASSED] += walk.stage  # all batches before the one it has come to
            if walk.outcome in (CAUGHT, HELD):
                found[walk.outcome] += 1
    return found


def verdict_counts(walks: Iterable[Walk]) -> Counter[tuple[str, int, str]]:
    """(kind, batch, outcome) → how many looks ended so."""
    return Counter((walk.kind, stage + 1, outcome) for walk in walks for stage, _, outcome in walk.verdicts)


__all__ = [
    "CAUGHT",
    "CUT",
    "HELD",
    "INCONCLUSIVE",
    "PASSED",
    "SOAK_S",
    "Walk",
    "decided",
    "share",
    "table",
    "verdict_counts",
]
