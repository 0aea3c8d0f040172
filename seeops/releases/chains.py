"""Is a business chain that passes the changed service worse than before the batch was begun? Pure.

Only a few of the service's nodes are changed, so a chain says less about them than their own figures; but what they spoil
elsewhere (a caller that waits, a store that fills) shows in chains alone. A chain is compared with itself before, and what
chains that do not pass the service did in the same minutes is taken off: when those get worse as well, something else is
going on, and nobody can tell what the release did.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from seeops.core.late import Late
from seeops.releases import power
from seeops.releases.compared import CHAINS, Finding
from seeops.releases.samples import ChainSample, Slice

if TYPE_CHECKING:
    from seeops.releases.judge_settings import JudgeSettings

stats = Late("scipy.stats")
LEAST_SLICES = 3
_SURELY = 0.001


def findings(samples: Sequence[ChainSample], settings: JudgeSettings) -> list[Finding]:
    """Errors and durations of every chain that passes the service and had enough requests to say something. A chain that
    nobody used decides nothing; when that holds for all of them, one finding says so."""
    others = [sample for sample in samples if not sample.affected]
    affected = [sample for sample in samples if sample.affected]
    used = [sample for sample in affected if _sum(sample.now)[0] >= settings.chain_min_requests]
    if affected and not used:
        return [Finding("chains", "nobody used the chains of the service", 0.0, 1e-9, "share", kind=CHAINS)]
    found = []
    for sample in used:
        found.append(_errors(sample, others, settings))
        if _sum(sample.before)[0] >= settings.chain_min_requests:
            found.append(_durations(sample, others, settings))
    return found


def _errors(sample: ChainSample, others: Sequence[ChainSample], settings: JudgeSettings) -> Finding:
    """Failures now and before, given their sum: binomial, with the present requests' share of all as probability. A chain that
    was not used before (the session had just begun) is held against the margin itself."""
    base = {
        "metric": f"{sample.chain}: errors", "margin": settings.chain_error_margin, "bound": settings.chain_error_bound,
        "unit": "share", "kind": CHAINS,
    }  # fmt: skip
    n, k = (round(value) for value in _sum(sample.now)[:2])
    m, j = (round(value) for value in _sum(sample.before)[:2])
    k, j = min(k, n), min(j, m)
    if _rose(others):
        return Finding(text="chains that do not pass the service fail as well: something else is going on", **base)
    rate, before = k / n, j / m if m else 0.0
    if m >= settings.chain_min_requests:
        p = float(stats.binomtest(k, k + j, n / (n + m), alternative="greater").pvalue) if k else 1.0
    else:
        p = float(stats.binom.sf(k - 1, n, settings.chain_error_margin))
    high = float(stats.beta.ppf(settings.confidence, k + 1, n - k)) if k < n else 1.0
    return Finding(
        text=f"{k} of {n} requests failed ({rate:.2%}), before {j} of {m} ({before:.2%})",
        changed=rate, peers=before, effect=rate - before, low=None, high=high - before, p=p,
        sees=power.detectable_rate(n, before, settings.chain_error_margin, settings.alpha),
        growth=power.rate_growth(
            k, n, before, settings.chain_error_margin, settings.chain_error_bound, settings.alpha, settings.confidence
        ),
        **base,
    )  # fmt: skip


def _rose(others: Sequence[ChainSample]) -> bool:
    """Whether unaffected chains surely fail more than before."""
    n, k = (sum(_sum(sample.now)[at] for sample in others) for at in (0, 1))
    m, j = (sum(_sum(sample.before)[at] for sample in others) for at in (0, 1))
    if round(k) < 1 or m < 1 or k / n - j / m < 0.002:
        return False
    total = round(k) + round(j)
    return float(stats.binomtest(round(k), total, n / (n + m), alternative="greater").pvalue) < _SURELY


def _durations(sample: ChainSample, others: Sequence[ChainSample], settings: JudgeSettings) -> Finding:
    """Mean durations of the slices on a logarithmic scale, now against before (Welch 1947), less what the unaffected chains
    rose by in the median."""
    base = {
        "metric": f"{sample.chain}: duration", "margin": settings.chain_duration_margin,
        "bound": settings.chain_duration_bound, "unit": "ratio", "kind": CHAINS,
    }  # fmt: skip
    now, before = _logs(sample.now), _logs(sample.before)
    if len(now) < LEAST_SLICES or len(before) < LEAST_SLICES:
        return Finding(text="too few measurements of the chain's durations", **base)
    elsewhere = [_shift(other) for other in others]
    risen = max(0.0, float(np.median([shift for shift in elsewhere if shift is not None] or [0.0])))
    shift = float(now.mean() - before.mean()) - risen
    parts = [max(float(side.var(ddof=1)), 1e-6) / len(side) for side in (now, before)]
    error = math.sqrt(sum(parts))
    freedom = sum(parts) ** 2 / sum(part**2 / (len(side) - 1) for part, side in zip(parts, (now, before), strict=True))
    t = float(stats.t.ppf(settings.confidence, freedom))
    margin, bound = math.log1p(settings.chain_duration_margin), math.log1p(settings.chain_duration_bound)
    effect, low, high = (math.expm1(min(value, 20.0)) for value in (shift, shift - t * error, shift + t * error))
    return Finding(
        text=f"{effect:+.1%} against before".replace("%", " %"),
        changed=float(np.exp(now.mean())), peers=float(np.exp(before.mean())), effect=effect, low=low, high=high,
        p=float(stats.t.sf((shift - margin) / error, freedom)),
        sees=math.expm1(min(power.detectable(margin, error, settings.alpha, freedom), 20.0)),
        growth=power.growth(shift, margin, bound, error**2, 0.0, settings.alpha, settings.confidence),
        **base,
    )  # fmt: skip


def _shift(sample: ChainSample) -> float | None:
    now, before = _logs(sample.now), _logs(sample.before)
    return float(now.mean() - before.mean()) if len(now) and len(before) else None


def _logs(slices: Sequence[Slice]) -> np.ndarray:
    """Logarithms of the mean durations of the slices in which requests were answered."""
    return np.log([seconds / answered for _, _, answered, seconds in slices if answered > 0 and seconds > 0])


def _sum(slices: Sequence[Slice]) -> tuple[float, float]:
    """(requests, failed)."""
    return sum(piece[0] for piece in slices), sum(piece[1] for piece in slices)
