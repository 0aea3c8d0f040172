"""Capacity tests of the cluster, and shadow runs of a shard's journal: each one carried out by a process of its own."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from seeops.core.leases import Leased


class WorkState(models.TextChoices):
    STARTING = "starting", _("starting")
    RUNNING = "running", _("running")
    STOPPING = "stopping", _("stopping")
    LOST = "lost", _("lost, cleaning up")
    ENDED = "ended", _("ended")


STATE_MARK = {
    WorkState.STARTING: "progress", WorkState.RUNNING: "progress", WorkState.STOPPING: "attention", WorkState.LOST: "unknown",
}  # fmt: skip


class Supervised(Leased):
    """A row whose work a process does: which one, where it leaves its files, and what it reported in the end.

    `active` is True or null, so that a constraint of the database lets only one be active at a time.
    """

    number = models.CharField(max_length=20, unique=True)
    state = models.CharField(max_length=10, choices=WorkState.choices, default=WorkState.STARTING)
    active = models.BooleanField(null=True, default=True)
    reason = models.TextField()
    stop_reason = models.TextField(blank=True, default="")
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    spool = models.CharField(max_length=400)
    pid = models.PositiveIntegerField(null=True, blank=True)
    pid_started_at = models.FloatField(null=True, blank=True)
    host = models.CharField(max_length=120, blank=True, default="")
    why = models.TextField(blank=True, default="")
    report = models.JSONField(default=dict)
    report_sha256 = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.number


class CapacityOutcome(models.TextChoices):
    MEASURED = "measured", pgettext_lazy("result of a capacity test", "measured")
    AT_LEAST = "at-least", _("lower limit")
    NONE = "none", _("no rate kept the bounds")
    BROKEN_OFF = "broken-off", _("broken off")
    HALTED = "halted", _("halted")
    UNKNOWN = "unknown", _("unknown")


TEST_MARK = {
    CapacityOutcome.MEASURED: "good", CapacityOutcome.AT_LEAST: "attention", CapacityOutcome.NONE: "bad",
    CapacityOutcome.BROKEN_OFF: "attention", CapacityOutcome.HALTED: "absent", CapacityOutcome.UNKNOWN: "unknown",
}  # fmt: skip


class CapacityTest(Supervised):
    """A ramp of the whole cluster up to its knee. Rates in orders a second; `ratio` is the knee over the historic peak.

    `enough`: whether the asked ratio is reached; null when nobody knows.
    """

    options = models.JSONField()
    session_phase = models.CharField(max_length=40, blank=True)
    asked = models.FloatField()
    outcome = models.CharField(max_length=12, choices=CapacityOutcome.choices, blank=True, default="")
    knee_per_s = models.FloatField(null=True)
    peak_per_s = models.FloatField(null=True)
    peak_source = models.CharField(max_length=12, blank=True, default="")
    ratio = models.FloatField(null=True)
    enough = models.BooleanField(null=True)
    limit_kind = models.CharField(max_length=12, blank=True, default="")
    limit_text = models.TextField(blank=True, default="")
    level_gone = models.BooleanField(null=True, help_text=_("the load is what it was before; null: not known yet"))

    class Meta:
        verbose_name = _("capacity test")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["active"], name="one_capacity_test_at_a_time"),
            models.CheckConstraint(
                condition=Q(state="ended", active__isnull=True)
                | (~Q(state="ended") & Q(active__isnull=False, active=True)),
                name="capacity_test_active_until_ended",
            ),
            models.CheckConstraint(
                condition=~Q(state="ended") | ~Q(outcome=""), name="capacity_test_ended_has_outcome"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="capacity_test_has_reason"),
        ]

    @property
    def mark(self) -> str:
        if self.state != WorkState.ENDED:
            return STATE_MARK[WorkState(self.state)]
        if self.enough is False:
            return "bad"
        return TEST_MARK[CapacityOutcome(self.outcome)]

    @property
    def word(self) -> str:
        return self.get_outcome_display() if self.state == WorkState.ENDED else self.get_state_display()


class ShadowRun(Supervised):
    """A replica's journal replayed into a candidate. `same` null: it cannot be judged, which is neither good nor bad."""

    shard = models.PositiveSmallIntegerField()
    centre = models.CharField(max_length=40)
    candidate = models.CharField(max_length=120)
    candidate_digest = models.CharField(max_length=64, blank=True, default="")
    same = models.BooleanField(null=True)
    text = models.TextField(blank=True, default="")
    entries = models.PositiveIntegerField(null=True)
    commands = models.PositiveBigIntegerField(null=True)
    differing_entries = models.PositiveIntegerField(null=True)
    journal_sha256 = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        verbose_name = _("shadow run")
        ordering = ["-id"]
        indexes = [models.Index(fields=["candidate", "shard", "-id"])]
        constraints = [
            models.UniqueConstraint(fields=["shard", "active"], name="one_shadow_run_of_a_shard_at_a_time"),
            models.CheckConstraint(
                condition=Q(state="ended", active__isnull=True)
                | (~Q(state="ended") & Q(active__isnull=False, active=True)),
                name="shadow_run_active_until_ended",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="shadow_run_has_reason"),
            models.CheckConstraint(
                condition=Q(same__isnull=True) | ~Q(report_sha256=""), name="shadow_run_judged_has_evidence"
            ),
        ]

    @property
    def mark(self) -> str:
        if self.state != WorkState.ENDED:
            return STATE_MARK[WorkState(self.state)]
        return {True: "good", False: "bad", None: "unknown"}[self.same]

    @property
    def word(self) -> str:
        if self.state != WorkState.ENDED:
            return self.get_state_display()
        return {True: _("identical"), False: _("different"), None: _("cannot be judged")}[self.same]
