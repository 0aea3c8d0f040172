"""The life of a change ticket: which state may follow which. Pure."""

from __future__ import annotations

DRAFT, SUBMITTED, APPROVED, REJECTED = "draft", "submitted", "approved", "rejected"
SCHEDULED, EXECUTING, DONE, FAILED, CANCELLED = "scheduled", "executing", "done", "failed", "cancelled"

FOLLOWS: dict[str, frozenset[str]] = {
    DRAFT: frozenset({SUBMITTED, CANCELLED}),
    SUBMITTED: frozenset({APPROVED, SCHEDULED, REJECTED, DRAFT, CANCELLED}),
    # An approval that is voided by a changed plan leads back to "submitted".
    APPROVED: frozenset({SUBMITTED, EXECUTING, CANCELLED}),
    SCHEDULED: frozenset({SUBMITTED, EXECUTING, CANCELLED}),
    EXECUTING: frozenset({DONE, FAILED}),
    # A retry is a new execution and needs a new approval.
    FAILED: frozenset({SUBMITTED}),
    REJECTED: frozenset({DRAFT}),
    DONE: frozenset(),
    CANCELLED: frozenset(),
}
EDITABLE = frozenset({DRAFT, SUBMITTED, APPROVED, SCHEDULED})
STARTABLE = frozenset({APPROVED, SCHEDULED})
APPROVAL_NEEDED = frozenset({APPROVED, SCHEDULED, EXECUTING})
OPEN = frozenset({DRAFT, SUBMITTED, APPROVED, SCHEDULED, EXECUTING})

MARK = {
    DRAFT: "absent", SUBMITTED: "attention", APPROVED: "progress", SCHEDULED: "progress", EXECUTING: "progress",
    DONE: "good", FAILED: "bad", REJECTED: "bad", CANCELLED: "absent",
}  # fmt: skip


def may_follow(now: str, then: str) -> bool:
    """Whether a ticket in state `now` may become `then`."""
    return then in FOLLOWS.get(now, frozenset())
