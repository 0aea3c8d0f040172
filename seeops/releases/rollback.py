"""One step of a roll-back: stop what still deploys, then bring touched nodes back wave by wave, the last part and batch first.
Parts that only go forward stay.

A node that cannot be brought back does not keep the others on a bad version: the roll-back goes on and ends as failed, with
that node named.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence

from django.db.models import Q
from django.utils.translation import gettext_noop as _  # stored in English, read by core.sentences

from seeops.automation import services as automation
from seeops.automation.models import Run, RunState
from seeops.changes import services as changes
from seeops.changes.models import Reversibility
from seeops.core.clock import now
from seeops.releases import dispatch, journal, returning, states
from seeops.releases.fencing import batch_to, fenced, release_to
from seeops.releases.models import Batch, BatchNode, BatchRun, Release

# A process that was told to stop looks for that several times a second; one that has not done so by then never will.
STOPS_WITHIN = dt.timedelta(seconds=3)
MOST_ATTEMPTS = 3
_STAYS = Q(batch__part__reversibility=Reversibility.FORWARD_ONLY)
BACK = (*states.UNTOUCHED, states.NODE_ROLLED_BACK, states.NODE_ROLLBACK_FAILED)


def advance(release: Release) -> bool:
    deploying = BatchRun.objects.filter(batch__release=release, purpose=dispatch.DEPLOY, settled=False)
    for work in deploying.select_related("run"):
        if not _stopped(release, work):
            return False
    if under_way := _under_way(release):
        return follow(release, under_way)
    if touched := _touched(release):
        return bring_back(release, touched)
    _look_at_what_stays(release)
    return finish(release)


def _stopped(release: Release, work: BatchRun) -> bool:
    """Whether a run that was deploying has ended; asks it to, and ends it when it does not."""
    run = automation.run_check(work.run)
    if run.live:
        if run.cancel_requested_at is None:
            automation.run_ask_to_stop(run)
        elif now() - run.cancel_requested_at > STOPS_WITHIN:
            automation.run_end_now(run)
        return False
    work.run = run
    dispatch.sync(release, work)
    dispatch.settle(release, work)
    return True


def _under_way(release: Release) -> list[BatchRun]:
    """What one run that brings back does for each of its batches: a run is settled for all of them at once."""
    found = BatchRun.objects.filter(batch__release=release, purpose=dispatch.ROLLBACK, settled=False)
    return list(found.select_related("run", "batch__part__service", "batch__part__version").order_by("batch__number"))


def _touched(release: Release) -> list[BatchNode]:
    """Nodes that may go back and are not: what this release has not touched stays alone."""
    found = release.nodes.exclude(state__in=BACK).exclude(_STAYS)
    return list(found.select_related("node__centre", "batch__part__service", "batch__part__version"))


def bring_back(release: Release, touched: Sequence[BatchNode]) -> bool:
    """Queue the next wave of what is touched."""
    nodes, at_once = returning.next_wave(release, touched)
    counted = Counter(item.batch for item in nodes)
    with fenced(release):
        for batch, count in sorted(counted.items(), key=lambda pair: -pair[0].number):
            if batch.state != states.BATCH_ROLLING_BACK:
                text = _("batch %(n)d: %(count)d nodes go back") % {"n": batch.number, "count": count}
                batch_to(release, batch, states.BATCH_ROLLING_BACK, text, action="rollback")
        dispatch.queue_back(release, nodes, at_once)
    return False


def follow(release: Release, under_way: Sequence[BatchRun]) -> bool:
    run = automation.run_check(under_way[0].run)
    for work in under_way:
        work.run = run
        dispatch.sync(release, work)
    if run.live:
        return False
    return _evaluate(release, under_way, run)


def _evaluate(release: Release, under_way: Sequence[BatchRun], run: Run) -> bool:
    """What is back stays so. Some not, or the run lost: read back, try again with the next wave, at last give those nodes up by name."""
    left: list[BatchNode] = []
    for work in under_way:
        if missing := _missing(work.batch, run):
            left += dispatch.read_back(release, work.batch, missing, dispatch.ROLLBACK)
    tried = _tries(release, left)
    given_up = [item.pk for item in left if tried[item.node.name] >= _most(run)]
    again = [item.pk for item in left if item.pk not in given_up]
    with fenced(release):
        BatchRun.objects.filter(pk__in=[work.pk for work in under_way]).update(settled=True)
        BatchNode.objects.filter(pk__in=given_up).update(state=states.NODE_ROLLBACK_FAILED, changed_at=now())
        BatchNode.objects.filter(pk__in=again).update(state=states.NODE_ROLLING_BACK, changed_at=now())
        for work in reversed(under_way):
            _say_how_it_stands(release, work.batch)
    return True


def _missing(batch: Batch, run: Run) -> list[BatchNode]:
    """Nodes of the batch that the run was to bring back and of which it has not said that they are."""
    names = [target["name"] for target in run.targets]
    done = (states.NODE_ROLLED_BACK, states.NODE_SKIPPED)
    return list(batch.nodes.filter(node__name__in=names).exclude(state__in=done).select_related("node__centre"))


def _tries(release: Release, left: Sequence[BatchNode]) -> Counter[str]:
    """How many runs were to bring back each of `left`."""
    if not left:
        return Counter()
    runs = Run.objects.filter(batch_runs__batch__release=release, batch_runs__purpose=dispatch.ROLLBACK).distinct()
    wanted = {item.node.name for item in left}
    names: Iterable[str] = (target["name"] for targets in runs.values_list("targets", flat=True) for target in targets)
    return Counter(name for name in names if name in wanted)


def _most(run: Run) -> int:
    """A lost run says nothing about the nodes: it may be repeated more often than one that tried them."""
    return 2 * MOST_ATTEMPTS if run.state in (RunState.LOST, RunState.CANCELLED) else MOST_ATTEMPTS


def _say_how_it_stands(release: Release, batch: Batch) -> None:
    """A batch has ended when none of its nodes waits for a wave any more (inside `fenced`)."""
    if batch.nodes.exclude(state__in=BACK).exists():
        return
    failed = list(batch.nodes.filter(state=states.NODE_ROLLBACK_FAILED).select_related("node"))
    if failed:
        text = _("batch %(n)d: %(count)d nodes could not be brought back, first %(name)s") % {
            "n": batch.number, "count": len(failed), "name": failed[0].node.name,
        }  # fmt: skip
        batch_to(release, batch, states.BATCH_FAILED, text, action="rollback", finished_at=now())
    else:
        text = _("batch %(n)d is back") % {"n": batch.number}
        batch_to(release, batch, states.BATCH_ROLLED_BACK, text, action="rollback", finished_at=now())


def _look_at_what_stays(release: Release) -> None:
    """Nodes of parts that only go forward, stopped midway: what they run is read from them, or said to be unknown."""
    midway = release.nodes.filter(_STAYS, state=states.NODE_DEPLOYING).select_related(
        "node__centre", "batch__part__version"
    )
    by_batch: dict[Batch, list[BatchNode]] = {}
    for item in midway:
        by_batch.setdefault(item.batch, []).append(item)
    for batch, nodes in by_batch.items():
        left = dispatch.read_back(release, batch, nodes, dispatch.DEPLOY)
        with fenced(release):
            BatchNode.objects.filter(pk__in=[item.pk for item in left], state=states.NODE_DEPLOYING).update(
                state=states.NODE_UNKNOWN, changed_at=now()
            )


def _close_batches(release: Release) -> None:
    """Nothing may look as if it went on in a release that has ended (inside `fenced`)."""
    for batch in release.batches.filter(state__in=states.UNDER_WAY):
        text = _("batch %(n)d ends with the release") % {"n": batch.number}
        batch_to(release, batch, states.BATCH_FAILED, text, action="rollback", finished_at=now())


def _text_of_end(release: Release) -> str:
    back = release.nodes.filter(state=states.NODE_ROLLED_BACK).count()
    staying = release.nodes.filter(_STAYS).exclude(state__in=states.UNTOUCHED).count()
    if staying:
        return _("%(count)d nodes are back, %(stay)d stay on a version that only goes forward: %(why)s") % {
            "count": back, "stay": staying, "why": release.state_reason,
        }  # fmt: skip
    return _("%(count)d nodes are back on their version: %(why)s") % {"count": back, "why": release.state_reason}


def finish(release: Release) -> bool:
    stuck = list(release.nodes.filter(state=states.NODE_ROLLBACK_FAILED).select_related("node"))
    with fenced(release):
        _close_batches(release)
        if stuck:
            text = _("%(count)d nodes could not be brought back, first %(name)s: look at them, then try again") % {
                "count": len(stuck), "name": stuck[0].node.name,
            }  # fmt: skip
            release_to(release, states.FAILED, text, action="failed", finished_at=now())
        else:
            text = _text_of_end(release)
            release_to(release, release.ending, text[:400], action=release.ending, finished_at=now())
        if release.ticket.state == "executing":
            changes.ticket_execution_end(
                actor=journal.engine(), ticket=release.ticket, succeeded=False, outcome=text[:300]
            )
    return False
