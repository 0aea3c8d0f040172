"""Is the new version worse than its unchanged peers? Pure: numbers in, verdict with reasons out.

Each metric asks two one-sided questions, with a margin that says what is nobody's business and a bound that says what must
not pass unseen:

- FAIL when the change is significantly above the margin (p of all metrics corrected after Holm, at `alpha`);
- PASS when its upper confidence limit (one-sided, `confidence`) lies below the bound;
- INCONCLUSIVE otherwise: too few requests, no data, one side empty, nodes without measurements. No data never passes.

Over all metrics FAIL wins over INCONCLUSIVE, which wins over PASS. Sources: Mann and Whitney (1947) and Hodges and Lehmann
(1963) on scaled distributions; Fisher's exact test; Clopper and Pearson (1934); Holm (1979); DerSimonian and Laird (1986)
for the spread between nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from seeops.releases import measures
from seeops.releases.measures import Finding
from seeops.releases.samples import NodeSample

PASS, FAIL, INCONCLUSIVE = "PASS", "FAIL", "INCONCLUSIVE"


@dataclass(frozen=True)
class JudgeSettings:
    """Margins, bounds and demands. Ratios are relative (0.10 = 10 %), errors absolute shares of requests."""

    duration_margin: float = 0.10
    duration_bound: float = 0.25
    error_margin: float = 0.002
    error_bound: float = 0.0125
    memory_margin_per_min: float = 0.03  # of the peers' median memory, per minute
    memory_bound_per_min: float = 0.12
    alpha: float = 0.01
    confidence: float = 0.95
    min_requests: int = 100
    min_peers: int = 3
    min_coverage: float = 0.8  # share of nodes that must have been measured


@dataclass(frozen=True)
class Judged:
    """A finding with its corrected p-value and what follows from it."""

    metric: str
    outcome: str
    text: str
    changed: float | None
    peers: float | None
    effect: float | None
    low: float | None
    high: float | None
    margin: float
    bound: float
    unit: str
    p: float | None
    p_holm: float | None


@dataclass(frozen=True)
class Verdict:
    outcome: str
    summary: str
    metrics: tuple[Judged, ...]

    def as_json(self) -> list[dict[str, Any]]:
        return [asdict(metric) for metric in self.metrics]


def judge(changed: Sequence[NodeSample], peers: Sequence[NodeSample], settings: JudgeSettings) -> Verdict:
    """The verdict on the `changed` nodes against their `peers`, measured in the same minutes."""
    shortage = _shortage(changed, peers, settings)
    seen_changed = [sample for sample in changed if sample.measured]
    seen_peers = [sample for sample in peers if sample.measured]
    findings = [
        measures.serving(changed, peers, settings),
        measures.distribution(seen_changed, seen_peers, settings),
        measures.mean_duration(seen_changed, seen_peers, settings),
        measures.errors(seen_changed, seen_peers, settings),
        measures.memory_growth(seen_changed, seen_peers, settings),
    ]
    judged = _correct([finding for finding in findings if finding is not None], settings)
    return _together(judged, shortage)


def _shortage(changed: Sequence[NodeSample], peers: Sequence[NodeSample], settings: JudgeSettings) -> str:
    """Why these samples cannot carry a pass, or an empty text."""
    if not changed:
        return "no changed node"
    if not peers:
        return "no peer to compare with"
    for name, side in (("changed nodes", changed), ("peers", peers)):
        measured = sum(sample.measured for sample in side)
        if measured < settings.min_coverage * len(side):
            return f"only {measured} of {len(side)} {name} were measured"
    return ""


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction: adjusted p-values in the order given."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted, worst = [0.0] * len(p_values), 0.0
    for step, index in enumerate(order):
        worst = max(worst, min(1.0, (len(p_values) - step) * p_values[index]))
        adjusted[index] = worst
    return adjusted


def _correct(findings: Sequence[Finding], settings: JudgeSettings) -> tuple[Judged, ...]:
    tested = [finding for finding in findings if finding.p is not None]
    adjusted = dict(zip([f.metric for f in tested], holm([f.p for f in tested if f.p is not None]), strict=True))
    judged = []
    for finding in findings:
        p_holm = adjusted.get(finding.metric)
        judged.append(
            Judged(
                metric=finding.metric,
                outcome=_outcome(finding, p_holm, settings),
                text=finding.text,
                changed=finding.changed,
                peers=finding.peers,
                effect=finding.effect,
                low=finding.low,
                high=finding.high,
                margin=finding.margin,
                bound=finding.bound,
                unit=finding.unit,
                p=finding.p,
                p_holm=p_holm,
            )
        )
    return tuple(judged)


def _outcome(finding: Finding, p_holm: float | None, settings: JudgeSettings) -> str:
    if p_holm is None or finding.effect is None or finding.high is None:
        return INCONCLUSIVE
    if p_holm < settings.alpha and finding.effect > finding.margin:
        return FAIL
    if finding.enough and finding.high < finding.bound:
        return PASS
    return INCONCLUSIVE


def _together(judged: tuple[Judged, ...], shortage: str) -> Verdict:
    failed = [metric for metric in judged if metric.outcome == FAIL]
    if failed:
        return Verdict(FAIL, "; ".join(f"{metric.metric}: {metric.text}" for metric in failed), judged)
    if shortage:
        return Verdict(INCONCLUSIVE, shortage, judged)
    unclear = [metric for metric in judged if metric.outcome == INCONCLUSIVE]
    if unclear:
        return Verdict(INCONCLUSIVE, "; ".join(f"{metric.metric}: {metric.text}" for metric in unclear), judged)
    return Verdict(PASS, "no metric is worse than its margin, and each was measured well enough to say so", judged)
