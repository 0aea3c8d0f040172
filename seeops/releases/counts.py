"""Comparisons of counts, by exact tests conditional on what was counted in all. Pure; see compared for what a Finding is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from seeops.core.late import Late
from seeops.releases import power
from seeops.releases.compared import Finding
from seeops.releases.samples import NodeSample

if TYPE_CHECKING:
    from seeops.releases.judge_settings import JudgeSettings

stats = Late("scipy.stats")
NONE_AT_ALL = 1e-9  # the bound of what may not happen to a single node


def serving(changed: Sequence[NodeSample], peers: Sequence[NodeSample], settings: JudgeSettings) -> Finding:
    """Nodes that do not serve at the end of the window, by Fisher's exact test; a single one that is down never passes."""
    base = {"metric": "serving", "margin": 0.0, "bound": NONE_AT_ALL, "unit": "share"}
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


def restarts(changed: Sequence[NodeSample], peers: Sequence[NodeSample], settings: JudgeSettings) -> Finding | None:
    """Processes that ended and began again by themselves, per time watched: given how many there were in all, how likely is
    it that so many fell to the changed nodes, which were watched for their part of the time? (Przyborowski and Wilenski
    1940.) None when nobody watched."""
    ours, theirs = _watched(changed), _watched(peers)
    if ours[1] <= 0 and theirs[1] <= 0:
        return None
    base = {"metric": "restarts", "margin": 0.0, "bound": NONE_AT_ALL, "unit": "per hour"}
    if ours[1] <= 0 or theirs[1] <= 0:
        return Finding(text="not known which processes restarted", **base)
    count, seconds = ours
    p = exposed(count, seconds, *theirs)
    rate, rate_peers = 3600 * count / seconds, 3600 * theirs[0] / theirs[1]
    return Finding(
        text=f"{count} restarts on changed nodes, {theirs[0]} on peers",
        changed=rate, peers=rate_peers, effect=rate - rate_peers, low=None, high=max(0.0, rate - rate_peers), p=p, **base,
    )  # fmt: skip


def _watched(samples: Sequence[NodeSample]) -> tuple[int, float]:
    known = [sample for sample in samples if sample.restarts is not None]
    return round(sum(s.restarts or 0 for s in known)), sum(s.watched_s for s in known)


def exposed(count: int, exposure: float, other: int, other_exposure: float) -> float:
    """P(so many or more of all events on this side | equal rates): binomial, with the exposures' share as probability."""
    if not count:
        return 1.0
    share = exposure / (exposure + other_exposure)
    return float(stats.binomtest(count, count + other, share, alternative="greater").pvalue)


def errors(changed: Sequence[NodeSample], peers: Sequence[NodeSample], settings: JudgeSettings) -> Finding:
    """Failed requests: Fisher's exact test on the totals, Clopper–Pearson for the upper limit. The more nodes run the version,
    the more requests tell about it and the more would fail: the bound falls with their number."""
    bound = error_bound(len(changed), settings)
    base = {"metric": "errors", "margin": settings.error_margin, "bound": bound, "unit": "share"}
    n, m = round(sum(s.requests for s in changed)), round(sum(s.requests for s in peers))
    if n < 1 or m < 1:
        return Finding(text="no requests on one side", **base)
    ours = min(n, round(sum(s.errors for s in changed)))
    theirs = min(m, round(sum(s.errors for s in peers)))
    rate, rate_peers = ours / n, theirs / m
    p = float(stats.fisher_exact([[ours, n - ours], [theirs, m - theirs]], alternative="greater").pvalue)
    interval = stats.binomtest(ours, n).proportion_ci(2 * settings.confidence - 1, method="exact")
    more = settings.min_requests / min(n, m)
    return Finding(
        text=f"{ours} of {n} requests failed ({rate:.2%}), peers {theirs} of {m} ({rate_peers:.2%})",
        changed=rate, peers=rate_peers, effect=rate - rate_peers, low=float(interval.low) - rate_peers,
        high=float(interval.high) - rate_peers, p=p, enough=more <= 1,
        sees=power.detectable_rate(n, rate_peers, settings.error_margin, settings.alpha),
        growth=max(more, power.rate_growth(ours, n, rate_peers, settings.error_margin, bound, settings.alpha, settings.confidence)),
        **base,
    )  # fmt: skip


def error_bound(nodes: int, settings: JudgeSettings) -> float:
    """The share of failures that must not pass unseen on so many nodes: all of them together may fail what one node may."""
    return max(settings.error_bound_least, settings.error_bound / max(1, nodes))
