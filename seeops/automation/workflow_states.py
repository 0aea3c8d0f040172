"""The life of a version, of a run and of a step: names, marks, which state may follow which."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class VersionState(models.TextChoices):
    SAVED = "saved", _("saved")
    SUBMITTED = "submitted", _("waiting for approval")
    APPROVED = "approved", _("approved")
    REJECTED = "rejected", _("rejected")


class RunState(models.TextChoices):
    RUNNING = "running", _("running")
    WAITING = "waiting", _("waiting for you")
    HOLDING = "holding", _("held for a person")
    PAUSED = "paused", _("paused")
    CANCELLING = "cancelling", _("being cancelled")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


class StepState(models.TextChoices):
    STARTING = "starting", _("starting")
    RUNNING = "running", _("running")
    WAITING = "waiting", _("waiting for you")
    LOST = "lost", _("lost")
    RECONCILING = "reconciling", _("reconciling")
    SUCCEEDED = "succeeded", _("succeeded")
    PRETENDED = "pretended", _("not carried out in a trial")
    FAILED = "failed", _("failed")
    UNKNOWN = "unknown", _("outcome unknown")
    SKIPPED = "skipped", _("skipped")
    CANCELLED = "cancelled", _("cancelled")


VERSION_MARK = {"saved": "absent", "submitted": "attention", "approved": "good", "rejected": "bad"}
RUN_MARK = {
    "running": "progress", "waiting": "attention", "holding": "attention", "paused": "attention", "cancelling": "progress",
    "done": "good", "failed": "bad", "cancelled": "absent",
}  # fmt: skip
STEP_MARK = {
    "starting": "progress", "running": "progress", "waiting": "attention", "lost": "unknown", "reconciling": "unknown",
    "succeeded": "good", "pretended": "absent", "failed": "bad", "unknown": "unknown", "skipped": "absent",
    "cancelled": "absent",
}  # fmt: skip
# The engine looks after these.
DRIVEN = ("running", "waiting", "cancelling")
ACTIVE = (*DRIVEN, "holding", "paused")
LIVE_STEP = ("starting", "running", "waiting", "lost", "reconciling")
# A person may have a step in one of these tried again.
REPEATABLE = ("failed", "unknown", "cancelled")
# Steps that went well enough for what follows.
PASSED = ("succeeded", "pretended", "skipped")
FOLLOWS: dict[str, frozenset[str]] = {
    "running": frozenset({"waiting", "holding", "paused", "cancelling", "done", "failed"}),
    "waiting": frozenset({"running", "cancelling", "holding", "failed", "done", "paused"}),
    "holding": frozenset({"running", "cancelling", "cancelled"}),
    "paused": frozenset({"running", "cancelling", "cancelled"}),
    "cancelling": frozenset({"cancelled"}),
    "done": frozenset(),
    "failed": frozenset({"running"}),
    "cancelled": frozenset({"running"}),
}


def may_follow(now: str, then: str) -> bool:
    """Whether a run in state `now` may become `then`."""
    return then in FOLLOWS.get(now, frozenset())
