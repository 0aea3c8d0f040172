"""Schedules of workflows, and what became of each moment at which one was due."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Missed(models.TextChoices):
    SKIP = "skip", _("leave out")
    ONCE = "once", _("run once, as soon as possible")


class Schedule(models.Model):
    """An approved version that runs by the clock, under the rights of who made the schedule."""

    version = models.ForeignKey("automation.WorkflowVersion", on_delete=models.PROTECT, related_name="schedules")
    expression = models.CharField(max_length=100)
    trading_days_only = models.BooleanField(default=False)
    missed = models.CharField(max_length=4, choices=Missed.choices, default=Missed.SKIP)
    inputs = models.JSONField(default=dict)
    reason = models.CharField(max_length=300)
    enabled = models.BooleanField(default=True)
    next_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("schedule")
        ordering = ["next_at"]
        indexes = [models.Index(fields=["next_at"], condition=models.Q(enabled=True), name="schedule_due")]

    def __str__(self) -> str:
        return f"{self.version} {self.expression}"


class Outcome(models.TextChoices):
    STARTED = "started", _("started")
    MISSED = "missed", _("left out: nobody was there to start it in time")
    REFUSED = "refused", _("refused")


class ScheduleMoment(models.Model):
    """One moment at which a schedule was due. There is one row for each, so nothing is started twice for it."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="moments")
    due_at = models.DateTimeField()
    at = models.DateTimeField()
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    text = models.CharField(max_length=400, blank=True)
    run = models.OneToOneField("automation.WorkflowRun", on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["-due_at"]
        constraints = [models.UniqueConstraint(fields=["schedule", "due_at"], name="schedule_moment_once")]

    def __str__(self) -> str:
        return f"{self.schedule_id} {self.due_at:%Y-%m-%d %H:%M} {self.outcome}"

    @property
    def mark(self) -> str:
        return {"started": "good", "missed": "unknown", "refused": "bad"}[self.outcome]
