"""The evidence of a workflow's run: who, what, when, under which approval, with a digest over all of it.

Parameters and outputs stand there by their digests as well, so that a copy kept elsewhere can be compared without being shown.
"""

from __future__ import annotations

import hashlib
from typing import Any

import rfc8785

from seeops.audit.models import AuditRecord
from seeops.automation.models import StepRun, WorkflowRun, WorkflowVersion

MOST_RECORDS = 2000


def digest(value: Any) -> str:
    """SHA-256 of the RFC 8785 canonical JSON, hex."""
    return hashlib.sha256(rfc8785.dumps(value)).hexdigest()


def evidence(run: WorkflowRun) -> dict[str, Any]:
    """Everything that is known of the run as data; `digest` is over the rest of it."""
    version = run.version
    found = {
        "run": run.number,
        "state": run.state,
        "trial": run.trial,
        "workflow": {**_version(version), "definition_digest": version.digest},
        "started": {
            "by": run.started_by.get_username(),
            "at": _at(run.created_at),
            "reason": run.reason,
            "inputs": run.inputs,
        },
        "ended": {"at": _at(run.finished_at), "text": run.state_reason},
        "parent": run.parent.run.number if run.parent else None,
        "steps": [_step(step) for step in run.steps.all()],
        "audit": _audit(run),
    }
    return {**found, "digest": digest(_plain(found))}


def _version(version: WorkflowVersion) -> dict[str, Any]:
    return {
        "name": version.workflow.slug, "version": version.number, "state": version.state,
        "author": version.created_by.get_username(), "saved_at": _at(version.created_at),
        "decided_by": version.decided_by.get_username() if version.decided_by else None,
        "decided_at": _at(version.decided_at), "decision_reason": version.decision_reason,
    }  # fmt: skip


def _step(step: StepRun) -> dict[str, Any]:
    return {
        "step": step.step, "branch": step.branch, "attempt": step.attempt, "kind": step.kind, "state": step.state,
        "outcome": step.outcome, "key": step.key, "started_at": _at(step.started_at), "acted_at": _at(step.acting_at),
        "finished_at": _at(step.finished_at), "problem": step.problem,
        "parameters_digest": digest(_plain(step.parameters)), "outputs_digest": digest(_plain(step.outputs)),
        "playbook_run": _run(step), "child": step.child.number if hasattr(step, "child") else None,
        "settled_by": step.settled_by.get_username() if step.settled_by else None,
        "decisions": [
            {"by": one.person.get_username(), "agreed": one.agreed, "at": _at(one.at), "comment": one.comment}
            for one in step.decisions.all()
        ],
    }  # fmt: skip


def _run(step: StepRun) -> dict[str, Any] | None:
    """The run of a playbook with the digest over its log."""
    run = step.playbook_run
    return (
        None if run is None else {"number": run.number, "events": run.events_count, "events_digest": run.events_digest}
    )


def _audit(run: WorkflowRun) -> dict[str, Any]:
    """Which records of the audit log are about the run: their numbers and the hash of the last one in the chain."""
    records = AuditRecord.objects.filter(object_type=WorkflowRun._meta.label_lower, object_id=str(run.pk)).order_by(
        "seq"
    )
    rows = list(records.values_list("seq", "hash")[:MOST_RECORDS])
    first, last = (rows[0], rows[-1]) if rows else ((None, None), (None, None))
    return {"records": len(rows), "first": first[0], "last": last[0], "last_hash": last[1]}


def _at(moment: Any) -> str | None:
    return moment.isoformat() if moment else None


def _plain(value: Any) -> Any:
    """As canonical JSON knows values: whole numbers beyond its exact range become text."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**53 - 1:
        return str(value)
    return value
