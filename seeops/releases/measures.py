"""The single comparisons behind a verdict. Pure; each returns a Finding, or None when the metric does not apply.

`effect` is how much worse the changed nodes are (0 = the same), `low` and `high` its one-sided confidence limits, `p` the
probability of seeing this or worse if the true effect were exactly the margin.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize, stats

from seeops.releases.samples import BOUNDS_S, NodeSample

if TYPE_CHECKING:
    from seeops.releases.verdict import JudgeSettings

_INSIDE = 12  # points inside a bucket: requests are taken as evenly spread over it on a logarithmic scale
_LOWEST_S, _HIGHEST_S = BOUNDS_S[0] / 8, BOUNDS_S[-1] * 4
_WIDEST = 16.0  # ratios beyond this are not told apart


@dataclass(frozen=True)
class Finding:
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


def serving(changed: Sequence[NodeSample], peers: Sequence[NodeSample], settings: JudgeSettings) -> Finding:
    """Nodes that do not serve at the end of the window, by Fisher's exact test; a single one that is down never passes."""
    base = {"metric": "serving", "margin": 0.0, "bound": 1e-9, "unit": "share"}
    known = [sample for sample in changed if sample.serving is not None]
    known_peers = [sample for sample in peers if sample.serving is not None]
    if not known or not known_peers:
        return Finding(text="not known which nodes serve", **base)
    down, peers_down = sum(not s.serving for s in known), sum(not s.serving for s in known_peers)
    table = [[down, len(known) - down], [peers_down, len(known_peers) - peers_down]]
    p = float(stats.fisher_exact(table, alternative="greater").pvalue) if down else 1.0
    rate, rate_peers = down / len(known), peers_down / len(known_peers)
    return Finding(
        text=f"{down} of {len(known)} changed nodes do not serve ({peers_down} of {len(known_peers)} peers)",
        changed=rate, peers=rate_peers, effect=rate - rate_peers, low=None, high=rate, p=p,
        enough=len(known) >= settings.min_coverage * len(changed), **base,
    )  # fmt: skip


def distribution(changed: Sequence[NodeSample], peers: Sequence[NodeSample], settings: JudgeSettings) -> Finding | None:
    """Durations by Mann–Whitney on histograms: by which ratio the peers' distribution must be scaled to match.

    The spread between nodes is estimated from the peers and added, so that one node that is a little slower by nature is
    no finding. None when one bucket holds nearly everything: the histogram cannot tell ratios then and the mean decides.
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
        return Finding(text=f"{len(peers)} peers had requests, {settings.min_peers} are needed", **base)
    ours, theirs = _histogram(changed), _histogram(peers)
    if float(np.minimum(ours / n, theirs / m).max()) > 0.95:
        return None
    error = _spread(changed, peers, theirs)
    centre = _ratio_at(0.5, ours, theirs)
    z = float(stats.norm.isf(1 - settings.confidence))
    low, high = _ratio_at(0.5 + z * error, ours, theirs), _ratio_at(0.5 - z * error, ours, theirs)
    excess = _superiority(1 + settings.duration_margin, ours, theirs) - 0.5
    return Finding(
        text=f"{_percent(centre - 1)} ({_percent(low - 1)} to {_percent(high - 1)}), {n:.0f} requests",
        changed=_quantile(ours, 0.5), peers=_quantile(theirs, 0.5), effect=centre - 1, low=low - 1, high=high - 1,
        p=float(stats.norm.sf(excess / error)), enough=min(n, m) >= settings.min_requests, **base,
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
    if not changed or len(peers) < settings.min_peers:
        return Finding(text="too few nodes with requests", **base)
    ours = math.log(sum(s.seconds for s in changed) / n)
    theirs = math.log(sum(s.seconds for s in peers) / m)
    weights = np.array([sample.requests for sample in peers])
    logs = np.log([sample.seconds / sample.requests for sample in peers])
    # Variance of one request's weight, from the scatter of whole nodes: it holds what lies between nodes as well.
    variance = float((weights * (logs - theirs) ** 2).sum() / (len(peers) - 1))
    error = math.sqrt(max(variance, 1e-12) * (1 / n + 1 / m))
    freedom = len(peers) - 1
    t = float(stats.t.ppf(settings.confidence, freedom))
    effect = math.exp(ours - theirs) - 1
    p = float(stats.t.sf((ours - theirs - math.log1p(settings.duration_margin)) / error, freedom))
    low, high = math.exp(ours - theirs - t * error) - 1, math.exp(min(ours - theirs + t * error, 20.0)) - 1
    return Finding(
        text=f"{_percent(effect)} ({_percent(low)} to {_percent(high)})",
        changed=math.exp(ours), peers=math.exp(theirs), effect=effect, low=low, high=high, p=p,
        enough=min(n, m) >= settings.min_requests, **base,
    )  # fmt: skip


def errors(changed: Sequence[NodeSample], peers: Sequence[NodeSample], settings: JudgeSettings) -> Finding:
    """Failed requests: Fisher's exact test on the totals, Clopper–Pearson for the upper limit."""
    base = {"metric": "errors", "margin": settings.error_margin, "bound": settings.error_bound, "unit": "share"}
    n, m = round(sum(s.requests for s in changed)), round(sum(s.requests for s in peers))
    if n < 1 or m < 1:
        return Finding(text="no requests on one side", **base)
    ours = min(n, round(sum(s.errors for s in changed)))
    theirs = min(m, round(sum(s.errors for s in peers)))
    rate, rate_peers = ours / n, theirs / m
    p = float(stats.fisher_exact([[ours, n - ours], [theirs, m - theirs]], alternative="greater").pvalue)
    interval = stats.binomtest(ours, n).proportion_ci(2 * settings.confidence - 1, method="exact")
    return Finding(
        text=f"{ours} of {n} requests failed ({rate:.2%}), peers {theirs} of {m} ({rate_peers:.2%})",
        changed=rate, peers=rate_peers, effect=rate - rate_peers, low=float(interval.low) - rate_peers,
        high=float(interval.high) - rate_peers, p=p, enough=min(n, m) >= settings.min_requests, **base,
    )  # fmt: skip


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
    return Finding(
        text=f"{_per_minute(effect)} a minute against the peers",
        changed=mean, peers=mean_peers, effect=effect, low=effect - t * error, high=effect + t * error,
        p=float(stats.t.sf((effect - settings.memory_margin_per_min) / error, freedom)), **base,
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


def _spread(changed: Sequence[NodeSample], peers: Sequence[NodeSample], theirs: np.ndarray) -> float:
    """Standard error of P(ours > theirs): sampling of requests plus what lies between nodes, estimated from the peers."""
    counts = np.array([sum(sample.buckets) for sample in peers])
    scores = np.array([_superiority(1.0, np.array(sample.buckets, float), theirs) for sample in peers])
    between = max(0.0, float(np.mean((scores - 0.5) ** 2)) - float(np.mean(1 / (12 * counts))))
    total = 0.0
    for sizes in (np.array([sum(sample.buckets) for sample in changed]), counts):
        weights = sizes / sizes.sum()
        total += float((weights**2 * (1 / (12 * sizes) + between)).sum())
    return math.sqrt(total)


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
