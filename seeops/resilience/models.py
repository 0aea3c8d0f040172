"""Experiments that were run on the cluster, and the lever that stops all of them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from seeops.core.leases import Leased


class RunState(models.TextChoices):
    STARTING = "starting", _("starting")
    RUNNING = "running", _("running")
    STOPPING = "stopping", _("stopping")
    LOST = "lost", _("lost, cleaning up")
    ENDED = "ended", _("ended")


class Outcome(models.TextChoices):
    HELD = "held", pgettext_lazy("verdict of an experiment", "held")
    DEVIATED = "deviated", _("deviated")
    INVALID_GATE = "invalid-gate", _("not begun: not steady before")
    HALTED = "halted", _("halted")
    ERROR = "error", _("fault not injected")
    UNKNOWN = "unknown", _("unknown")


VALID = [Outcome.HELD, Outcome.DEVIATED]
STATE_MARK = {
    RunState.STARTING: "progress", RunState.RUNNING: "progress", RunState.STOPPING: "attention", RunState.LOST: "unknown",
}  # fmt: skip
OUTCOME_MARK = {
    Outcome.HELD: "good", Outcome.DEVIATED: "bad", Outcome.INVALID_GATE: "attention", Outcome.HALTED: "absent",
    Outcome.ERROR: "attention", Outcome.UNKNOWN: "unknown",
}  # fmt: skip


class ExperimentRun(Leased):
    """One run of one experiment file, carried out by one process of its own.

    What the file said and what the topology predicted are frozen at the start. `active` is True or null: the database then
    allows one run at a time.
    """

    number = models.CharField(max_length=20, unique=True)
    code = models.CharField(max_length=80)
    title = models.CharField(max_length=200)
    digest = models.CharField(max_length=64)
    document = models.JSONField()
    declared = models.JSONField()
    prediction = models.JSONField(default=dict)
    prediction_digest = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=10, choices=RunState.choices, default=RunState.STARTING)
    active = models.BooleanField(null=True, default=True)
    reason = models.TextField()
    stop_reason = models.TextField(blank=True)
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="experiment_runs")
    session_phase = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    injected_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    spool = models.CharField(max_length=400)
    pid = models.PositiveIntegerField(null=True, blank=True)
    pid_started_at = models.FloatField(null=True, blank=True)
    host = models.CharField(max_length=120, blank=True)
    outcome = models.CharField(max_length=14, choices=Outcome.choices, blank=True)
    why = models.TextField(blank=True)
    undo_ok = models.BooleanField(null=True)
    restored = models.BooleanField(null=True)
    recovered_s = models.FloatField(null=True)
    felt_s = models.FloatField(null=True)
    worst_success = models.FloatField(null=True)
    failed_requests = models.PositiveIntegerField(null=True)
    unmeasured_s = models.PositiveIntegerField(null=True)
    lost_orders = models.PositiveIntegerField(null=True)
    duplicate_orders = models.PositiveIntegerField(null=True)
    journal_sha256 = models.CharField(max_length=64, blank=True)
    detected = models.BooleanField(null=True, help_text=_("did an expected alert fire; null: none was expected"))
    detected_by = models.CharField(max_length=100, blank=True)
    detected_after_s = models.FloatField(null=True)
    alerts_fired = models.JSONField(default=list)
    predicted_right = models.BooleanField(null=True)

    class Meta:
        verbose_name = _("experiment run")
        ordering = ["-id"]
        indexes = [models.Index(fields=["code", "-id"])]
        constraints = [
            models.UniqueConstraint(fields=["active"], name="one_experiment_at_a_time"),
            models.CheckConstraint(
                # SQL takes an unknown check for passed, so NULL has to be named.
                condition=Q(state="ended", active__isnull=True)
                | (~Q(state="ended") & Q(active__isnull=False, active=True)),
                name="experiment_active_until_ended",
            ),
            models.CheckConstraint(condition=~Q(state="ended") | ~Q(outcome=""), name="experiment_ended_has_outcome"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.title}"

    @property
    def mark(self) -> str:
        if self.state != RunState.ENDED:
            return STATE_MARK[RunState(self.state)]
        return OUTCOME_MARK[Outcome(self.outcome)]

    @property
    def word(self) -> str:
        return self.get_outcome_display() if self.state == RunState.ENDED else self.get_state_display()


class SafetyLever(models.Model):
    """Each time somebody pulled or released the lever; the newest row says how it stands. While pulled, nothing starts."""

    pulled = models.BooleanField()
    reason = models.TextField()
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("safety lever")
        ordering = ["-id"]
        constraints = [models.CheckConstraint(condition=~Q(reason=""), name="lever_has_reason")]

    def __str__(self) -> str:
        return "pulled" if self.pulled else "released"
