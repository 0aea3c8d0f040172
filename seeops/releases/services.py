"""What people do with releases: plan, start, hold, resume, promote, abort, retry.

Every step is a conditional write that also takes the lease away from the worker: its next write fails and it stops.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from seeops.accounts import rights
from seeops.automation import services as automation
from seeops.changes import services as changes
from seeops.changes.models import ChangeTicket, Reversibility
from seeops.core.clock import now
from seeops.core.enqueue import poke
from seeops.core.errors import Conflict, InvalidInput, RuleViolation
from seeops.core.numbering import next_number
from seeops.inventory.models import Node
from seeops.releases import journal, planning, states
from seeops.releases.models import Batch, BatchNode, BatchRun, Release, ReleasePart
from seeops.releases.planning import PartWish

SHOWN_OF_PART = ("service", "version", "package_digest", "expression", "reversibility", "warnings")
HARDER = (Reversibility.AUTO, Reversibility.MANUAL, Reversibility.FORWARD_ONLY)


@transaction.atomic
def release_plan(
    *,
    actor: Any,
    ticket: ChangeTicket,
    parts: Sequence[PartWish],
    soak_s: int = 60,
    drain: bool = True,
    gates: dict[str, Any] | None = None,
    lock_policy: str = "fail",
    versions_differ_at_most_s: int | None = None,
    most_flow_share: float = planning.MOST_FLOW_SHARE,
    retry_of: Release | None = None,
) -> Release:
    """Freeze a plan and bind it to the ticket. A plan of the same ticket that was not started is replaced; what was approved
    before is void. Raises Forbidden, InvalidInput, RuleViolation."""
    rights.require(actor, "release.plan")
    _require_named(ticket, parts)
    made = planning.draft(
        parts=parts, soak_s=soak_s, drain=drain, gates=gates, lock_policy=lock_policy,
        versions_differ_at_most_s=versions_differ_at_most_s, most_flow_share=most_flow_share,
    )  # fmt: skip
    _replace(actor, ticket)
    release = Release.objects.create(
        **next_number(Release, "REL"), ticket=ticket, soak_s=soak_s, plan=made.plan, plan_digest=made.digest,
        created_by=actor, retry_of=retry_of, state_reason=gettext_noop("planned, not started"),
    )  # fmt: skip
    _create_parts(release, made)
    changes.ticket_plan_set(actor=actor, ticket=ticket, plan=_for_approver(release, made), plan_digest=made.digest)
    text = gettext_noop("%(count)d nodes in %(n)d batches: %(title)s") % {
        "count": made.total, "n": release.batches.count(), "title": made.title,
    }  # fmt: skip
    journal.step(
        release, text, actor=actor, action="plan", before="", after=states.READY, details={"plan_digest": made.digest}
    )
    return release


def _require_named(ticket: ChangeTicket, parts: Sequence[PartWish]) -> None:
    named = set(ticket.services.values_list("pk", flat=True))
    for wish in parts:
        if wish.service.pk not in named:
            raise InvalidInput(
                _("%(ticket)s does not name %(service)s: add it to the ticket first.")
                % {"ticket": ticket.number, "service": wish.service.name},
                field="service",
            )


def _replace(actor: Any, ticket: ChangeTicket) -> None:
    text = gettext_noop("replaced by a newer plan")
    for old in Release.objects.select_for_update().filter(ticket=ticket, state=states.READY):
        Release.objects.filter(pk=old.pk).update(state=states.ABORTED, state_reason=text, finished_at=now())
        journal.step(old, text, actor=actor, action="replace", before=states.READY, after=states.ABORTED)


def _create_parts(release: Release, made: planning.Draft) -> None:
    """Parts, batches and nodes of the frozen plan."""
    pks = dict(
        Node.objects.filter(name__in=[node["name"] for node in planning.nodes_of(made.plan)]).values_list("name", "pk")
    )
    for position, part in enumerate(made.parts, start=1):
        stored = ReleasePart.objects.create(
            release=release, position=position, service=part.service, version=part.version,
            expression=part.plan["expression"], reversibility=part.plan["reversibility"],
        )  # fmt: skip
        planned = part.plan["batches"]
        created = Batch.objects.bulk_create(
            Batch(
                release=release, part=stored, number=item["number"], term=item["term"], concurrency=item["concurrency"]
            )
            for item in planned
        )
        BatchNode.objects.bulk_create(
            [
                BatchNode(
                    batch=batch, release=release, node_id=pks[node["name"]], position=index, from_version=node["from"]
                )
                for batch, item in zip(created, planned, strict=True)
                for index, node in enumerate(item["nodes"])
            ],
            batch_size=1000,
        )


def _for_approver(release: Release, made: planning.Draft) -> dict[str, Any]:
    """What the ticket shows of the plan: parts with their batches, and all batches in the order of execution."""
    parts = [
        {
            **{key: part.plan[key] for key in SHOWN_OF_PART},
            "batches": [
                {
                    "number": item["number"],
                    "term": item["term"],
                    "count": len(item["nodes"]),
                    "at_once": item["concurrency"],
                }
                for item in part.plan["batches"]
            ],
        }
        for part in made.parts
    ]
    return {
        "kind": "release",
        "number": release.number,
        "title": made.title,
        "soak_s": made.plan["soak_s"],
        "drain": made.plan["drain"],
        "warnings": made.plan["warnings"],
        "reversibility": max((part["reversibility"] for part in parts), key=HARDER.index),
        "parts": parts,
        "batches": [batch for part in parts for batch in part["batches"]],
    }


@transaction.atomic
def release_start(*, actor: Any, release: Release) -> Release:
    """Begin an approved release. Raises RuleViolation without approval, outside of the window or when the estate has moved
    away from the plan; Conflict when another release of the service runs."""
    rights.require(actor, "release.start", release)
    release = _locked(release)
    if release.state != states.READY:
        raise RuleViolation(_("%(release)s is %(state)s: it cannot be started.") % _named(release))
    planning.check_still_true(release.plan, [part.version for part in release.parts.all()])
    try:
        with transaction.atomic():
            changed = _write(release, states.RUNNING, gettext_noop("running"), started_at=now(), started_by=actor)
    except IntegrityError as error:
        raise _taken(release) from error
    changes.ticket_execution_begin(actor=actor, ticket=release.ticket, plan_digest=release.plan_digest)
    journal.step(
        changed, gettext_noop("started"), actor=actor, action="start", before=states.READY, after=states.RUNNING,
        details={"plan_digest": release.plan_digest, "ticket": release.ticket.number},
    )  # fmt: skip
    _poke(release)
    return changed


@transaction.atomic
def release_hold(*, actor: Any, release: Release, reason: str) -> Release:
    """Stop after what is under way: no further node is begun, no further batch, no verdict."""
    rights.require(actor, "release.hold", release)
    release = _locked(release)
    _require(release, states.RUNNING)
    changed = _write(
        release, states.HOLDING, gettext_noop("held by %(person)s: %(why)s") % {"person": actor, "why": reason}
    )
    _stop_runs(release)
    return _stepped(changed, actor, "hold", states.RUNNING, reason)


@transaction.atomic
def release_resume(*, actor: Any, release: Release, reason: str = "") -> Release:
    """Go on where it was held. After an inconclusive verdict that means: soak and judge once more."""
    rights.require(actor, "release.resume", release)
    release = _locked(release)
    _require(release, states.HOLDING)
    batch = _current(release)
    if batch is not None and batch.state == states.HELD:
        Batch.objects.filter(pk=batch.pk).update(
            state=states.SOAKING, state_at=now(), soak_from=now(), soak_until=_soak_until(release), extensions=0
        )
    changed = _write(release, states.RUNNING, gettext_noop("resumed by %(person)s") % {"person": actor})
    _poke(release)
    return _stepped(changed, actor, "resume", states.HOLDING, reason)


@transaction.atomic
def release_promote(*, actor: Any, release: Release, reason: str) -> Release:
    """Let the one batch that waits after an inconclusive verdict pass, on this person's word. Exactly one step."""
    rights.require(actor, "release.promote", release)
    _need_reason(reason)
    release = _locked(release)
    _require(release, states.HOLDING)
    batch = _current(release)
    if batch is None or batch.state != states.HELD:
        raise RuleViolation(
            _("%(release)s does not wait for a promotion: its batch has no inconclusive verdict.")
            % {"release": release.number}
        )
    Batch.objects.filter(pk=batch.pk).update(state=states.PASSED, state_at=now(), finished_at=now(), promoted_by=actor)
    text = gettext_noop("batch %(n)d promoted by %(person)s: %(why)s") % {
        "n": batch.number,
        "person": actor,
        "why": reason,
    }
    changed = _write(release, states.RUNNING, text)
    _poke(release)
    return _stepped(changed, actor, "promote", states.HOLDING, reason, batch=batch)


@transaction.atomic
def release_abort(*, actor: Any, release: Release, reason: str) -> Release:
    """End the release: what is under way stops, touched nodes go back to what they ran. Final; a retry is a new release."""
    rights.require(actor, "release.abort", release)
    _need_reason(reason)
    release = _locked(release)
    if release.state == states.READY:
        changed = _write(
            release, states.ABORTED, gettext_noop("given up: %(why)s") % {"why": reason}, finished_at=now()
        )
        return _stepped(changed, actor, "abort", states.READY, reason)
    _require(release, states.RUNNING, states.HOLDING)
    before = release.state
    text = gettext_noop("aborted by %(person)s: %(why)s") % {"person": actor, "why": reason}
    changed = _write(release, states.ROLLING_BACK, text, ending=states.ABORTED)
    _stop_runs(release)
    _poke(release)
    return _stepped(changed, actor, "abort", before, reason)


@transaction.atomic
def release_rollback_again(*, actor: Any, release: Release, reason: str) -> Release:
    """Try once more to bring back the nodes that a roll-back left behind."""
    rights.require(actor, "release.abort", release)
    release = _locked(release)
    _require(release, states.FAILED)
    BatchNode.objects.filter(release=release, state=states.NODE_ROLLBACK_FAILED).update(
        state=states.NODE_ROLLING_BACK, changed_at=now()
    )
    try:
        with transaction.atomic():
            changed = _write(release, states.ROLLING_BACK, gettext_noop("roll-back is tried again"), finished_at=None)
    except IntegrityError as error:
        raise _taken(release) from error
    _poke(release)
    return _stepped(changed, actor, "rollback_again", states.FAILED, reason)


@transaction.atomic
def release_retry(*, actor: Any, release: Release) -> Release:
    """Plan the same again as a new release, with a new approval: nothing of the old execution is taken over."""
    rights.require(actor, "release.plan")
    if release.state not in (states.ROLLED_BACK, states.ABORTED, states.FAILED):
        raise RuleViolation(_("%(release)s is %(state)s: there is nothing to retry.") % _named(release))
    inputs = planning.inputs_again(release.plan, {part.service.name: part.service for part in release.parts.all()})
    return release_plan(actor=actor, ticket=release.ticket, **inputs, retry_of=release)


# --- helpers --------------------------------------------------------------------------------------------------------


def _locked(release: Release) -> Release:
    return (
        Release.objects.select_for_update(of=("self",))
        .select_related("ticket")
        .prefetch_related("parts__service", "parts__version__service")
        .get(pk=release.pk)
    )


def _taken(release: Release) -> Conflict:
    """Another release holds one of the services."""
    services = [part.service_id for part in release.parts.all()]
    other = ReleasePart.objects.filter(active=True, service__in=services).exclude(release=release)
    found = other.select_related("release", "service").first()
    return Conflict(
        _("Another release of %(service)s is under way (%(other)s): wait until it has ended.")
        % {"service": found.service.name if found else "?", "other": found.release.number if found else "?"}
    )


def _named(release: Release) -> dict[str, str]:
    return {"release": release.number, "state": release.get_state_display()}


def _require(release: Release, *allowed: str) -> None:
    if release.state not in allowed:
        raise RuleViolation(_("%(release)s is %(state)s: this is not possible now.") % _named(release))


def _need_reason(reason: str) -> None:
    if not reason.strip():
        raise InvalidInput(_("The reason is missing: say why."), field="reason")


def _write(release: Release, state: str, text: str, **values: Any) -> Release:
    """Change the state and fence off the worker that may be advancing the release."""
    Release.objects.filter(pk=release.pk).update(
        state=state, state_reason=text[:400], epoch=F("epoch") + 1, owner="", lease_until=None, **values
    )
    release.refresh_from_db()
    return release


def _stepped(
    release: Release, actor: Any, action: str, before: str, reason: str, batch: Batch | None = None
) -> Release:
    journal.step(
        release, release.state_reason, actor=actor, action=action, before=before, after=release.state, reason=reason,
        batch=batch,
    )  # fmt: skip
    return release


def _current(release: Release) -> Batch | None:
    return release.batches.exclude(state=states.PASSED).order_by("number").first()


def _soak_until(release: Release) -> Any:
    return now() + dt.timedelta(seconds=release.soak_s)


def _stop_runs(release: Release) -> None:
    for work in BatchRun.objects.filter(batch__release=release, settled=False).select_related("run"):
        if work.run.live:
            automation.run_ask_to_stop(work.run)


def _poke(release: Release) -> None:
    from seeops.releases.tasks import release_advance

    poke(release_advance, release.pk)
