"""Figures about past releases, for assessments and reports."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet

from seeops.releases.models import Batch, BatchNode, BatchNodeState, BatchState, Outcome, Release, ReleaseState, Verdict

ENDED = [ReleaseState.DONE, ReleaseState.ROLLED_BACK, ReleaseState.ABORTED, ReleaseState.FAILED]


@dataclass(frozen=True)
class ReleaseFigures:
    """Counts over the releases that ended since a moment."""

    finished: int
    with_ticket: int
    failed_verdicts: int
    rolled_back_by_itself: int
    escaped: int
    rollback_failed: int
    rolled_back: int
    batches_judged: int
    batches_deployed: int


def release_figures(since: dt.datetime) -> ReleaseFigures:
    """`escaped`: a version reached its last batch and was judged bad or failed there; a bad one caught before is no failure
    of the change. `rollback_failed`: releases that left a node which could not be brought back."""
    ended = Release.objects.filter(finished_at__gte=since, state__in=ENDED)
    failing = ended.filter(Exists(Verdict.objects.filter(batch__release=OuterRef("pk"), outcome=Outcome.FAIL)))
    stuck = BatchNode.objects.filter(release=OuterRef("pk"), state=BatchNodeState.ROLLBACK_FAILED)
    deployed = Batch.objects.filter(release__in=ended, deployed_at__isnull=False)
    return ReleaseFigures(
        finished=ended.count(),
        with_ticket=ended.filter(ticket__isnull=False).count(),
        failed_verdicts=failing.count(),
        rolled_back_by_itself=failing.filter(state=ReleaseState.ROLLED_BACK).count(),
        escaped=_escaped(ended),
        rollback_failed=ended.filter(Exists(stuck)).count(),
        rolled_back=ended.filter(batches__state=BatchState.ROLLED_BACK).distinct().count(),
        batches_judged=deployed.filter(Exists(Verdict.objects.filter(batch=OuterRef("pk")))).count(),
        batches_deployed=deployed.count(),
    )


def _escaped(ended: QuerySet[Release]) -> int:
    later = Batch.objects.filter(part=OuterRef("part"), number__gt=OuterRef("number"))
    last_bad = Batch.objects.filter(~Exists(later), release__in=ended, deployed_at__isnull=False).exclude(
        state=BatchState.PASSED
    )
    return last_bad.values("release").distinct().count()
