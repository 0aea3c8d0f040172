"""The life of a release and of its batches: which state may follow which. Pure."""

from __future__ import annotations

READY, QUEUED, RUNNING, HOLDING, ROLLING_BACK = "ready", "queued", "running", "holding", "rolling_back"
DONE, ROLLED_BACK, ABORTED, FAILED = "done", "rolled_back", "aborted", "failed"

ACTIVE = (RUNNING, HOLDING, ROLLING_BACK)
FINAL = (DONE, ROLLED_BACK, ABORTED)
# Nothing works on the release any more; a failed roll-back may still be tried again.
ENDED = (*FINAL, FAILED)

FOLLOWS: dict[str, frozenset[str]] = {
    READY: frozenset({QUEUED, RUNNING, ABORTED}),
    # What was allowed when it was asked for may be refused when its turn comes: then a person asks again.
    QUEUED: frozenset({READY, RUNNING, ABORTED}),
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
    READY: "absent", QUEUED: "absent", RUNNING: "progress", HOLDING: "attention", ROLLING_BACK: "bad",
    DONE: "good", ROLLED_BACK: "bad", ABORTED: "absent", FAILED: "bad",
}  # fmt: skip

# Batches
PENDING, DEPLOYING, LOST, RECONCILING = "pending", "deploying", "lost", "reconciling"
SOAKING, JUDGING, PASSED, HELD, BATCH_FAILED = "soaking", "judging", "passed", "held", "failed"
BATCH_ROLLING_BACK, BATCH_ROLLED_BACK = "rolling_back", "rolled_back"

SETTLED = (PASSED, BATCH_ROLLED_BACK)
UNDER_WAY = (DEPLOYING, LOST, RECONCILING, SOAKING, JUDGING, HELD, BATCH_ROLLING_BACK)
BATCH_FOLLOWS: dict[str, frozenset[str]] = {
    PENDING: frozenset({DEPLOYING}),
    DEPLOYING: frozenset({LOST, RECONCILING, SOAKING, BATCH_FAILED, BATCH_ROLLING_BACK}),
    LOST: frozenset({DEPLOYING, RECONCILING, SOAKING, BATCH_FAILED, BATCH_ROLLING_BACK}),
    RECONCILING: frozenset({DEPLOYING, LOST, SOAKING, BATCH_FAILED, BATCH_ROLLING_BACK}),
    SOAKING: frozenset({JUDGING, BATCH_FAILED, BATCH_ROLLING_BACK}),
    JUDGING: frozenset({PASSED, SOAKING, HELD, BATCH_FAILED, BATCH_ROLLING_BACK}),
    HELD: frozenset({PASSED, SOAKING, BATCH_FAILED, BATCH_ROLLING_BACK}),
    # A batch that passed within its budget is opened again for the nodes that are still missing at the end.
    PASSED: frozenset({BATCH_FAILED, BATCH_ROLLING_BACK}),
    # A batch that failed and is not rolled back by itself may be tried again.
    BATCH_FAILED: frozenset({RECONCILING, BATCH_ROLLING_BACK}),
    BATCH_ROLLING_BACK: frozenset({BATCH_ROLLED_BACK, BATCH_FAILED}),
    BATCH_ROLLED_BACK: frozenset(),
}
BATCH_MARK = {
    PENDING: "absent", DEPLOYING: "progress", LOST: "unknown", RECONCILING: "unknown", SOAKING: "progress",
    JUDGING: "progress", PASSED: "good", HELD: "attention", BATCH_FAILED: "bad", BATCH_ROLLING_BACK: "bad",
    BATCH_ROLLED_BACK: "bad",
}  # fmt: skip

# Nodes of a batch
NODE_PENDING, NODE_DEPLOYING, NODE_DONE, NODE_FAILED = "pending", "deploying", "done", "failed"
NODE_UNREACHABLE, NODE_UNKNOWN, NODE_SKIPPED = "unreachable", "unknown", "skipped"
NODE_ROLLING_BACK, NODE_ROLLED_BACK, NODE_ROLLBACK_FAILED = "rolling_back", "rolled_back", "rollback_failed"
NODE_MARK = {
    NODE_PENDING: "absent", NODE_DEPLOYING: "progress", NODE_DONE: "good", NODE_FAILED: "bad",
    NODE_UNREACHABLE: "unknown", NODE_UNKNOWN: "unknown", NODE_ROLLING_BACK: "attention", NODE_ROLLED_BACK: "attention",
    NODE_ROLLBACK_FAILED: "bad", NODE_SKIPPED: "attention",
}  # fmt: skip
UNTOUCHED = (NODE_PENDING, NODE_SKIPPED)
# What a person may leave out: nodes that have not arrived.
SKIPPABLE = (NODE_PENDING, NODE_DEPLOYING, NODE_FAILED, NODE_UNREACHABLE, NODE_UNKNOWN)

# Why a release holds, which decides what a person may do about it.
BY_PERSON, AT_VERDICT, AT_GATE, OF_TIME, OF_NODES = "person", "verdict", "gate", "time", "nodes"
OF_FAILURE, OF_VERSIONS, OF_LOCKS, OF_STUMBLES = "failure", "versions", "locks", "stumbles"
UNMEASURED = "unmeasured"


def may_follow(now: str, then: str) -> bool:
    """Whether a release in state `now` may become `then`."""
    return then in FOLLOWS.get(now, frozenset())
