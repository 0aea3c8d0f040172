"""Playbooks that run by the clock, and what became of each moment at which one was due."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from seeops.automation.schedule_models import Missed, Outcome


class Booking(models.Model):
    """A playbook that runs by the clock of Shanghai on the nodes that `choice` names at that moment, under the rights of who made it."""

    playbook = models.CharField(max_length=60)
    choice = models.JSONField(default=dict, help_text=_("service, centre, shard, state, names or everything"))
    inputs = models.JSONField(default=dict, blank=True)
    expression = models.CharField(max_length=100)
    trading_days_only = models.BooleanField(default=False)
    missed = models.CharField(max_length=4, choices=Missed.choices, default=Missed.SKIP)
    reason = models.CharField(max_length=300)
    enabled = models.BooleanField(default=True)
    next_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("schedule of a playbook")
        ordering = ["next_at"]
        indexes = [models.Index(fields=["next_at"], condition=models.Q(enabled=True), name="booking_due")]

    def __str__(self) -> str:
        return f"{self.playbook} {self.expression}"


class BookingMoment(models.Model):
    """One moment at which a playbook was due. There is one row for each, so nothing is started twice for it."""

    booking = models.ForeignKey(Booking, on_delete=models.CASCADE, related_name="moments")
    due_at = models.DateTimeField()
    at = models.DateTimeField()
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    text = models.CharField(max_length=400, blank=True)
    run = models.OneToOneField("automation.Run", on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["-due_at"]
        constraints = [models.UniqueConstraint(fields=["booking", "due_at"], name="booking_moment_once")]

    def __str__(self) -> str:
        return f"{self.booking_id} {self.due_at:%Y-%m-%d %H:%M} {self.outcome}"

    @property
    def mark(self) -> str:
        return {"started": "good", "missed": "unknown", "refused": "bad"}[self.outcome]
