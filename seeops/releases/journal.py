"""Every step of a release is written twice: in its own history, and in the audit log."""

from __future__ import annotations

from typing import Any

from seeops.accounts import selectors as accounts
from seeops.audit import services as audit
from seeops.core.clock import now
from seeops.core.live import announce
from seeops.releases.models import Batch, Release, ReleaseEvent

ENGINE = "release-engine"


def engine() -> Any:
    """The machine account under which the engine acts."""
    return accounts.machine(ENGINE)


def step(
    release: Release,
    text: str,
    *,
    actor: Any,
    action: str,
    before: str,
    after: str,
    batch: Batch | None = None,
    reason: str = "",
    details: dict[str, Any] | None = None,
) -> None:
    """Record one step inside its transaction, and tell the pages that show the release."""
    ReleaseEvent.objects.create(
        release=release, at=now(), batch_number=batch.number if batch else None, before=before, after=after, actor=actor,
        lease_epoch=release.epoch, text=text[:400],
    )  # fmt: skip
    audit.record(
        actor=actor, action=f"release.{action}", obj=release, reason=reason,
        before={"state": before}, after={"state": after, "text": text, **({"batch": batch.number} if batch else {}), **(details or {})},
    )  # fmt: skip
    announce(f"release-{release.pk}", "releases")
