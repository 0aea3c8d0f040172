"""Every write of the engine happens under the release's lease, in one transaction with the proof that it still holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction

from seeops.core import leases
from seeops.core.clock import now
from seeops.core.live import announce
from seeops.releases import journal, states
from seeops.releases.models import Batch, Release

# Shorter than the ten seconds within which a killed worker's release must go on, longer than any single step.
LEASE_S = 6.0


@contextmanager
def fenced(release: Release) -> Iterator[None]:
    """A transaction that holds the release's row. Raises LeaseLost when another worker or a person has taken over."""
    with transaction.atomic():
        leases.renew(Release, release.pk, epoch=release.epoch, seconds=LEASE_S)
        yield


def batch_to(release: Release, batch: Batch, state: str, text: str, *, action: str, **values: Any) -> None:
    """Move a batch to `state` (inside `fenced`) and record it."""
    before = batch.state
    batch.state, batch.state_at = state, now()
    for name, value in values.items():
        setattr(batch, name, value)
    batch.save(update_fields=["state", "state_at", *values])
    journal.step(release, text, actor=journal.engine(), action=action, before=before, after=state, batch=batch)


def note(release: Release, text: str) -> None:
    """Say how the release stands (inside `fenced`), without a step in its history; the same again changes nothing."""
    if release.state_reason != text[:400]:
        release.state_reason = text[:400]
        leases.write(Release, release.pk, epoch=release.epoch, state_reason=release.state_reason)
        announce(f"release-{release.pk}", "releases")


def release_to(
    release: Release, state: str, text: str, *, action: str, batch: Batch | None = None, **values: Any
) -> None:
    """Move the release to `state` (inside `fenced`) and record it. Raises ValueError for a step that the states forbid."""
    before = release.state
    if not states.may_follow(before, state):
        raise ValueError(f"{release.number}: {before} is not followed by {state}")
    if state != states.HOLDING:
        values = {"hold_kind": "", "held_gate": "", **values}
    leases.write(Release, release.pk, epoch=release.epoch, state=state, state_reason=text[:400], **values)
    release.state, release.state_reason = state, text[:400]
    for name, value in values.items():
        setattr(release, name, value)
    journal.step(release, text, actor=journal.engine(), action=action, before=before, after=state, batch=batch)
