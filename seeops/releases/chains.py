"""Is a business chain that passes the changed service worse than before the batch was begun? Pure.

Only a few of the service's nodes are changed, so a chain says less about them than their own figures; but what they spoil
elsewhere (a caller that waits, a store that fills) shows in chains alone. A chain is compared with itself before, and what
chains that do not pass the service did in the same minutes is taken off: when those get worse as well, something else is
going on, and nobody can tell what the release did.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seeops.core.late import Late
from seeops.releases import power
from seeops.releases.compared import CHAINS, Finding
from seeops.releases.samples import ChainSample, Slice

if TYPE_CHECKING:
    from seeops.releases.judge_settings import JudgeSettings

stats = Late("scipy.stats")
BLOCK = 6  # slices of ten seconds
LEAST_BLOCKS = 3
_OWN_SHARE = 0.3  # of a chain's rise: less than that at the changed service, and the rise lies elsewhere
_SURELY = 0.001


def findings(samples: Sequence[ChainSample], service: str, settings: JudgeSettings) -> list[Finding]:
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
            found.append(_durations(sample, others, service, settings))
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


def _durations(sample: ChainSample, others: Sequence[ChainSample], service: str, settings: JudgeSettings) -> Finding:
    """The mean duration in the window against the minutes before, whose scatter says what minutes differ by (Student's
    prediction interval on a logarithmic scale), less what unaffected chains rose by in the median.

    A rise that lies at the changed service is held against it. One that lies elsewhere in the chain names no culprit: the
    changed service may have caused it or not, so it neither fails nor passes. Without such a rise, and while there are too few
    minutes to compare with, what the service itself adds decides.
    """
    base = {
        "metric": f"{sample.chain}: duration", "margin": settings.chain_duration_margin,
        "bound": settings.chain_duration_bound, "unit": "ratio", "kind": CHAINS,
    }  # fmt: skip
    now, before = _mean(sample.now), _mean(sample.before)
    own, most = _rise(sample, service)
    if not now or not before:
        return Finding(text="too few measurements of the chain's durations", **base)
    blocks = [mean for mean in map(_mean, _blocks(sample.before)) if mean]
    if len(blocks) < LEAST_BLOCKS and own is None:
        return Finding(text="too few measurements of the chain's durations", **base)
    seen: dict[str, Any] = {"changed": now, "peers": before}
    total = math.expm1(math.log(now / before))
    if len(blocks) >= LEAST_BLOCKS:
        total, low, high, p, seen["sees"] = _against(now, blocks, others, settings)
        if own is None or own >= _OWN_SHARE * total:
            return Finding(
                text=f"{_percent(total)} against before", effect=total, low=low, high=high, p=p, **seen, **base
            )
        if p < settings.alpha and total > settings.chain_duration_margin:
            text = f"{_percent(total)} against before, most of it at {most}, which this release does not change"
            return Finding(text=text, **seen, **base)
    text = f"{_percent(own)} through this service, {_percent(total)} in all"
    return Finding(text=text, effect=own, low=own, high=own, p=1.0, **seen, **base)


def _against(
    now: float, blocks: Sequence[float], others: Sequence[ChainSample], settings: JudgeSettings
) -> tuple[float, float, float, float, float]:
    """(effect, low, high, p, what would be seen) of the present mean against those of the minutes before."""
    logs = np.log(blocks)
    elsewhere = [shift for shift in map(_shift, others) if shift is not None]
    shift = math.log(now) - float(logs.mean()) - max(0.0, float(np.median(elsewhere or [0.0])))
    error = math.sqrt(max(float(logs.var(ddof=1)), 1e-4) * (1 + 1 / len(logs)))
    freedom, margin = len(logs) - 1, math.log1p(settings.chain_duration_margin)
    t = float(stats.t.ppf(settings.confidence, freedom))
    found = power.detectable(margin, error, settings.alpha, freedom)
    effect, low, high, sees = (
        math.expm1(min(value, 20.0)) for value in (shift, shift - t * error, shift + t * error, found)
    )
    return effect, low, high, float(stats.t.sf((shift - margin) / error, freedom)), sees


def _rise(sample: ChainSample, service: str) -> tuple[float | None, str]:
    """(what the changed service's hop adds to the chain's duration as a share of it, where the chain slowed most); None when
    the hops were not measured."""
    before = _mean(sample.before)
    rises = {hop: is_now - was for hop, was, is_now in sample.hops}
    if service not in rises or not before:
        return None, ""
    return rises[service] / before, max(rises, key=rises.__getitem__)


def _blocks(slices: Sequence[Slice]) -> list[Sequence[Slice]]:
    """Minutes, the last one ending with the slices."""
    return [slices[at - BLOCK : at] for at in range(len(slices), BLOCK - 1, -BLOCK)]


def _mean(slices: Sequence[Slice]) -> float:
    """Mean duration in seconds; 0 without answers."""
    answered, seconds = sum(piece[2] for piece in slices), sum(piece[3] for piece in slices)
    return seconds / answered if answered > 0 else 0.0


def _percent(value: float) -> str:
    return f"{value:+.1%}".replace("%", " %")


def _shift(sample: ChainSample) -> float | None:
    now, before = _mean(sample.now), _mean(sample.before)
    return math.log(now / before) if now and before else None


def _sum(slices: Sequence[Slice]) -> tuple[float, float]:
    """(requests, failed)."""
    return sum(piece[0] for piece in slices), sum(piece[1] for piece in slices)
