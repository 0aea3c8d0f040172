"""What every step of a person has in common: it locks the release, checks its state, writes past the worker, and is recorded."""

from __future__ import annotations

from typing import Any

from django.db.models import F
from django.utils.translation import gettext as _

from seeops.automation import services as automation
from seeops.core.enqueue import poke
from seeops.core.errors import Conflict, InvalidInput, RuleViolation
from seeops.releases import journal, states
from seeops.releases.models import Batch, BatchRun, Release, ReleasePart


def locked(release: Release) -> Release:
    """The release as it is now, its row held until the transaction ends."""
    return (
        Release.objects.select_for_update(of=("self",))
        .select_related("ticket")
        .prefetch_related("parts__service", "parts__version__service")
        .get(pk=release.pk)
    )


def named(release: Release) -> dict[str, str]:
    return {"release": release.number, "state": release.get_state_display()}


def require(release: Release, *allowed: str) -> None:
    if release.state not in allowed:
        raise RuleViolation(_("%(release)s is %(state)s: this is not possible now.") % named(release))


def need_reason(reason: str) -> None:
    if not reason.strip():
        raise InvalidInput(_("The reason is missing: say why."), field="reason")


def write(release: Release, state: str, text: str, **values: Any) -> Release:
    """Change the state and fence off the worker that may be advancing the release."""
    if state != states.HOLDING:
        values = {"hold_kind": "", "held_gate": "", **values}
    Release.objects.filter(pk=release.pk).update(
        state=state, state_reason=text[:400], epoch=F("epoch") + 1, owner="", lease_until=None, **values
    )
    release.refresh_from_db()
    return release


def record(
    release: Release,
    actor: Any,
    action: str,
    before: str,
    reason: str = "",
    batch: Batch | None = None,
    details: dict[str, Any] | None = None,
) -> Release:
    """Write the step down as it was just taken."""
    journal.step(
        release, release.state_reason, actor=actor, action=action, before=before, after=release.state, reason=reason,
        batch=batch, details=details,
    )  # fmt: skip
    return release


def current(release: Release) -> Batch | None:
    """The batch the release has come to."""
    return release.batches.exclude(state=states.PASSED).select_related("part").order_by("number").first()


def stop_runs(release: Release) -> None:
    """Ask what still runs for the release to stop."""
    for work in BatchRun.objects.filter(batch__release=release, settled=False).select_related("run"):
        if work.run.live:
            automation.run_ask_to_stop(work.run)


def poke_engine(release: Release) -> None:
    _poke(release.pk)


def run_ended(run_id: int) -> None:
    """Have the release of a run that has ended looked after now."""
    found = BatchRun.objects.filter(run=run_id).order_by().values_list("batch__release", flat=True)
    for release_id in found.distinct():
        _poke(release_id)


def _poke(release_id: int) -> None:
    from seeops.releases.tasks import release_advance

    poke(release_advance, release_id)


def taken(release: Release) -> Conflict:
    """Another release holds one of the services."""
    services = [part.service_id for part in release.parts.all()]
    other = ReleasePart.objects.filter(active=True, service__in=services).exclude(release=release)
    found = other.select_related("release", "service").first()
    return Conflict(
        _("Another release of %(service)s is under way (%(other)s): wait until it has ended.")
        % {"service": found.service.name if found else "?", "other": found.release.number if found else "?"}
    )
