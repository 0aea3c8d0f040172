"""Start and stop capacity tests and shadow runs; what their ends mean."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from seeops.accounts import rights
from seeops.audit import services as audit
from seeops.capacity import guard, options, process, selectors
from seeops.capacity.models import CapacityOutcome, CapacityTest, ShadowRun, Supervised, WorkState
from seeops.capacity.supervision import Duty
from seeops.capacity.supervision import advance as supervise
from seeops.cluster import door
from seeops.core.enqueue import poke
from seeops.core.errors import Conflict, InvalidInput, RuleViolation, SeeOpsError
from seeops.core.live import announce
from seeops.core.numbering import next_number

STOPPABLE = [WorkState.STARTING, WorkState.RUNNING]


def owner_of(test: CapacityTest) -> str:
    """Under this name a test holds the load."""
    return f"capacity:{test.number}"


# -- capacity tests ----------------------------------------------------------------------------------------------------


def capacity_test_start(*, actor: Any, chosen: options.Options, reason: str, confirmed: bool = False) -> CapacityTest:
    """Check everything and queue the test. Raises RuleViolation with every reason against it."""
    rights.require(actor, "capacity.run")
    found = selectors.facts()
    if reasons := guard.refusals(found, confirmed=confirmed):
        raise RuleViolation(" ".join(map(str, reasons)), code="unsafe")
    try:
        with transaction.atomic():
            numbered = next_number(CapacityTest, "CAP")
            test = CapacityTest.objects.create(
                **numbered,
                reason=reason,
                started_by=actor,
                options={**chosen.as_dict(), "declared_peak": selectors.declared_peak(), "confirmed": confirmed},
                asked=chosen.asked,
                session_phase=found.segment,
                spool=str(process.spool_of(numbered["number"])),
            )
            audit.record(actor=actor, action="capacity.start", obj=test, reason=reason, after=test.options)
            poke(_tasks().test_advance, test.pk)
            announce("capacity")
    except IntegrityError as error:
        raise Conflict(_("Another capacity test was started at the same moment: one at a time.")) from error
    return test


def capacity_test_stop(*, actor: Any, test: CapacityTest, reason: str) -> None:
    """Ask a test to end: the load falls back at once. Can be repeated."""
    rights.require(actor, "capacity.stop")
    _stop(actor, test, reason, "capacity.stop", _tasks().test_advance, ("capacity", f"capacity-test-{test.pk}"))


def capacity_test_advance(pk: int) -> None:
    """One step of a test; safe at any time."""
    supervise(TEST_DUTY, pk)


def _test_arguments(test: CapacityTest) -> list[str]:
    chosen = options.Options(**{name: test.options[name] for name in options.BOUNDS})
    return options.command_line(
        chosen,
        state=str(Path(settings.CLUSTER_ENDPOINTS).parent),
        spool=test.spool,
        owner=owner_of(test),
        declared_peak=test.options["declared_peak"],
    )


def _test_conclusion(test: CapacityTest, report: dict[str, Any]) -> dict[str, Any]:
    """The columns of an ended test. One that somebody stopped is halted, whatever it had found by then."""
    halted = test.state == WorkState.STOPPING and report["outcome"] == CapacityOutcome.BROKEN_OFF
    knee, limit, peak = report["knee"], report["limit"] or {}, report["peak"] or {}
    return {
        "outcome": CapacityOutcome.HALTED if halted else CapacityOutcome(report["outcome"]),
        "why": report["why"],
        "knee_per_s": knee and knee["orders_per_s"],
        "ratio": report["ratio"],
        "enough": None if halted else report["enough"],
        "peak_per_s": peak.get("orders_per_s"),
        "peak_source": peak.get("source", ""),
        "limit_kind": limit.get("kind", ""),
        "limit_text": limit.get("text", ""),
        "level_gone": _level_is_gone(test),
    }


def _level_is_gone(test: CapacityTest) -> bool | None:
    """Drop what the test may still hold; None when the load process does not say (the lease then ends by itself)."""
    try:
        door.end_level(owner_of(test))
        return True
    except SeeOpsError:
        return None


def _test_buried(test: CapacityTest, words: str) -> dict[str, Any]:
    gone = _level_is_gone(test)
    why = "; ".join(part for part in ("the process of the test died without a report", words) if part)
    return {"outcome": CapacityOutcome.UNKNOWN, "why": why, "level_gone": gone}


def _test_unbegun() -> dict[str, Any]:
    return {"outcome": CapacityOutcome.HALTED, "why": "stopped before it began", "level_gone": True}


# -- shadow runs -------------------------------------------------------------------------------------------------------


def shadow_start(*, actor: Any, shard: int, centre: str, candidate: str, reason: str) -> ShadowRun:
    """Queue a shadow run of a shard's journal into a candidate. Raises InvalidInput, Unavailable, Conflict."""
    rights.require(actor, "capacity.shadow")
    return shadow_queue(actor=actor, shard=shard, centre=centre, candidate=candidate, reason=reason)


def shadow_queue(
    *, actor: Any, shard: int, centre: str, candidate: str, reason: str, digest: str | None = None
) -> ShadowRun:
    """The same for a release's gate, which follows from an approved plan. `digest`: the only package that will do."""
    chosen, journal = selectors.candidate(candidate), selectors.journal(shard, centre)
    if digest is not None and chosen.digest != digest:
        raise InvalidInput(
            _("The package of %(candidate)s is not the one of the plan.") % {"candidate": chosen.title},
            field="candidate",
        )
    try:
        with transaction.atomic():
            numbered = next_number(ShadowRun, "SHD")
            shadow = ShadowRun.objects.create(
                **numbered,
                reason=reason,
                started_by=actor,
                shard=shard,
                centre=journal.centre,
                candidate=chosen.key,
                candidate_digest=chosen.digest,
                spool=str(process.spool_of(numbered["number"])),
            )
            audit.record(
                actor=actor,
                action="shadow.start",
                obj=shadow,
                reason=reason,
                after={"shard": shard, "centre": journal.centre, "candidate": chosen.key, "digest": chosen.digest},
            )
            poke(_tasks().shadow_advance, shadow.pk)
            announce("shadows")
    except IntegrityError as error:
        raise Conflict(
            _("A shadow run of shard %(shard)d is under way: wait until it has ended.") % {"shard": shard}
        ) from error
    return shadow


def shadow_stop(*, actor: Any, shadow: ShadowRun, reason: str) -> None:
    """End a shadow run; it then cannot be judged. Can be repeated."""
    rights.require(actor, "capacity.shadow")
    shadow_end(actor=actor, shadow=shadow, reason=reason)


def shadow_end(*, actor: Any, shadow: ShadowRun, reason: str) -> None:
    """The same for the gate that began it."""
    _stop(actor, shadow, reason, "shadow.stop", _tasks().shadow_advance, ("shadows", f"shadow-run-{shadow.pk}"))
    process.kill(shadow)  # it reads copies and writes its report in one piece: nothing is left half done


def shadow_advance(pk: int) -> None:
    """One step of a shadow run; safe at any time."""
    supervise(SHADOW_DUTY, pk)


def _shadow_arguments(shadow: ShadowRun) -> list[str]:
    journal = selectors.journal(shadow.shard, shadow.centre)
    chosen = selectors.candidate(shadow.candidate)
    other = ["--against", selectors.TWIN] if chosen.path is None else ["--package", str(chosen.path)]
    return [
        "replay", "--journal", str(journal.folder), "--config", str(journal.config), *other,
        "--report", str(Path(shadow.spool) / "report.json"),
    ]  # fmt: skip


def _shadow_conclusion(shadow: ShadowRun, report: dict[str, Any]) -> dict[str, Any]:
    """The columns of an ended run. A report on another package than the one asked for judges nothing."""
    candidate, journal = report["candidate"] or {}, report["journal"] or {}
    other = shadow.candidate_digest and candidate and candidate.get("digest") != shadow.candidate_digest
    return {
        "same": None if other else report["same"],
        "why": "the package was replaced while it was replayed" if other else report["why"],
        "text": report["text"],
        "entries": report.get("entries"),
        "commands": report.get("commands"),
        "differing_entries": report.get("differing_entries"),
        "journal_sha256": journal.get("sha256", ""),
    }


def _shadow_buried(shadow: ShadowRun, words: str) -> dict[str, Any]:
    if shadow.state == WorkState.STOPPING:
        return {"same": None, "why": "stopped before its end"}
    return {"same": None, "why": "; ".join(part for part in ("the process died without a report", words) if part)}


def _shadow_unbegun() -> dict[str, Any]:
    return {"same": None, "why": "stopped before it began"}


# -- both --------------------------------------------------------------------------------------------------------------


def _stop(actor: Any, work: Supervised, reason: str, action: str, task: Any, topics: tuple[str, ...]) -> None:
    model = type(work)
    with transaction.atomic():
        stopped = model._default_manager.filter(pk=work.pk, state__in=STOPPABLE).update(
            state=WorkState.STOPPING, stop_reason=reason
        )
        if not stopped and not model._default_manager.filter(pk=work.pk, active=True).exists():
            raise RuleViolation(_("%(work)s has already ended.") % {"work": work.number})
        audit.record(actor=actor, action=action, obj=work, reason=reason)
        transaction.on_commit(lambda: process.request_stop(work, reason))
        poke(task, work.pk)
        announce(*topics)


def _tasks() -> Any:
    from seeops.capacity import tasks

    return tasks


TEST_DUTY = Duty(
    model=CapacityTest,
    action="capacity",
    topics=lambda test: ("capacity", f"capacity-test-{test.pk}"),
    arguments=_test_arguments,
    conclude=_test_conclusion,
    bury=_test_buried,
    unbegun=_test_unbegun,
    longest=dt.timedelta(hours=3),
)
SHADOW_DUTY = Duty(
    model=ShadowRun,
    action="shadow",
    topics=lambda shadow: ("shadows", f"shadow-run-{shadow.pk}"),
    arguments=_shadow_arguments,
    conclude=_shadow_conclusion,
    bury=_shadow_buried,
    unbegun=_shadow_unbegun,
    longest=dt.timedelta(hours=2),
)
