"""Every step of a workflow's run is written twice: in its own history, and in the audit log."""

from __future__ import annotations

from typing import Any

from seeops.accounts import selectors as accounts
from seeops.audit import services as audit
from seeops.automation.models import StepRun, WorkflowEvent, WorkflowRun
from seeops.core.clock import now
from seeops.core.live import announce

ENGINE = "workflow-engine"


def engine() -> Any:
    """The machine account under which the engine acts."""
    return accounts.machine(ENGINE)


def note(
    run: WorkflowRun,
    text: str,
    *,
    actor: Any,
    action: str,
    step: StepRun | None = None,
    before: str = "",
    after: str = "",
    reason: str = "",
    details: dict[str, Any] | None = None,
) -> None:
    """Record one change inside its transaction, and tell the pages that show the run."""
    name = step.step if step else ""
    WorkflowEvent.objects.create(run=run, at=now(), step=name, before=before, after=after, actor=actor, text=text[:400])
    where = {"step": name, "attempt": step.attempt} if step else {}
    audit.record(
        actor=actor, action=f"workflow.{action}", obj=run, reason=reason,
        before={"state": before}, after={"state": after, "text": text[:400], **where, **(details or {})},
    )  # fmt: skip
    announce(f"workflow-run-{run.pk}", "workflow-runs")
