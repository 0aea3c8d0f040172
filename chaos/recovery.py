"""How long customers felt a fault, and what it cost them. Pure: from the seconds that the sampler wrote.

Recovery time: from the injection to the first second from which success stays at or above the threshold for three windows
in a row; 0 when it never fell below. A second without a measurement is not a good second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WINDOWS = 3
WINDOW_SAMPLES = 2
WORST_OVER = 5


@dataclass(frozen=True)
class Recovery:
    """`recovered_s` None: not within what was measured. `felt_s` None: customers felt nothing. `worst_success` is
    the lowest share over five seconds in a row. Counts are of requests."""

    recovered_s: float | None
    felt_s: float | None
    worst_success: float | None
    failed_requests: int
    unmeasured_s: int
    lost_orders: int | None
    duplicate_orders: int | None


def measure(samples: Sequence[Mapping[str, Any]], injected_at: float, *, threshold: float) -> Recovery:
    """`samples` as sampler.Sample writes them (at, success, bad, lost, duplicates, gap), `injected_at` in Unix seconds."""
    before = [sample for sample in samples if sample["at"] < injected_at and not sample["gap"]]
    after = [sample for sample in samples if sample["at"] >= injected_at]
    good = [sample["success"] is not None and sample["success"] >= threshold for sample in after]
    known = [sample for sample in after if not sample["gap"]]
    first_bad = next((index for index, fine in enumerate(good) if not fine), None)
    return Recovery(
        recovered_s=_recovered(after, good, first_bad, injected_at),
        felt_s=None if first_bad is None else after[first_bad]["at"] - injected_at,
        worst_success=_worst([s["success"] for s in known if s["success"] is not None]),
        failed_requests=sum(sample["bad"] for sample in known),
        unmeasured_s=len(after) - len(known),
        lost_orders=_grown(before, known, "lost"),
        duplicate_orders=_grown(before, known, "duplicates"),
    )


def _recovered(
    after: Sequence[Mapping[str, Any]], good: Sequence[bool], first_bad: int | None, injected_at: float
) -> float | None:
    needed = WINDOWS * WINDOW_SAMPLES
    if first_bad is None:
        return 0.0 if len(good) >= needed else None
    for start in range(first_bad + 1, len(good) - needed + 1):
        if all(good[start : start + needed]):
            return float(after[start]["at"] - injected_at)
    return None


def _worst(values: Sequence[float]) -> float | None:
    """The lowest mean over WORST_OVER seconds in a row: one single second with few orders says little."""
    span = min(WORST_OVER, len(values))
    return (
        min((sum(values[i : i + span]) / span for i in range(len(values) - span + 1)), default=None) if span else None
    )


def _grown(before: Sequence[Mapping[str, Any]], known: Sequence[Mapping[str, Any]], name: str) -> int | None:
    """How much a counter rose over the fault; None when one side was not measured."""
    if not before or not known:
        return None
    return max(0, int(known[-1][name]) - int(before[-1][name]))
