"""Releases: versions brought to the nodes of one or several services in batches, each judged before the next."""

from __future__ import annotations

import datetime as dt

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from seeops.changes.models import Reversibility
from seeops.core.clock import now
from seeops.core.leases import Leased
from seeops.releases import freeze_line, lines, states

UNATTENDED_AFTER = dt.timedelta(seconds=10)


class ReleaseState(models.TextChoices):
    READY = states.READY, _("ready")
    QUEUED = states.QUEUED, _("waiting its turn")
    RUNNING = states.RUNNING, _("running")
    HOLDING = states.HOLDING, _("holding")
    ROLLING_BACK = states.ROLLING_BACK, _("rolling back")
    DONE = states.DONE, _("done")
    ROLLED_BACK = states.ROLLED_BACK, _("rolled back")
    ABORTED = states.ABORTED, _("aborted")
    FAILED = states.FAILED, _("failed")


class BatchState(models.TextChoices):
    PENDING = states.PENDING, _("pending")
    DEPLOYING = states.DEPLOYING, _("deploying")
    LOST = states.LOST, _("lost")
    RECONCILING = states.RECONCILING, _("lost, reconciling")
    SOAKING = states.SOAKING, _("soaking")
    JUDGING = states.JUDGING, _("judging")
    PASSED = states.PASSED, _("passed")
    HELD = states.HELD, _("waits for you")
    FAILED = states.BATCH_FAILED, _("failed")
    ROLLING_BACK = states.BATCH_ROLLING_BACK, _("rolling back")
    ROLLED_BACK = states.BATCH_ROLLED_BACK, _("rolled back")


class BatchNodeState(models.TextChoices):
    PENDING = states.NODE_PENDING, _("pending")
    DEPLOYING = states.NODE_DEPLOYING, _("deploying")
    DONE = states.NODE_DONE, _("done")
    FAILED = states.NODE_FAILED, _("failed")
    UNREACHABLE = states.NODE_UNREACHABLE, _("unreachable")
    UNKNOWN = states.NODE_UNKNOWN, _("unknown")
    ROLLING_BACK = states.NODE_ROLLING_BACK, _("rolling back")
    ROLLED_BACK = states.NODE_ROLLED_BACK, _("rolled back")
    ROLLBACK_FAILED = states.NODE_ROLLBACK_FAILED, _("roll-back failed")
    SKIPPED = states.NODE_SKIPPED, _("skipped")


class HoldKind(models.TextChoices):
    PERSON = states.BY_PERSON, _("a person held it")
    VERDICT = states.AT_VERDICT, _("the verdict is inconclusive")
    UNMEASURED = states.UNMEASURED, _("nothing could be measured")
    GATE = states.AT_GATE, _("a gate is inconclusive")
    TIME = states.OF_TIME, _("there is no time for the next batch")
    NODES = states.OF_NODES, _("nodes did not report")
    FAILURE = states.OF_FAILURE, _("a batch failed that is not rolled back by itself")
    VERSIONS = states.OF_VERSIONS, _("sites have run different versions for too long")
    LOCKS = states.OF_LOCKS, _("its locks were lost")
    STUMBLES = states.OF_STUMBLES, _("its steps keep breaking")


class Outcome(models.TextChoices):
    PASS = "PASS", _("pass")
    FAIL = "FAIL", _("fail")
    INCONCLUSIVE = "INCONCLUSIVE", _("inconclusive")


class Release(Leased):
    """The plan to bring versions to the nodes of services, part after part, and how far it has come.

    The plan is frozen with its digest when it is made; `epoch` is the lease of the worker that advances the release.
    """

    number = models.CharField(max_length=20, unique=True)
    ticket = models.ForeignKey("changes.ChangeTicket", on_delete=models.PROTECT, related_name="releases")
    soak_s = models.PositiveIntegerField(default=60)
    plan = models.JSONField(default=dict)
    plan_digest = models.CharField(max_length=64)
    state = models.CharField(max_length=14, choices=ReleaseState.choices, default=ReleaseState.READY)
    state_reason = models.CharField(max_length=400, blank=True, default="")
    hold_kind = models.CharField(max_length=12, choices=HoldKind.choices, blank=True, default="")
    held_gate = models.CharField(max_length=20, blank=True, default="", help_text=_("which gate it waits at"))
    ending = models.CharField(
        max_length=14, blank=True, default="", help_text=_("the state that a running roll-back leads to")
    )
    retry_of = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="retries")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="releases_planned")
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="releases_started"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    queued_at = models.DateTimeField(null=True, blank=True, help_text=_("since when it waits for locks"))
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    lock_fence = models.BigIntegerField(null=True, blank=True, help_text=_("under which its locks are held"))
    stumbles = models.PositiveSmallIntegerField(default=0, help_text=_("steps in a row that broke"))
    looked_at = models.DateTimeField(null=True, blank=True, help_text=_("when a worker last looked after it"))

    class Meta:
        verbose_name = _("release")
        ordering = ["-id"]
        indexes = [models.Index(fields=["state", "-id"])]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state__in=states.ENDED) | Q(finished_at__isnull=False), name="release_ended_at_a_moment"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=states.ACTIVE) | Q(started_at__isnull=False, started_by__isnull=False),
                name="release_started_by_somebody",
            ),
        ]
        triggers = [*lines.RELEASE]

    def __str__(self) -> str:
        return f"{self.number} {self.title}"

    @property
    def title(self) -> str:
        """What goes where: "session 1.1.0, quote-gateway 1.2.0"."""
        return ", ".join(part.title for part in self.parts.all())

    @property
    def mark(self) -> str:
        return states.MARK[self.state]

    @property
    def active(self) -> bool:
        return self.state in states.ACTIVE

    @property
    def unattended(self) -> bool:
        """Running, but no worker has looked after it lately: what is shown may be out of date."""
        moving = self.state in (states.RUNNING, states.ROLLING_BACK)
        return moving and (self.looked_at is None or now() - self.looked_at > UNATTENDED_AFTER)


class ReleasePart(models.Model):
    """One service of a release and the version it goes to; positions are in the order of execution, providers first."""

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="parts")
    position = models.PositiveSmallIntegerField()
    service = models.ForeignKey("inventory.Service", on_delete=models.PROTECT, related_name="release_parts")
    version = models.ForeignKey("inventory.Version", on_delete=models.PROTECT, related_name="release_parts")
    expression = models.CharField(max_length=120)
    reversibility = models.CharField(max_length=12, choices=Reversibility.choices, default=Reversibility.AUTO)
    active = models.BooleanField(default=False, editable=False, help_text=_("kept by a trigger on the release"))
    differs_since = models.DateTimeField(
        null=True, blank=True, help_text=_("since when the sites run different versions of the service")
    )

    class Meta:
        verbose_name = _("part of a release")
        ordering = ["release", "position"]
        constraints = [
            models.UniqueConstraint(fields=["release", "position"], name="part_position_once"),
            models.UniqueConstraint(fields=["release", "service"], name="part_service_once"),
            models.UniqueConstraint(
                fields=["service"], condition=Q(active=True), name="one_running_release_per_service"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.release_id}/{self.position}"

    @property
    def title(self) -> str:
        return f"{self.service.name} {self.version.number}"


class Batch(models.Model):
    """One wave of a part. Numbers count through all parts in the order of execution."""

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="batches")
    part = models.ForeignKey(ReleasePart, on_delete=models.PROTECT, related_name="batches")
    number = models.PositiveSmallIntegerField()
    term = models.CharField(max_length=12)
    concurrency = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=12, choices=BatchState.choices, default=BatchState.PENDING)
    state_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    deployed_at = models.DateTimeField(null=True, blank=True)
    soak_from = models.DateTimeField(null=True, blank=True)
    soak_until = models.DateTimeField(null=True, blank=True)
    extensions = models.PositiveSmallIntegerField(default=0)
    finished_at = models.DateTimeField(null=True, blank=True)
    promoted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = _("batch")
        ordering = ["release", "number"]
        constraints = [models.UniqueConstraint(fields=["release", "number"], name="batch_once")]
        triggers = [*lines.BATCH, freeze_line.BATCH]

    def __str__(self) -> str:
        return f"{self.release.number} #{self.number}"

    @property
    def mark(self) -> str:
        return states.BATCH_MARK[self.state]


class BatchNode(models.Model):
    """A node in a batch: what it ran before, and what has become of it."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="nodes")
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="nodes")
    node = models.ForeignKey("inventory.Node", on_delete=models.PROTECT, related_name="batch_nodes")
    position = models.PositiveIntegerField()
    from_version = models.CharField(max_length=40)
    state = models.CharField(max_length=16, choices=BatchNodeState.choices, default=BatchNodeState.PENDING)
    message = models.CharField(max_length=300, blank=True, default="")
    changed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["batch", "position"]
        constraints = [models.UniqueConstraint(fields=["release", "node"], name="node_once_in_release")]

    def __str__(self) -> str:
        return f"{self.batch_id}/{self.position}"

    @property
    def mark(self) -> str:
        return states.NODE_MARK[self.state]


class BatchRun(models.Model):
    """Which runs worked on a batch: the last one of a purpose is the present one. A run that brings back may work on several."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="runs")
    run = models.ForeignKey("automation.Run", on_delete=models.PROTECT, related_name="batch_runs")
    purpose = models.CharField(max_length=10)
    synced_seq = models.PositiveIntegerField(default=0, help_text=_("the last event taken over into the nodes' states"))
    settled = models.BooleanField(default=False)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["batch", "run"], name="run_once_per_batch")]

    def __str__(self) -> str:
        return f"{self.batch_id} {self.purpose} {self.run_id}"


class ReleaseEvent(models.Model):
    """One step in the history of a release, with the lease epoch that took it. Never changed."""

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="events")
    at = models.DateTimeField()
    batch_number = models.PositiveSmallIntegerField(null=True)
    before = models.CharField(max_length=14, blank=True)
    after = models.CharField(max_length=14)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    lease_epoch = models.PositiveBigIntegerField()
    text = models.CharField(max_length=400)

    class Meta:
        ordering = ["release", "id"]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.release_id} {self.before}→{self.after}"


class GatePoint(models.TextChoices):
    BEFORE = "before", _("before the batch")
    AFTER = "after", _("after the batch")


class GateWaiver(models.Model):
    """A person's word in place of a gate that could not say yes or no: one gate, one step. Never changed."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="waivers")
    point = models.CharField(max_length=6, choices=GatePoint.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    reason = models.CharField(max_length=400)

    class Meta:
        ordering = ["batch", "id"]
        constraints = [models.UniqueConstraint(fields=["batch", "point"], name="gate_waived_once")]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.batch_id} {self.point}"


class Verdict(models.Model):
    """What measurement said about a batch, with the vectors it was decided from. Never changed."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="verdicts")
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    summary = models.CharField(max_length=400)
    baseline = models.CharField(max_length=20, help_text=_("unchanged peers, or nodes that passed before"))
    window_from = models.DateTimeField()
    window_until = models.DateTimeField()
    metrics = models.JSONField()
    evidence = models.JSONField(help_text=_("queries, vectors of every node and settings: enough to judge again"))
    digest = models.CharField(max_length=64)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["batch", "id"]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.batch_id} {self.outcome}"


# Django finds models in this module; gates have a package of their own.
from seeops.releases.gates.models import Gate  # noqa: E402
from seeops.releases.judge_models import JudgeProfile  # noqa: E402

__all__ = [
    "Batch",
    "BatchNode",
    "BatchNodeState",
    "BatchRun",
    "BatchState",
    "Gate",
    "GatePoint",
    "GateWaiver",
    "HoldKind",
    "JudgeProfile",
    "Outcome",
    "Release",
    "ReleaseEvent",
    "ReleasePart",
    "ReleaseState",
    "Verdict",
]
