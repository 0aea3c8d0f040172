"""What other settings would have said about batches that were judged before, from the evidence that was kept of each.

The truth of a verdict is what came out later: a person promoted the batch or it went through to the end (good), a person
aborted the release (bad). Most rolled-back releases have no such word; they are shown and not counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from seeops.releases import judging, states
from seeops.releases.judge_settings import JudgeSettings
from seeops.releases.models import Outcome, Verdict

PAGE = 25
MOST = 100
GOOD, BAD, UNKNOWN = "good", "bad", "unknown"


@dataclass(frozen=True)
class Retried:
    """`intact`: the stored evidence is what was stored then. Without that, `outcome` is empty."""

    kept: Verdict
    outcome: str
    summary: str
    truth: str
    intact: bool

    @property
    def changed(self) -> bool:
        return self.intact and self.outcome != self.kept.outcome


@dataclass(frozen=True)
class Tally:
    """Counts over verdicts: of the good versions how many failed, of the bad ones how many passed."""

    good: int
    false_aborts: int
    bad: int
    missed: int
    held: int
    judged: int


@dataclass(frozen=True)
class Backtest:
    rows: list[Retried]
    before: Tally
    after: Tally
    next_before: int | None
    damaged: int


def run(settings: JudgeSettings, *, limit: int = PAGE, before: int | None = None) -> Backtest:
    """Judge the last `limit` (at most MOST) verdicts again, those older than the id `before` if given. Two queries."""
    limit = max(1, min(MOST, limit))
    kept = list(_kept(before)[: limit + 1])
    more, kept = len(kept) > limit, kept[:limit]
    rows = [_again(item, settings) for item in kept]
    sound = [row for row in rows if row.intact]
    return Backtest(
        rows, _tally((row.kept.outcome, row.truth) for row in sound), _tally((row.outcome, row.truth) for row in sound),
        kept[-1].pk if more else None, len(rows) - len(sound),
    )  # fmt: skip


def _kept(before: int | None) -> QuerySet[Verdict]:
    found = Verdict.objects.select_related("batch__part__service", "batch__part__version", "batch__release").defer(
        "batch__release__plan"
    )
    return (found.filter(pk__lt=before) if before else found).order_by("-pk")


def _again(kept: Verdict, settings: JudgeSettings) -> Retried:
    if not judging.intact(kept):
        return Retried(kept, "", "", _truth(kept), intact=False)
    found = judging.judge_again(kept, settings)
    return Retried(kept, found.outcome, found.summary, _truth(kept), intact=True)


def _truth(kept: Verdict) -> str:
    """A gate ends a release before any batch is judged, so one that was aborted after a verdict was aborted by a person."""
    batch, release = kept.batch, kept.batch.release
    if release.state == states.ABORTED or release.ending == states.ABORTED:
        return BAD
    if batch.promoted_by_id is not None or release.state == states.DONE:
        return GOOD
    return UNKNOWN


def _tally(found: Iterable[tuple[str, str]]) -> Tally:
    pairs: list[tuple[Any, str]] = list(found)
    good = [outcome for outcome, truth in pairs if truth == GOOD]
    bad = [outcome for outcome, truth in pairs if truth == BAD]
    return Tally(
        good=len(good), false_aborts=good.count(Outcome.FAIL), bad=len(bad), missed=bad.count(Outcome.PASS),
        held=sum(outcome == Outcome.INCONCLUSIVE for outcome, _ in pairs), judged=len(pairs),
    )  # fmt: skip
