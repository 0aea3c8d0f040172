"""Is the new version worse than its unchanged peers? Pure: numbers in, verdict with reasons out.

Each metric asks two one-sided questions, with a margin that says what is nobody's business and a bound that says what must
not pass unseen:

- FAIL when the change is significantly above the margin (p of a family's metrics corrected after Holm, at `alpha`);
- PASS when its upper confidence limit (one-sided, `confidence`) lies below the bound;
- INCONCLUSIVE otherwise: too few requests, no data, one side empty, nodes without measurements. No data never passes, and
  neither does a metric that cannot be computed.

Three families: the nodes' own figures, the business chains that pass the service, and integrity, whose counts are thresholds
that no correction softens. Over all metrics FAIL wins over INCONCLUSIVE, which wins over PASS. A second opinion can only turn
PASS into INCONCLUSIVE. Sources: Mann and Whitney (1947) and Hodges and Lehmann (1963) on scaled distributions; Fisher's exact
test; Clopper and Pearson (1934); Holm (1979).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from seeops.releases import chains, counts, integrity, measures, second
from seeops.releases.compared import CHAINS, INTEGRITY, NODES, SECOND, Finding
from seeops.releases.judge_settings import JudgeSettings
from seeops.releases.samples import NodeSample, Surroundings

PASS, FAIL, INCONCLUSIVE = "PASS", "FAIL", "INCONCLUSIVE"
# A forecast of how much longer it takes is rough: what seems to need half as much again may still decide in time.
_ROUGH = 1.5


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
    kind: str = NODES
    sees: float | None = None
    growth: float | None = None


@dataclass(frozen=True)
class Verdict:
    """`growth`: by which factor the window must grow to decide, None when nobody knows; infinite when it never would."""

    outcome: str
    summary: str
    metrics: tuple[Judged, ...]
    growth: float | None = None

    def as_json(self) -> list[dict[str, Any]]:
        """Metrics for storing; what is no finite number is stored as unknown."""
        return [{name: _stored(value) for name, value in asdict(metric).items()} for metric in self.metrics]

    def longer_helps(self, attainable: float) -> bool:
        """Whether a window `attainable` times as long could decide what this one could not."""
        return self.growth is None or self.growth <= attainable * _ROUGH


def judge(
    changed: Sequence[NodeSample],
    peers: Sequence[NodeSample],
    settings: JudgeSettings,
    around: Surroundings | None = None,
) -> Verdict:
    """The verdict on the `changed` nodes against their `peers`, measured in the same minutes, and on what is `around` them
    (None: it was not recorded, as in verdicts of earlier versions)."""
    shortage = _shortage(changed, peers, settings)
    found = [*_of_nodes(changed, peers, settings)]
    if around is not None:
        found += _around(around, settings)
        shortage = shortage or around.problem
    judged = [*_decided(found, settings)]
    doubts = _doubts(changed, around, settings) if around is not None and settings.second_opinion else []
    return _together(judged, doubts, shortage)


def _of_nodes(changed: Sequence[NodeSample], peers: Sequence[NodeSample], settings: JudgeSettings) -> Iterable[Finding]:
    seen = [sample for sample in changed if sample.measured]
    seen_peers = [sample for sample in peers if sample.measured]
    measured: tuple[tuple[str, Callable[..., Finding | None], Sequence[NodeSample], Sequence[NodeSample]], ...] = (
        ("serving", counts.serving, changed, peers),
        ("restarts", counts.restarts, changed, peers),
        ("duration", measures.distribution, seen, seen_peers),
        ("mean duration", measures.mean_duration, seen, seen_peers),
        ("errors", counts.errors, seen, seen_peers),
        ("memory growth", measures.memory_growth, seen, seen_peers),
    )
    for name, measure, ours, theirs in measured:
        try:
            finding = measure(ours, theirs, settings)
        except (ValueError, ArithmeticError) as error:
            finding = Finding(name, f"cannot be computed: {error}", 0.0, 0.0, "ratio")
        if finding is not None:
            yield finding


def _around(around: Surroundings, settings: JudgeSettings) -> list[Finding]:
    found = integrity.findings(around.integrity)
    if settings.judge_chains:
        try:
            found += chains.findings(around.chains, around.service, settings)
        except (ValueError, ArithmeticError) as error:
            found.append(Finding("chains", f"cannot be computed: {error}", 0.0, 0.0, "ratio", kind=CHAINS))
    return found


def _doubts(changed: Sequence[NodeSample], around: Surroundings, settings: JudgeSettings) -> list[Judged]:
    seen = [sample for sample in changed if sample.measured]
    return _decided(second.findings(seen, around.earlier, settings), settings) if seen else []


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


def _decided(findings: Sequence[Finding], settings: JudgeSettings) -> list[Judged]:
    """Every finding with its outcome, families corrected apart: many chains must not hide what the nodes themselves show."""
    judged = []
    for kind in (NODES, CHAINS, INTEGRITY, SECOND):
        family = [finding for finding in findings if finding.kind == kind]
        tested = [index for index, finding in enumerate(family) if _number(finding.p)]
        raw = [family[index].p or 0.0 for index in tested]
        corrected = dict(zip(tested, raw if kind == INTEGRITY else holm(raw), strict=True))
        judged += [_judged(finding, corrected.get(index), settings) for index, finding in enumerate(family)]
    return judged


def _judged(finding: Finding, p: float | None, settings: JudgeSettings) -> Judged:
    values = {name: value for name, value in asdict(finding).items() if name != "enough"}
    return Judged(outcome=_outcome(finding, p, settings), p_holm=p, **values)


def _outcome(finding: Finding, p: float | None, settings: JudgeSettings) -> str:
    effect, high = finding.effect, finding.high
    if p is None or effect is None or high is None or not (_number(effect) and _number(high)):
        return INCONCLUSIVE
    if p < settings.alpha and effect > finding.margin:
        return FAIL
    if finding.enough and high < finding.bound:
        return PASS
    return INCONCLUSIVE


def _together(judged: Sequence[Judged], doubts: Sequence[Judged], shortage: str) -> Verdict:
    metrics = (*judged, *doubts)
    if failed := [metric for metric in judged if metric.outcome == FAIL]:
        return Verdict(FAIL, _sentence(failed), metrics)
    unclear = [metric for metric in judged if metric.outcome == INCONCLUSIVE]
    if shortage:
        return Verdict(INCONCLUSIVE, shortage, metrics)
    if unclear:
        return Verdict(INCONCLUSIVE, _sentence(unclear), metrics, _growth(unclear))
    if doubtful := [metric for metric in doubts if metric.outcome == FAIL]:
        return Verdict(INCONCLUSIVE, "the second opinion doubts the pass; " + _sentence(doubtful), metrics)
    return Verdict(PASS, "no metric is worse than its margin, and each was measured well enough to say so", metrics)


def _sentence(metrics: Sequence[Judged]) -> str:
    return "; ".join(f"{metric.metric}: {metric.text}" for metric in metrics)


def _growth(unclear: Sequence[Judged]) -> float | None:
    """What the slowest metric needs; None when one of them may come to a number at any moment."""
    if any(metric.growth is None for metric in unclear):
        return None
    return max(metric.growth or 1.0 for metric in unclear)


def _number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _stored(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
