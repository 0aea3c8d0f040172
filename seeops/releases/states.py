"""The life of a release and of its batches: which state may follow which. Pure."""

from __future__ import annotations

READY, RUNNING, HOLDING, ROLLING_BACK = "ready", "running", "holding", "rolling_back"
DONE, ROLLED_BACK, ABORTED, FAILED = "done", "rolled_back", "aborted", "failed"

ACTIVE = (RUNNING, HOLDING, ROLLING_BACK)
FINAL = (DONE, ROLLED_BACK, ABORTED)

FOLLOWS: dict[str, frozenset[str]] = {
    READY: frozenset({RUNNING, ABORTED}),
    RUNNING: frozenset({HOLDING, ROLLING_BACK, DONE}),
    HOLDING: frozenset({RUNNING, ROLLING_BACK}),
    ROLLING_BACK: frozenset({ROLLED_BACK, ABORTED, FAILED}),
    # A roll-back that could not finish needs a person, who may have it tried again.
    FAILED: frozenset({ROLLING_BACK}),
    DONE: frozenset(),
    ROLLED_BACK: frozenset(),
    ABORTED: frozenset(),
}

MARK = {
    READY: "absent", RUNNING: "progress", HOLDING: "attention", ROLLING_BACK: "bad",
    DONE: "good", ROLLED_BACK: "bad", ABORTED: "absent", FAILED: "bad",
}  # fmt: skip

# Batches
PENDING, DEPLOYING, LOST, RECONCILING = "pending", "deploying", "lost", "reconciling"
SOAKING, JUDGING, PASSED, HELD, BATCH_FAILED = "soaking", "judging", "passed", "held", "failed"
BATCH_ROLLING_BACK, BATCH_ROLLED_BACK = "rolling_back", "rolled_back"

SETTLED = (PASSED, BATCH_ROLLED_BACK)
BATCH_MARK = {
    PENDING: "absent", DEPLOYING: "progress", LOST: "unknown", RECONCILING: "unknown", SOAKING: "progress",
    JUDGING: "progress", PASSED: "good", HELD: "attention", BATCH_FAILED: "bad", BATCH_ROLLING_BACK: "bad",
    BATCH_ROLLED_BACK: "bad",
}  # fmt: skip

# Nodes of a batch
NODE_PENDING, NODE_DEPLOYING, NODE_DONE, NODE_FAILED = "pending", "deploying", "done", "failed"
NODE_UNREACHABLE, NODE_UNKNOWN = "unreachable", "unknown"
NODE_ROLLING_BACK, NODE_ROLLED_BACK, NODE_ROLLBACK_FAILED = "rolling_back", "rolled_back", "rollback_failed"
NODE_MARK = {
    NODE_PENDING: "absent", NODE_DEPLOYING: "progress", NODE_DONE: "good", NODE_FAILED: "bad",
    NODE_UNREACHABLE: "unknown", NODE_UNKNOWN: "unknown", NODE_ROLLING_BACK: "attention", NODE_ROLLED_BACK: "attention",
    NODE_ROLLBACK_FAILED: "bad",
}  # fmt: skip
UNTOUCHED = (NODE_PENDING,)


def may_follow(now: str, then: str) -> bool:
    """Whether a release in state `now` may become `then`."""
    return then in FOLLOWS.get(now, frozenset())
