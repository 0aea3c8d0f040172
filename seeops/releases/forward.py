"""One step of a running release: ask the gates, begin a batch, follow its run, let it soak, judge it, go on.

Each function does one step and says whether the next can follow at once (True) or must wait (False). Everything it needs is
in the database, so any worker can take any step.
"""

from __future__ import annotations

import datetime as dt

from django.utils.translation import gettext_noop as _  # stored in English, read by core.sentences

from seeops.automation import services as automation
from seeops.automation.models import RunState
from seeops.changes import services as changes
from seeops.changes.models import Reversibility
from seeops.core.clock import now
from seeops.inventory import services as inventory
from seeops.releases import differing, dispatch, gates, gating, handing, journal, judging, reversal, states, timing
from seeops.releases.fencing import batch_to, fenced, note, release_to
from seeops.releases.models import Batch, BatchNode, BatchRun, Outcome, Release

MOST_ATTEMPTS = 6
# Where a release may be stopped without leaving a node half changed.
BETWEEN_STEPS = (states.PENDING, states.SOAKING, states.JUDGING)
ARRIVED = (states.NODE_DONE, states.NODE_SKIPPED)


def advance(release: Release) -> bool:
    batch = (
        release.batches.exclude(state=states.PASSED)
        .select_related("part__service", "part__version")
        .order_by("number")
        .first()
    )
    if (batch is None or batch.state in BETWEEN_STEPS) and (problem := differing.too_long(release)):
        at = batch or release.batches.order_by("number").last()
        return hold(release, at, problem, batch_state=at.state, kind=states.OF_VERSIONS)
    if batch is None:
        return finish(release)
    if batch.state == states.PENDING:
        return begin(release, batch)
    if batch.state in (states.DEPLOYING, states.LOST, states.RECONCILING):
        return follow(release, batch)
    if batch.state == states.SOAKING:
        return soak(release, batch)
    if batch.state == states.JUDGING:
        return judge(release, batch)
    raise ValueError(f"{release.number}: batch {batch.number} is {batch.state} in a running release")


def begin(release: Release, batch: Batch) -> bool:
    """Start the batch's run, if the gates are open and it can end before the window of the ticket closes or a freeze begins;
    else hold before it."""
    standing = gating.before(release, batch)
    if not standing.open:
        return at_gate(release, batch, standing)
    problem = changes.ticket_batch_problem(release.ticket, timing.batch_needs_s(release, batch))
    if problem:
        return hold(release, batch, problem, batch_state=states.PENDING, kind=states.OF_TIME)
    nodes = _not_done(batch)
    if not nodes:
        with fenced(release):
            text = _("every node of batch %(n)d was left out") % {"n": batch.number}
            batch_to(release, batch, states.DEPLOYING, text, action="batch", started_at=now())
        return start_soak(release, batch)
    if problem := handing.hand_on(release, batch, nodes):
        return hold(release, batch, problem, batch_state=states.PENDING, kind=states.OF_NODES)
    with fenced(release):
        text = _("batch %(n)d begins: %(count)d nodes to %(title)s") % {
            "n": batch.number, "count": len(nodes), "title": batch.part.title,
        }  # fmt: skip
        batch_to(release, batch, states.DEPLOYING, text, action="batch", started_at=now())
        dispatch.queue_deploy(release, batch, nodes)
    return False


def at_gate(release: Release, batch: Batch, standing: gating.Standing) -> bool:
    """What follows from a gate that is not open. One that fails before any node was touched leaves nothing to roll back."""
    answer = standing.answer
    if answer.state == gates.WAITS:
        with fenced(release):
            note(release, answer.text)
        return False
    if answer.state == gates.INCONCLUSIVE:
        return hold(
            release, batch, answer.text, batch_state=batch.state, kind=states.AT_GATE, held_gate=standing.key
        )  # fmt: skip
    if answer.state != gates.FAILED:
        raise ValueError(f"{release.number}: a gate answered {answer.state!r}")
    return turn_back(release, batch, answer.text, action="gate")


def turn_back(release: Release, batch: Batch, text: str, *, action: str) -> bool:
    """Roll back everything this release has touched, unless a part of it is not taken back by itself: then it holds."""
    part = reversal.hardest(release)
    if part is not None and part.reversibility != Reversibility.AUTO:
        return hold(
            release, batch, reversal.waits_for_a_person(part, text), batch_state=batch.state, kind=states.OF_FAILURE
        )
    ending = states.ABORTED if part is None else states.ROLLED_BACK
    with fenced(release):
        release_to(release, states.ROLLING_BACK, text, action=action, batch=batch, ending=ending)
    return True


def follow(release: Release, batch: Batch) -> bool:
    """Follow the batch's run: take results over; find it lost; when it has ended, see whether all nodes are done."""
    work = dispatch.latest(batch, dispatch.DEPLOY)
    if work is None or work.settled:
        return reconcile(release, batch)
    work.run = automation.run_check(work.run)
    dispatch.sync(release, work)
    if work.run.live:
        return False
    lost = work.run.state == RunState.LOST
    if lost and batch.state != states.LOST:
        with fenced(release):
            text = _("%(run)s was lost: %(problem)s") % {"run": work.run.number, "problem": work.run.problem}
            batch_to(release, batch, states.LOST, text, action="lost")
        return True
    if lost or work.run.state == RunState.CANCELLED:
        dispatch.settle(release, work)
        return reconcile(release, batch)
    return evaluate(release, batch, work)


def evaluate(release: Release, batch: Batch, work: BatchRun) -> bool:
    """After a run that ended by itself. Nodes that failed, cannot be reached or are silent count together against the budget of
    the plan: within it the batch goes on. Beyond it a node that failed ends the release; one that is silent needs a person."""
    failed = list(batch.nodes.filter(state=states.NODE_FAILED).select_related("node"))
    if failed and not _within_budget(release, batch):
        dispatch.settle(release, work)
        text = _("%(count)d of %(all)d nodes of batch %(n)d failed, first %(name)s: %(message)s") % {
            "count": len(failed), "all": batch.nodes.count(), "n": batch.number, "name": failed[0].node.name,
            "message": failed[0].message,
        }  # fmt: skip
        return fail(release, batch, text)
    left = _not_done(batch)
    if left:
        left = dispatch.read_back(release, batch, left, dispatch.DEPLOY)
    dispatch.settle(release, work)
    if not left or _within_budget(release, batch):
        return start_soak(release, batch)
    text = _("%(count)d nodes of batch %(n)d did not report, first %(name)s: resume to try them again, or abort") % {
        "count": len(left), "n": batch.number, "name": left[0].node.name,
    }  # fmt: skip
    return hold(release, batch, text, batch_state=states.DEPLOYING, kind=states.OF_NODES)


def _within_budget(release: Release, batch: Batch) -> bool:
    """Whether the nodes of the batch that are not done are few enough for the plan."""
    return len(_not_done(batch)) <= dispatch.most_lost(release, batch.nodes.count())


def reconcile(release: Release, batch: Batch) -> bool:
    """Read back what the nodes run, and go on with those that are not done: the same keys, a higher epoch."""
    if batch.state != states.RECONCILING:
        with fenced(release):
            text = _("reading back what the nodes of batch %(n)d run") % {"n": batch.number}
            batch_to(release, batch, states.RECONCILING, text, action="reconcile")
        return True
    left = dispatch.read_back(release, batch, _not_done(batch), dispatch.DEPLOY)
    if not left:
        return start_soak(release, batch)
    if dispatch.attempts(batch, dispatch.DEPLOY) >= MOST_ATTEMPTS:
        text = _("batch %(n)d needed %(count)d runs and is not done: resume or abort") % {
            "n": batch.number, "count": MOST_ATTEMPTS,
        }  # fmt: skip
        return hold(release, batch, text, batch_state=states.DEPLOYING, kind=states.OF_NODES)
    with fenced(release):
        text = _("batch %(n)d goes on with the %(count)d nodes that are not done") % {
            "n": batch.number, "count": len(left),
        }  # fmt: skip
        batch_to(release, batch, states.DEPLOYING, text, action="continue")
        dispatch.queue_deploy(release, batch, left)
    return False


def _not_done(batch: Batch) -> list[BatchNode]:
    """The nodes of the batch that are neither on the new version nor left out by a person."""
    return list(batch.nodes.exclude(state__in=ARRIVED).select_related("node__centre"))


def start_soak(release: Release, batch: Batch) -> bool:
    moment = now()
    with fenced(release):
        text = _("batch %(n)d is deployed and soaks for %(s)d s") % {"n": batch.number, "s": release.soak_s}
        batch_to(
            release, batch, states.SOAKING, text, action="soak", deployed_at=moment, soak_from=moment,
            soak_until=moment + dt.timedelta(seconds=release.soak_s), extensions=0,
        )  # fmt: skip
    return False


def soak(release: Release, batch: Batch) -> bool:
    if batch.soak_until is None or now() < batch.soak_until:
        return False
    with fenced(release):
        batch_to(release, batch, states.JUDGING, _("batch %(n)d is judged") % {"n": batch.number}, action="judge")
    return True


def judge(release: Release, batch: Batch) -> bool:
    """PASS goes on, FAIL rolls back, INCONCLUSIVE soaks longer while that helps and at last holds."""
    judgement = judging.judge_batch(release, batch)
    outcome, summary = judgement.verdict.outcome, judgement.verdict.summary
    text = _("batch %(n)d: %(outcome)s, %(summary)s") % {"n": batch.number, "outcome": outcome, "summary": summary}
    with fenced(release):
        judging.keep(batch, judgement)
        if outcome == Outcome.PASS:
            batch_to(release, batch, states.PASSED, text, action="verdict", finished_at=now())
            return True
        left = batch.extensions < release.plan["most_extensions"]
        if outcome == Outcome.INCONCLUSIVE and left and judgement.longer_helps:
            longer = now() + dt.timedelta(seconds=release.soak_s)
            batch_to(
                release, batch, states.SOAKING, text, action="verdict", soak_until=longer,
                extensions=batch.extensions + 1,
            )  # fmt: skip
            return False
        if outcome == Outcome.INCONCLUSIVE:
            return _hold_at_verdict(release, batch, text, measured=judgement.measured)
    return fail(release, batch, text)


def _hold_at_verdict(release: Release, batch: Batch, text: str, *, measured: bool) -> bool:
    """Wait for a person's word on what is inconclusive (inside `fenced`)."""
    waits = _("inconclusive after %(s)d s: promote batch %(n)d or abort")
    if not measured:
        waits = _("nothing measured in %(s)d s: resume to have batch %(n)d measured once more, or abort")
    waits %= {"s": release.soak_s * (1 + batch.extensions), "n": batch.number}
    batch_to(release, batch, states.HELD, text, action="verdict")
    kind = states.AT_VERDICT if measured else states.UNMEASURED
    release_to(release, states.HOLDING, waits, action="hold", batch=batch, hold_kind=kind)
    return False


def fail(release: Release, batch: Batch, text: str) -> bool:
    """The batch is bad, and so is what this release brought before it."""
    with fenced(release):
        batch_to(release, batch, states.BATCH_FAILED, text, action="verdict", finished_at=now())
        return turn_back(release, batch, text, action="rollback")


def hold(release: Release, batch: Batch, text: str, *, batch_state: str, kind: str, held_gate: str = "") -> bool:
    """Wait for a person; `kind` says for what."""
    with fenced(release):
        if batch.state != batch_state:
            batch_to(release, batch, batch_state, text, action="hold")
        release_to(
            release, states.HOLDING, text, action="hold", batch=batch, hold_kind=kind, held_gate=held_gate
        )  # fmt: skip
    return False


def finish(release: Release) -> bool:
    last = release.batches.select_related("part").order_by("number").last()
    standing = gating.after(release, last)
    if not standing.open:
        return at_gate(release, last, standing)
    # Within the budget of its batch a node may be late, but a release is not done without it.
    left = release.nodes.exclude(state__in=ARRIVED).select_related("node", "batch__part")
    if missing := left.first():
        text = _("%(count)d nodes are not done, first %(name)s: resume to try them again, leave them out, or abort") % {
            "count": left.count(), "name": missing.node.name,
        }  # fmt: skip
        return hold(release, missing.batch, text, batch_state=states.BATCH_FAILED, kind=states.OF_NODES)
    with fenced(release):
        text = _text_of_end(release)
        for part in release.parts.all():
            names = list(release.nodes.filter(batch__part=part).values_list("node__name", flat=True))
            inventory.desired_version_set(service=part.service, node_names=names, number=part.version.number)
        changes.ticket_execution_end(actor=journal.engine(), ticket=release.ticket, succeeded=True, outcome=text)
        release_to(release, states.DONE, text, action="done", finished_at=now())
    return False


def _text_of_end(release: Release) -> str:
    skipped = release.nodes.filter(state=states.NODE_SKIPPED).count()
    done = release.nodes.filter(state=states.NODE_DONE).count()
    if not skipped:
        return _("all %(count)d nodes run %(title)s") % {"count": done, "title": release.title}
    return _("%(count)d nodes run %(title)s, %(skipped)d were left out") % {
        "count": done, "title": release.title, "skipped": skipped,
    }  # fmt: skip
