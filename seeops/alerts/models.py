"""What fires: alerts as Alertmanager reports them, gathered into one group per thing that is wrong."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from seeops.core.clock import now


def localised(texts: dict[str, str]) -> str:
    """The text of the active language, else the English one."""
    return texts.get(get_language() or "en") or texts.get("en", "")


class Severity(models.TextChoices):
    CRITICAL = "critical", _("critical")
    WARNING = "warning", _("warning")
    INFO = "info", _("info")


class GroupState(models.TextChoices):
    FIRING = "firing", _("firing")
    ACKNOWLEDGED = "acknowledged", _("acknowledged")
    SILENCED = "silenced", _("silenced")
    RESOLVED = "resolved", _("resolved")


class AlertGroup(models.Model):
    """One thing that is wrong: all alerts of one rule about one service in one data centre (the distinction).

    `open` is True or null: the unique constraint then allows one open group per distinction and any number of closed ones.
    """

    distinction = models.CharField(max_length=300)
    open = models.BooleanField(null=True, default=True)
    name = models.CharField(max_length=100, help_text=_("name of the rule"))
    severity = models.CharField(max_length=10, choices=Severity.choices)
    level = models.CharField(max_length=20, blank=True, default="")
    service = models.CharField(max_length=60, blank=True, default="")
    centre = models.CharField(max_length=20, blank=True, default="")
    chain = models.CharField(max_length=60, blank=True, default="")
    title = models.JSONField(default=dict, help_text=_("sentence by language, of the first alert"))
    state = models.CharField(max_length=14, choices=GroupState.choices, default=GroupState.FIRING)
    started_at = models.DateTimeField()
    last_at = models.DateTimeField(help_text=_("when an alert of the group last changed"))
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    silenced_until = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["-started_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["distinction", "open"], name="alert_group_one_open"),
            models.CheckConstraint(
                condition=Q(open=True, resolved_at__isnull=True) | Q(open__isnull=True, resolved_at__isnull=False),
                name="alert_group_open_until_resolved",
            ),
            models.CheckConstraint(
                condition=Q(state="resolved", open__isnull=True) | (~Q(state="resolved") & Q(open=True)),
                name="alert_group_state_fits_open",
            ),
        ]
        indexes = [
            models.Index(fields=["-started_at"]),
            models.Index(fields=["severity"], condition=Q(open=True), name="alert_group_open_now"),
            models.Index(fields=["distinction", "-resolved_at"]),
        ]

    def __str__(self) -> str:
        return " · ".join(part for part in (self.name, self.service or self.chain, self.centre) if part)

    def get_absolute_url(self) -> str:
        return reverse("alerts:detail", args=[self.pk])

    @property
    def mark(self) -> str:
        """State in the console's language: how severe while nobody looks after it, in progress once somebody does."""
        if self.state == GroupState.FIRING:
            return {Severity.CRITICAL: "bad", Severity.WARNING: "attention"}.get(Severity(self.severity), "absent")
        return {GroupState.ACKNOWLEDGED: "progress", GroupState.SILENCED: "absent"}.get(GroupState(self.state), "good")

    @property
    def sentence(self) -> str:
        """What is wrong, in the reader's language."""
        return localised(self.title) or self.name

    def as_audit(self) -> dict[str, Any]:
        return {"state": self.state, "distinction": self.distinction, "severity": self.severity}


class AlertStatus(models.TextChoices):
    FIRING = "firing", _("firing")
    RESOLVED = "resolved", _("resolved")


class Alert(models.Model):
    """One episode of one alert: the same labels (fingerprint) firing from one moment on."""

    group = models.ForeignKey(AlertGroup, on_delete=models.CASCADE, related_name="alerts")
    fingerprint = models.CharField(max_length=64)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    status = models.CharField(max_length=10, choices=AlertStatus.choices)
    labels = models.JSONField()
    annotations = models.JSONField(default=dict)
    generator_url = models.CharField(max_length=1000, blank=True, default="")
    seen_at = models.DateTimeField(default=now, help_text=_("when it was last reported"))

    class Meta:
        ordering = ["status", "-starts_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["fingerprint", "starts_at"], name="alert_episode_once"),
            models.CheckConstraint(
                condition=Q(status="firing", ends_at__isnull=True) | Q(status="resolved", ends_at__isnull=False),
                name="alert_ends_when_resolved",
            ),
        ]
        indexes = [models.Index(fields=["group"], condition=Q(status="firing"), name="alert_firing")]

    def __str__(self) -> str:
        return f"{self.labels.get('alertname', '?')} {self.fingerprint}"

    @property
    def sentence(self) -> str:
        """What is wrong, in the reader's language."""
        return self._text("summary") or self.labels.get("alertname", "?")

    @property
    def description(self) -> str:
        return self._text("description")

    @property
    def subject(self) -> str:
        """The most exact object that the labels name."""
        names = ("node", "shard", "chain", "service", "centre", "job")
        return next((self.labels[name] for name in names if self.labels.get(name)), "")

    def _text(self, name: str) -> str:
        return localised({"en": self.annotations.get(name, ""), "zh-hans": self.annotations.get(f"{name}_zh", "")})


class EventKind(models.TextChoices):
    OPENED = "opened", _("opened")
    JOINED = "joined", _("another alert joined")
    CLEARED = "cleared", _("an alert cleared")
    REOPENED = "reopened", _("opened again")
    ACKNOWLEDGED = "acknowledged", _("acknowledged")
    SILENCED = "silenced", _("silenced")
    WOKEN = "woken", _("silence ended")
    RESOLVED = "resolved", _("resolved")


class AlertEvent(models.Model):
    """What happened to a group, in order."""

    group = models.ForeignKey(AlertGroup, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(default=now)
    kind = models.CharField(max_length=14, choices=EventKind.choices)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    note = models.CharField(max_length=400, blank=True, default="")
    alerts = models.PositiveIntegerField(default=0, help_text=_("how many alerts it was about"))

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.group_id} {self.kind}"


class Heartbeat(models.Model):
    """When the alert that always fires last came through: proof that the way from rule to console works."""

    source = models.CharField(max_length=60, unique=True)
    last_at = models.DateTimeField()
    count = models.PositiveBigIntegerField(default=1)

    def __str__(self) -> str:
        return self.source
