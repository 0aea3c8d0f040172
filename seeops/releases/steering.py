"""What people do with a release under way: hold, resume, promote, skip nodes, abort, have a roll-back tried again.

Every step is a conditional write that also takes the lease away from the worker: its next write fails and it stops.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from seeops.accounts import rights
from seeops.changes import services as changes
from seeops.core.clock import now
from seeops.core.errors import InvalidInput, RuleViolation
from seeops.releases import gating, states
from seeops.releases.gates import watch
from seeops.releases.models import Batch, BatchNode, GateWaiver, Release
from seeops.releases.steps import current, locked, need_reason, poke_engine, record, require, stop_runs, taken, write


@transaction.atomic
def release_hold(*, actor: Any, release: Release, reason: str) -> Release:
    """Stop after what is under way: no further node is begun, no further batch, no verdict."""
    rights.require(actor, "release.hold", release)
    release = locked(release)
    require(release, states.RUNNING)
    text = gettext_noop("held by %(person)s: %(why)s") % {"person": actor, "why": reason}
    changed = write(release, states.HOLDING, text, hold_kind=states.BY_PERSON)
    stop_runs(release)
    watch.stop_of(release, gettext_noop("the release is held"))
    return record(changed, actor, "hold", states.RUNNING, reason)


@transaction.atomic
def release_resume(*, actor: Any, release: Release, reason: str = "") -> Release:
    """Go on where it was held: try nodes again, ask a gate again, soak and judge once more, whatever it held for."""
    rights.require(actor, "release.resume", release)
    release = locked(release)
    require(release, states.HOLDING)
    batch = current(release)
    if batch is not None and batch.state == states.HELD:
        Batch.objects.filter(pk=batch.pk).update(
            state=states.SOAKING, state_at=now(), soak_from=now(), soak_until=_soak_until(release), extensions=0
        )
    if batch is not None and batch.state == states.BATCH_FAILED:
        Batch.objects.filter(pk=batch.pk).update(state=states.RECONCILING, state_at=now(), finished_at=None)
    # Whoever resumes has seen that the sites differ, and gives them the same time again.
    release.parts.filter(differs_since__isnull=False).update(differs_since=now())
    changed = write(release, states.RUNNING, gettext_noop("resumed by %(person)s") % {"person": actor})
    poke_engine(release)
    return record(changed, actor, "resume", states.HOLDING, reason)


@transaction.atomic
def release_promote(*, actor: Any, release: Release, reason: str) -> Release:
    """Let what could not say yes or no pass on this person's word: the one batch that waits after an inconclusive verdict, or
    the one gate. Exactly one step. What was not measured at all passes only on the word of two: with a break-glass of its ticket."""
    rights.require(actor, "release.promote", release)
    need_reason(reason)
    release = locked(release)
    require(release, states.HOLDING)
    if release.held_gate:
        return _promote_gate(actor, release, reason)
    batch = current(release)
    if batch is None or batch.state != states.HELD:
        raise RuleViolation(
            _("%(release)s does not wait for a promotion: neither its batch nor a gate is inconclusive.")
            % {"release": release.number}
        )
    glass = _require_measured(actor, release, batch)
    Batch.objects.filter(pk=batch.pk).update(state=states.PASSED, state_at=now(), finished_at=now(), promoted_by=actor)
    text = gettext_noop("batch %(n)d promoted by %(person)s: %(why)s") % {
        "n": batch.number, "person": actor, "why": reason,
    }  # fmt: skip
    changed = write(release, states.RUNNING, text)
    poke_engine(release)
    return record(changed, actor, "promote", states.HOLDING, reason, batch=batch, details={"break_glass": glass})


def _require_measured(actor: Any, release: Release, batch: Batch) -> str:
    """Raises RuleViolation when nothing of the batch was measured and no break-glass is open. Returns the incident of the one that was
    needed, or empty."""
    if release.hold_kind != states.UNMEASURED:
        return ""
    glass = changes.glass_take(actor=actor, ticket=release.ticket, past=f"batch {batch.number} was not measured")
    if glass is None:
        raise RuleViolation(
            _(
                "Nothing of batch %(n)d of %(release)s was measured, so nobody can know that it is good: resume to have it measured "
                "once more, abort, or have two people break the glass of %(ticket)s."
            )
            % {"n": batch.number, "release": release.number, "ticket": release.ticket.number}
        )
    return glass.incident


def _promote_gate(actor: Any, release: Release, reason: str) -> Release:
    point, number = gating.parse(release.held_gate)
    batch = release.batches.select_related("part").get(number=number)
    GateWaiver.objects.create(batch=batch, point=point, by=actor, reason=reason[:400])
    text = gettext_noop("gate of %(title)s passed over by %(person)s: %(why)s") % {
        "title": batch.part.title, "person": actor, "why": reason,
    }  # fmt: skip
    changed = write(release, states.RUNNING, text)
    poke_engine(release)
    return record(changed, actor, "promote", states.HOLDING, reason, batch=batch, details={"gate": point})


@transaction.atomic
def release_skip_nodes(*, actor: Any, release: Release, nodes: Sequence[str], reason: str) -> Release:
    """Leave nodes out of a release that holds: they stay as they are, are not waited for and not counted as done, and stand as
    drifted afterwards. The release goes on holding: resume when all is decided."""
    rights.require(actor, "release.skip", release)
    need_reason(reason)
    release = locked(release)
    require(release, states.HOLDING)
    chosen = sorted(set(nodes))
    found = list(
        release.nodes.filter(node__name__in=chosen).select_related("node", "batch").select_for_update(of=("self",))
    )
    missing = sorted(set(chosen) - {item.node.name for item in found})
    if not chosen or missing:
        raise InvalidInput(
            _("Not a node of this release: %(names)s.") % {"names": ", ".join(missing[:5]) or "–"}, field="nodes"
        )
    if done := [item.node.name for item in found if item.state not in states.SKIPPABLE]:
        raise RuleViolation(
            _("%(names)s are done or being brought back: only nodes that are not can be left out.")
            % {"names": ", ".join(done[:5])}
        )
    BatchNode.objects.filter(pk__in=[item.pk for item in found]).update(
        state=states.NODE_SKIPPED, message=reason[:300], changed_at=now()
    )
    text = gettext_noop("%(person)s left %(count)d nodes out, first %(name)s: %(why)s") % {
        "person": actor, "count": len(found), "name": found[0].node.name, "why": reason,
    }  # fmt: skip
    kept = {"hold_kind": release.hold_kind, "held_gate": release.held_gate}
    changed = write(release, states.HOLDING, text, **kept)
    details = {"nodes": {item.node.name: item.state for item in found}}
    return record(changed, actor, "skip", states.HOLDING, reason, batch=found[0].batch, details=details)


@transaction.atomic
def release_abort(*, actor: Any, release: Release, reason: str) -> Release:
    """End the release: what is under way stops, touched nodes go back to what they ran, unless their part only goes forward.
    Final; a retry is a new release."""
    rights.require(actor, "release.abort", release)
    need_reason(reason)
    release = locked(release)
    before = release.state
    if before in (states.READY, states.QUEUED):
        text = gettext_noop("given up: %(why)s") % {"why": reason}
        return record(write(release, states.ABORTED, text, finished_at=now()), actor, "abort", before, reason)
    require(release, states.RUNNING, states.HOLDING)
    text = gettext_noop("aborted by %(person)s: %(why)s") % {"person": actor, "why": reason}
    changed = write(release, states.ROLLING_BACK, text, ending=states.ABORTED)
    stop_runs(release)
    watch.stop_of(release, gettext_noop("the release is aborted"))
    poke_engine(release)
    return record(changed, actor, "abort", before, reason)


@transaction.atomic
def release_rollback_again(*, actor: Any, release: Release, reason: str) -> Release:
    """Try once more to bring back the nodes that a roll-back left behind."""
    rights.require(actor, "release.abort", release)
    release = locked(release)
    require(release, states.FAILED)
    BatchNode.objects.filter(release=release, state=states.NODE_ROLLBACK_FAILED).update(
        state=states.NODE_ROLLING_BACK, changed_at=now()
    )
    try:
        with transaction.atomic():
            text = gettext_noop("roll-back is tried again")
            changed = write(release, states.ROLLING_BACK, text, finished_at=None, lock_fence=None)
    except IntegrityError as error:
        raise taken(release) from error
    poke_engine(release)
    return record(changed, actor, "rollback_again", states.FAILED, reason)


def _soak_until(release: Release) -> dt.datetime:
    return now() + dt.timedelta(seconds=release.soak_s)
