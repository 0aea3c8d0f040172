"""How seeded releases are counted: a batch is decided once, however often it was looked at."""

from __future__ import annotations

from seeops.releases.verdict import FAIL, INCONCLUSIVE, PASS, Verdict
from tests.simulation.seeded_releases import CAUGHT, HELD, PASSED, Walk, decided


def walked(kind: str, *outcomes: str) -> Walk:
    """A release of two batches, looked at with these outcomes; longer soaking helps."""
    walk = Walk(seed=1, service="session", version="1.1.0", kind=kind, stages=(("a",), ("b",)))
    for outcome in outcomes:
        walk.decide(Verdict(outcome, "as told", ()))
    return walk


def test_looks_before_the_last_one_of_a_batch_decide_nothing() -> None:
    walks = [
        walked("healthy", INCONCLUSIVE, PASS, INCONCLUSIVE, INCONCLUSIVE, PASS),
        walked("healthy", PASS, FAIL),
        walked("healthy", *[INCONCLUSIVE] * 4),
        walked("healthy", PASS, INCONCLUSIVE),  # cut off while its second batch soaks on
        walked("slow", FAIL),
    ]
    assert [walk.outcome for walk in walks] == [PASSED, CAUGHT, HELD, "", CAUGHT]
    assert decided(walks, "healthy") == {PASSED: 4, CAUGHT: 1, HELD: 1}
