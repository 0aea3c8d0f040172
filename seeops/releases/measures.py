"""Comparisons of durations and memory. Pure; each returns a Finding, or None when the metric does not apply.

`p` is the probability of seeing this or worse if the true effect were exactly the margin. Counts are compared in `counts`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from seeops.core.late import Late
from seeops.releases import power
from seeops.releases.compared import Finding
from seeops.releases.samples import BOUNDS_S, NodeSample

if TYPE_CHECKING:
    from seeops.releases.judge_settings import JudgeSettings

optimize, stats = Late("scipy.optimize"), Late("scipy.stats")
_INSIDE = 12  # points inside a bucket: requests are taken as evenly spread over it on a logarithmic scale
_LOWEST_S, _HIGHEST_S = BOUNDS_S[0] / 8, BOUNDS_S[-1] * 4
# Nobody knows how requests are spread within the outermost buckets: with most of them there, ratios come out half as large again.
_BLIND = 0.5
_WIDEST = 16.0  # ratios beyond this are not told apart
_FURTHEST = 20.0  # logarithms of ratios beyond this are not told apart


def distribution(changed: Sequence[NodeSample], peers: Sequence[NodeSample], settings: JudgeSettings) -> Finding | None:
    """Durations by Mann–Whitney on histograms: by which ratio the peers' distribution must be scaled to match.

    The spread between nodes is estimated from the peers and added, so that one node that is a little slower by nature is
    no finding. None when one bucket holds nearly everything, or an outermost one most: the histogram
    cannot tell ratios then and the mean decides.
    """
    base = {
        "metric": "duration", "margin": settings.duration_margin, "bound": settings.duration_bound, "unit": "ratio",
    }  # fmt: skip
    changed = [sample for sample in changed if sum(sample.buckets) > 0]
    peers = [sample for sample in peers if sum(sample.buckets) > 0]
    n, m = _total(changed), _total(peers)
    if n < 1 or m < 1:
        return Finding(text="no requests on one side", **base)
    if len(peers) < settings.min_peers:
        return Finding(text=few_peers(len(peers), settings), growth=power.NEVER, **base)
    ours, theirs = _histogram(changed), _histogram(peers)
    shares = theirs / m
    if float(np.minimum(ours / n, shares).max()) > 0.95 or float(max(shares[0], shares[-1])) > _BLIND:
        return None
    sampling, lasting = _spread(changed, peers, theirs)
    error = math.sqrt(sampling + lasting)
    centre = _ratio_at(0.5, ours, theirs)
    z = float(stats.norm.isf(1 - settings.confidence))
    low, high = _ratio_at(0.5 + z * error, ours, theirs), _ratio_at(0.5 - z * error, ours, theirs)
    excess = _superiority(1 + settings.duration_margin, ours, theirs) - 0.5
    # The same error on the scale of logarithmic ratios.
    scale = math.log(high / low) / (2 * z * error)
    return Finding(
        text=f"{_percent(centre - 1)} ({_percent(low - 1)} to {_percent(high - 1)}), {n:.0f} requests",
        changed=_quantile(ours, 0.5), peers=_quantile(theirs, 0.5), effect=centre - 1, low=low - 1, high=high - 1,
        p=float(stats.norm.sf(excess / error)), enough=min(n, m) >= settings.min_requests,
        **_ratio_power(math.log(centre), sampling * scale**2, lasting * scale**2, min(n, m), settings), **base,
    )  # fmt: skip


def mean_duration(changed: Sequence[NodeSample], peers: Sequence[NodeSample], settings: JudgeSettings) -> Finding:
    """The mean duration per node, on a logarithmic scale; the peers' own scatter says what chance may do."""
    base = {
        "metric": "mean duration", "margin": settings.duration_margin, "bound": settings.duration_bound,
        "unit": "ratio",
    }  # fmt: skip
    changed = [sample for sample in changed if sample.requests > 0 and sample.seconds > 0]
    peers = [sample for sample in peers if sample.requests > 0 and sample.seconds > 0]
    n, m = sum(s.requests for s in changed), sum(s.requests for s in peers)
    if len(peers) < settings.min_peers:
        return Finding(text=few_peers(len(peers), settings), growth=power.NEVER, **base)
    if not changed or not math.isfinite(sum(s.seconds for s in (*changed, *peers))):
        return Finding(text="too few nodes with requests", **base)
    ours = math.log(sum(s.seconds for s in changed) / n)
    theirs = math.log(sum(s.seconds for s in peers) / m)
    weights = np.array([sample.requests for sample in peers])
    logs = np.log([sample.seconds / sample.requests for sample in peers])
    # Variance of one request's weight, from the scatter of whole nodes: it holds what lies between nodes as well.
    variance = float((weights * (logs - theirs) ** 2).sum() / (len(peers) - 1))
    # Few peers may lie close together by chance, never closer than what their requests scatter.
    variance = max(variance, _request_variance(peers))
    error = math.sqrt(max(variance, 1e-12) * (1 / n + 1 / m))
    freedom = len(peers) - 1
    t = float(stats.t.ppf(settings.confidence, freedom))
    shift = ours - theirs
    p = float(stats.t.sf((shift - math.log1p(settings.duration_margin)) / error, freedom))
    effect, low, high = (_excess(value) for value in (shift, shift - t * error, shift + t * error))
    return Finding(
        text=f"{_percent(effect)} ({_percent(low)} to {_percent(high)})",
        changed=math.exp(ours), peers=math.exp(theirs), effect=effect, low=low, high=high, p=p,
        enough=min(n, m) >= settings.min_requests,
        **_ratio_power(shift, error**2, 0.0, min(n, m), settings, freedom), **base,
    )  # fmt: skip


def _ratio_power(
    shift: float, sampling: float, lasting: float, n: float, settings: JudgeSettings, freedom: float = math.inf
) -> dict[str, float]:
    """`sees` and `growth` of a ratio whose logarithm is `shift`, with that variance."""
    margin, bound = math.log1p(settings.duration_margin), math.log1p(settings.duration_bound)
    found = power.detectable(margin, math.sqrt(sampling + lasting), settings.alpha, freedom)
    needed = power.growth(shift, margin, bound, sampling, lasting, settings.alpha, settings.confidence)
    return {"sees": _excess(found), "growth": max(needed, settings.min_requests / n)}


def _request_variance(samples: Sequence[NodeSample]) -> float:
    """Variance of a request's logarithmic duration, from the histogram; 0 while one bucket holds nearly all: it cannot tell."""
    histogram = _histogram([sample for sample in samples if sample.buckets])
    if not np.any(histogram) or float(histogram.max()) > 0.95 * histogram.sum():
        return 0.0
    shares, middles = histogram / histogram.sum(), (_EDGES[:-1] + _EDGES[1:]) / 2
    middles[0], middles[-1] = _EDGES[1] - math.log(2) / 2, _EDGES[-2] + math.log(2) / 2
    mean = float((shares * middles).sum())
    return float((shares * (middles - mean) ** 2).sum())


def few_peers(count: int, settings: JudgeSettings) -> str:
    return f"{count} peers had requests, {settings.min_peers} are needed"


def _excess(shift: float) -> float:
    """A logarithmic ratio as how much more it is."""
    return math.expm1(min(shift, _FURTHEST))


def memory_growth(changed: Sequence[NodeSample], peers: Sequence[NodeSample], settings: JudgeSettings) -> Finding:
    """Growth of memory per minute, as a share of the peers' median memory: slopes of whole nodes compared by Welch's idea
    with the peers' scatter on both sides."""
    base = {
        "metric": "memory growth", "margin": settings.memory_margin_per_min, "bound": settings.memory_bound_per_min,
        "unit": "per minute",
    }  # fmt: skip
    ours = [slope for slope in map(_slope, changed) if slope is not None]
    theirs = [slope for slope in map(_slope, peers) if slope is not None]
    if not ours or len(theirs) < settings.min_peers or len(ours) < settings.min_coverage * len(changed):
        return Finding(text="memory was not measured often enough", **base)
    size = float(np.median([sample.memory[-1][1] for sample in peers if sample.memory]))
    if size <= 0:
        return Finding(text="the peers report no memory", **base)
    mean, mean_peers = 60 * float(np.mean(ours)) / size, 60 * float(np.mean(theirs)) / size
    scatter = max(60 * float(np.std(theirs, ddof=1)) / size, 1e-12)
    error = scatter * math.sqrt(1 / len(ours) + 1 / len(theirs))
    freedom = len(theirs) - 1
    t = float(stats.t.ppf(settings.confidence, freedom))
    effect = mean - mean_peers
    margin, bound = settings.memory_margin_per_min, settings.memory_bound_per_min
    needed = power.growth(effect, margin, bound, error**2, 0.0, settings.alpha, settings.confidence)
    return Finding(
        text=f"{_per_minute(effect)} a minute against the peers",
        changed=mean, peers=mean_peers, effect=effect, low=effect - t * error, high=effect + t * error,
        p=float(stats.t.sf((effect - margin) / error, freedom)),
        sees=power.detectable(margin, error, settings.alpha, freedom),
        growth=needed ** (1 / 3),  # the variance of a slope falls with the third power of the window
        **base,
    )  # fmt: skip


def _total(samples: Sequence[NodeSample]) -> float:
    return float(sum(sum(sample.buckets) for sample in samples))


def _histogram(samples: Sequence[NodeSample]) -> np.ndarray:
    return np.sum([sample.buckets for sample in samples], axis=0, dtype=float)


_EDGES = np.log(np.array([_LOWEST_S, *BOUNDS_S, _HIGHEST_S]))
_STEPS = (np.arange(_INSIDE) + 0.5) / _INSIDE
_POINTS = (_EDGES[:-1, None] + np.diff(_EDGES)[:, None] * _STEPS[None, :]).ravel()


def _cdf(histogram: np.ndarray) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(histogram)]) / histogram.sum()


def _superiority(ratio: float, ours: np.ndarray, theirs: np.ndarray) -> float:
    """P(ours > theirs · ratio), ties counting half (they vanish by spreading each bucket)."""
    share = np.repeat(ours / ours.sum() / _INSIDE, _INSIDE)
    return float((share * np.interp(_POINTS - math.log(ratio), _EDGES, _cdf(theirs))).sum())


def _ratio_at(level: float, ours: np.ndarray, theirs: np.ndarray) -> float:
    """The ratio at which P(ours > theirs · ratio) equals `level`; at 0.5 the Hodges–Lehmann ratio."""
    level = min(max(level, 0.001), 0.999)

    def gap(log_ratio: float) -> float:
        return _superiority(math.exp(log_ratio), ours, theirs) - level

    limit = math.log(_WIDEST)
    if gap(-limit) <= 0:
        return 1 / _WIDEST
    if gap(limit) >= 0:
        return _WIDEST
    return math.exp(float(optimize.brentq(gap, -limit, limit, xtol=1e-4)))


def _spread(changed: Sequence[NodeSample], peers: Sequence[NodeSample], theirs: np.ndarray) -> tuple[float, float]:
    """Variance of P(ours > theirs): (sampling of requests, what lies between nodes), the latter estimated from the peers
    (DerSimonian and Laird 1986)."""
    counts = np.array([sum(sample.buckets) for sample in peers])
    scores = np.array([_superiority(1.0, np.array(sample.buckets, float), theirs) for sample in peers])
    between = max(0.0, float(np.mean((scores - 0.5) ** 2)) - float(np.mean(1 / (12 * counts))))
    sampling, lasting = 0.0, 0.0
    for sizes in (np.array([sum(sample.buckets) for sample in changed]), counts):
        weights = sizes / sizes.sum()
        sampling += float((weights**2 / (12 * sizes)).sum())
        lasting += float((weights**2 * between).sum())
    return sampling, lasting


def _quantile(histogram: np.ndarray, q: float) -> float:
    """Seconds below which a share `q` of the requests lies."""
    return float(math.exp(np.interp(q, _cdf(histogram), _EDGES)))


def _slope(sample: NodeSample) -> float | None:
    """Bytes per second by least squares; None with fewer than three points."""
    if len(sample.memory) < 3:
        return None
    at, size = np.array(sample.memory, float).T
    at = at - at.mean()
    spread = float((at**2).sum())
    return float((at * (size - size.mean())).sum() / spread) if spread > 0 else None


def _percent(value: float) -> str:
    return f"{value:+.1%}".replace("%", " %")


def _per_minute(value: float) -> str:
    return f"{value:+.2%}".replace("%", " %")
