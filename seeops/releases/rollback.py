"""One step of a roll-back: stop what still deploys, then bring touched nodes back, the last batch first. Parts that only go
forward stay.

A node that cannot be brought back does not keep the others on a bad version: the roll-back goes on and ends as failed, with
that node named.
"""

from __future__ import annotations

import datetime as dt

from django.db.models import Q
from django.utils.translation import gettext_noop as _  # stored in English, read by core.sentences

from seeops.automation import services as automation
from seeops.automation.models import Run, RunState
from seeops.changes import services as changes
from seeops.changes.models import Reversibility
from seeops.core.clock import now
from seeops.releases import dispatch, journal, states
from seeops.releases.fencing import batch_to, fenced, release_to
from seeops.releases.models import Batch, BatchNode, BatchRun, Release

STOPS_WITHIN = dt.timedelta(seconds=6)
MOST_ATTEMPTS = 3
_STAYS = Q(batch__part__reversibility=Reversibility.FORWARD_ONLY)
BACK = (*states.UNTOUCHED, states.NODE_ROLLED_BACK, states.NODE_ROLLBACK_FAILED)


def advance(release: Release) -> bool:
    deploying = BatchRun.objects.filter(batch__release=release, purpose=dispatch.DEPLOY, settled=False)
    for work in deploying.select_related("run"):
        if not _stopped(release, work):
            return False
    batch = _next_batch(release)
    if batch is not None:
        return bring_back(release, batch)
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


def _next_batch(release: Release) -> Batch | None:
    """The last batch that still holds a touched node which may go back."""
    touched = BatchNode.objects.filter(release=release).exclude(state__in=BACK).exclude(_STAYS)
    unsettled = BatchRun.objects.filter(batch__release=release, purpose=dispatch.ROLLBACK, settled=False)
    numbers = [*touched.values_list("batch__number", flat=True), *unsettled.values_list("batch__number", flat=True)]
    if not numbers:
        return None
    return release.batches.select_related("part__service", "part__version").get(number=max(numbers))


def bring_back(release: Release, batch: Batch) -> bool:
    work = dispatch.latest(batch, dispatch.ROLLBACK)
    if work is None or work.settled:
        return _queue(release, batch)
    work.run = automation.run_check(work.run)
    dispatch.sync(release, work)
    if work.run.live:
        return False
    return _evaluate(release, batch, work)


def _queue(release: Release, batch: Batch) -> bool:
    nodes = _touched(batch)
    with fenced(release):
        text = _("batch %(n)d: %(count)d nodes go back") % {"n": batch.number, "count": len(nodes)}
        batch_to(release, batch, states.BATCH_ROLLING_BACK, text, action="rollback")
        dispatch.queue(release, batch, nodes, dispatch.ROLLBACK)
    return False


def _evaluate(release: Release, batch: Batch, work: BatchRun) -> bool:
    """All back: next batch. Some not, or the run lost: read back, try again, at last give those nodes up by name."""
    left = [*_touched(batch), *_failed(batch)]
    if left:
        left = dispatch.read_back(release, batch, left, dispatch.ROLLBACK)
    again = bool(left) and dispatch.attempts(batch, dispatch.ROLLBACK) < _most(release, work.run)
    with fenced(release):
        work.settled = True
        work.save(update_fields=["settled"])
        if again:
            dispatch.queue(release, batch, left, dispatch.ROLLBACK)
            return False
        if left:
            pks = [node.pk for node in left]
            BatchNode.objects.filter(pk__in=pks).update(state=states.NODE_ROLLBACK_FAILED, changed_at=now())
            text = _("batch %(n)d: %(count)d nodes could not be brought back, first %(name)s") % {
                "n": batch.number, "count": len(left), "name": left[0].node.name,
            }  # fmt: skip
            batch_to(release, batch, states.BATCH_FAILED, text, action="rollback", finished_at=now())
        else:
            text = _("batch %(n)d is back") % {"n": batch.number}
            batch_to(release, batch, states.BATCH_ROLLED_BACK, text, action="rollback", finished_at=now())
    return True


def _most(release: Release, run: Run) -> int:
    """A lost run says nothing about the nodes: it may be repeated more often than one that tried them."""
    return 2 * MOST_ATTEMPTS if run.state in (RunState.LOST, RunState.CANCELLED) else MOST_ATTEMPTS


def _touched(batch: Batch) -> list[BatchNode]:
    return list(batch.nodes.exclude(state__in=BACK).select_related("node__centre"))


def _failed(batch: Batch) -> list[BatchNode]:
    return list(batch.nodes.filter(state=states.NODE_ROLLBACK_FAILED).select_related("node__centre"))


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
