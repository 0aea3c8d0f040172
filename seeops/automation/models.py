"""Runs of playbooks: one supervised process each, and every event it reported."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from seeops.core.leases import Leased
from seeops.inventory import locks


class RunState(models.TextChoices):
    QUEUED = "queued", _("queued")
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")
    LOST = "lost", _("lost")


LIVE_STATES = (RunState.QUEUED, RunState.RUNNING)
MARK = {
    RunState.QUEUED: "progress", RunState.RUNNING: "progress", RunState.DONE: "good", RunState.FAILED: "bad",
    RunState.CANCELLED: "absent", RunState.LOST: "unknown",
}  # fmt: skip


# The last line of change control: a run that changes nodes does not begin while one of their services is frozen. What a release
# has run is kept by its batches, and a roll-back is never stopped. The function is made by the migrations of change control.
_NOT_WHILE_FROZEN = """
IF NEW.changes_nodes AND NEW.state = 'running' AND (TG_OP = 'INSERT' OR OLD.state = 'queued') THEN
    SELECT f.title INTO frozen_by FROM changes_frozen_by(ARRAY(
        SELECT DISTINCT n.service_id FROM jsonb_array_elements(NEW.targets) AS t(target) JOIN inventory_node n ON n.name = t.target->>'name'
    ), clock_timestamp()) f;
    IF frozen_by IS NOT NULL THEN
        RAISE EXCEPTION 'run % cannot begin: production is frozen (%)', NEW.number, frozen_by;
    END IF;
END IF;
RETURN NEW;
"""


class Run(Leased):
    """One run of one playbook over some nodes, carried out by one process of its own.

    `targets` is a list of {"name", "agent_url", "vars"}; `fence` the epoch that the nodes know this run by; `epoch` the lease
    of the process. `events_digest` is the SHA-256 over the stored events' lines, written in the same transaction as they are,
    so the log is complete by proof also when the process was killed.
    """

    number = models.CharField(max_length=20, unique=True)
    playbook = models.CharField(max_length=60)
    title = models.CharField(max_length=160)
    purpose = models.CharField(max_length=20, default="playbook", help_text=_("playbook, deploy or rollback"))
    inputs = models.JSONField(default=dict, blank=True)
    targets = models.JSONField(default=list)
    changes_nodes = models.BooleanField(default=False, help_text=_("freezes and locks of its nodes hold for it"))
    concurrency = models.PositiveSmallIntegerField(default=4)
    state = models.CharField(max_length=10, choices=RunState.choices, default=RunState.QUEUED)
    reason = models.TextField(blank=True, default="")
    fence = models.BigIntegerField(default=0)
    pid = models.PositiveIntegerField(null=True, blank=True)
    pid_started_at = models.FloatField(null=True, blank=True, help_text=_("start of the process in seconds since 1970"))
    host = models.CharField(max_length=120, blank=True, default="")
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    spawned_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="runs")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    job_timeout_s = models.PositiveIntegerField(default=900)
    problem = models.TextField(blank=True, default="")
    topic = models.CharField(
        max_length=40, blank=True, default="", help_text=_("a page's live topic to tell of events")
    )
    hosts_total = models.PositiveIntegerField(default=0)
    hosts_done = models.PositiveIntegerField(default=0)
    hosts_failed = models.PositiveIntegerField(default=0)
    hosts_silent = models.PositiveIntegerField(
        default=0, help_text=_("nodes without a result when the run ended: what became of them is unknown")
    )
    budget = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text=_("no further node is begun once more than this many have failed, did not answer or stayed silent"),
    )
    events_count = models.PositiveIntegerField(default=0)
    events_digest = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        verbose_name = _("run")
        ordering = ["-id"]
        indexes = [models.Index(fields=["state"]), models.Index(fields=["playbook", "-id"])]
        triggers = [
            pgtrigger.Trigger(
                name="not_while_frozen", when=pgtrigger.Before, operation=pgtrigger.Insert | pgtrigger.Update,
                func=_NOT_WHILE_FROZEN, declare=[("frozen_by", "text")],
            ),
            pgtrigger.Trigger(
                name="end_frees_locks", when=pgtrigger.After, operation=pgtrigger.UpdateOf("state"), func=locks.FREED_BY,
                condition=pgtrigger.Condition("NEW.state NOT IN ('queued', 'running')"),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.number} {self.title}"

    @property
    def mark(self) -> str:
        return MARK[RunState(self.state)]

    @property
    def live(self) -> bool:
        return self.state in LIVE_STATES


class EventStatus(models.TextChoices):
    """What an event says of its host; a line without a host is `info`."""

    INFO = "info", _("info")
    START = "start", _("started")
    OK = "ok", _("ok")
    SKIPPED = "skipped", _("skipped")
    FAILED = "failed", _("failed")
    UNREACHABLE = "unreachable", _("unreachable")


class RunEvent(models.Model):
    """One event of a run, numbered without a gap from 1. Written by COPY, never changed."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveIntegerField()
    at = models.DateTimeField()
    host = models.CharField(max_length=80, blank=True)
    task = models.CharField(max_length=120, blank=True)
    status = models.CharField(max_length=12)
    changed = models.BooleanField(default=False)
    message = models.TextField(blank=True)
    data = models.JSONField(null=True)

    class Meta:
        ordering = ["run", "seq"]
        constraints = [models.UniqueConstraint(fields=["run", "seq"], name="run_event_once")]

    def __str__(self) -> str:
        return f"{self.run_id}/{self.seq} {self.host} {self.status}"


class RunMark(models.Model):
    """How the digest of a run's log stood after event `seq`: shows between which events a log was altered."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="marks")
    seq = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)

    class Meta:
        ordering = ["run", "seq"]
        constraints = [models.UniqueConstraint(fields=["run", "seq"], name="run_mark_once")]

    def __str__(self) -> str:
        return f"{self.run_id}/{self.seq}"


# Django finds models in this module; these live in one of their own.
from seeops.automation.booking_models import Booking, BookingMoment  # noqa: E402
from seeops.automation.collection_models import LogCollection  # noqa: E402
from seeops.automation.configuration_models import (  # noqa: E402
    CHANGE_REVERSIBLE,
    ConfigurationChange,
    ConfigurationContent,
    ConfigurationRow,
    NodeConfiguration,
)
from seeops.automation.inspection_models import Finding, InspectionReport  # noqa: E402
from seeops.automation.schedule_models import Missed, Outcome, Schedule, ScheduleMoment  # noqa: E402
from seeops.automation.workflow_models import (  # noqa: E402
    StepDecision,
    StepRun,
    Workflow,
    WorkflowEvent,
    WorkflowRun,
    WorkflowVersion,
)

__all__ = [
    "CHANGE_REVERSIBLE",
    "LIVE_STATES",
    "MARK",
    "Booking",
    "BookingMoment",
    "ConfigurationChange",
    "ConfigurationContent",
    "ConfigurationRow",
    "EventStatus",
    "Finding",
    "InspectionReport",
    "LogCollection",
    "Missed",
    "NodeConfiguration",
    "Outcome",
    "Run",
    "RunEvent",
    "RunMark",
    "RunState",
    "Schedule",
    "ScheduleMoment",
    "StepDecision",
    "StepRun",
    "Workflow",
    "WorkflowEvent",
    "WorkflowRun",
    "WorkflowVersion",
]
