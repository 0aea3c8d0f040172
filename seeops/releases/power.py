"""What a sample can tell: the smallest effect it would find, and by how much it would have to grow to decide. Pure.

Both come from the size of the sample and the scatter of the peers alone; what the changed nodes did decides nothing here
except how far the measured effect lies from margin and bound. Errors of normal and t statistics are in the unit of the
effect (durations: on a logarithmic scale); counts are exact, by the binomial distribution.
"""

from __future__ import annotations

import math

from seeops.core.late import Late

stats = Late("scipy.stats")
POWER = 0.8  # an effect "would be found" when it is found in four of five samples
TESTS = 6  # p-values that Holm's correction usually weighs: the smallest of them must lie below alpha / TESTS
NEVER = math.inf
_STEPS = (1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 64.0)


def detectable(margin: float, error: float, alpha: float, freedom: float = math.inf) -> float:
    """The smallest true effect that is found above `margin` with POWER, given the effect's standard error."""
    t = stats.t if math.isfinite(freedom) else None
    quantile = (lambda q: float(t.isf(q, freedom))) if t else (lambda q: float(stats.norm.isf(q)))
    return margin + (quantile(alpha / TESTS) + quantile(1 - POWER)) * error


def growth(
    effect: float, margin: float, bound: float, sampling: float, lasting: float, alpha: float, confidence: float
) -> float:
    """By which factor the sample must grow until it decides, if the effect stays: >= 1, NEVER when it would not.

    `sampling` is the variance that shrinks with the sample, `lasting` the one that does not (nodes differ by nature).
    """
    wanted = []
    for distance, quantile in (
        (bound - effect, float(stats.norm.ppf(confidence))),
        (effect - margin, float(stats.norm.isf(alpha / TESTS))),
    ):
        if distance > 0:
            allowed = (distance / quantile) ** 2 - lasting
            wanted.append(max(1.0, sampling / allowed) if allowed > 0 else NEVER)
    return min(wanted, default=NEVER)


def detectable_rate(n: int, peers: float, margin: float, alpha: float) -> float:
    """The smallest true share of failures, above the peers', that is found with POWER in `n` requests."""
    least = int(stats.binom.isf(alpha / TESTS, n, peers)) + 1
    least = max(least, math.floor((peers + margin) * n) + 1)
    if least > n:
        return 1.0 - peers
    return float(stats.beta.ppf(POWER, least, n - least + 1)) - peers


def rate_growth(k: int, n: int, peers: float, margin: float, bound: float, alpha: float, confidence: float) -> float:
    """As `growth`, for `k` failures in `n` requests against peers that fail at the share `peers`."""
    for step in _STEPS:
        wider, more = round(n * step), round(k * step)
        high = float(stats.beta.ppf(confidence, more + 1, wider - more)) if more < wider else 1.0
        if high - peers < bound:
            return step
        if more / wider - peers > margin and float(stats.binom.sf(more - 1, wider, peers)) < alpha / TESTS:
            return step
    return NEVER
