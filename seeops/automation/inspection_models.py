"""Reports of inspections: what was found on nodes and in the estate, and what of it is new."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class ReportState(models.TextChoices):
    COLLECTING = "collecting", _("collecting")
    DONE = "done", _("done")
    INCOMPLETE = "incomplete", _("incomplete")


class Severity(models.TextChoices):
    """Worst first. `unknown` is what could not be looked at: never good."""

    BAD = "bad", _("bad")
    UNKNOWN = "unknown", _("unknown")
    ATTENTION = "attention", _("attention")


class Standing(models.TextChoices):
    NEW = "new", _("new")
    STILL = "still", _("still")
    GONE = "gone", _("gone")


VERDICTS = {"bad": _("bad"), "unknown": _("unknown"), "attention": _("attention"), "good": _("in order")}


class InspectionReport(models.Model):
    """One inspection: its run, what it judged and with what result. `verdict` is a state of the console's language of state."""

    number = models.CharField(max_length=20, unique=True)
    run = models.OneToOneField("automation.Run", on_delete=models.PROTECT, related_name="report")
    scope = models.CharField(
        max_length=200, default="all", help_text=_("which nodes: reports of equal scope are compared")
    )
    whole = models.BooleanField(default=False, help_text=_("every active node was asked for"))
    scheduled = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=ReportState.choices, default=ReportState.COLLECTING)
    verdict = models.CharField(max_length=10, default="progress")
    previous = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    checks = models.JSONField(default=list, blank=True, help_text=_("what was checked, with how many findings"))
    nodes_asked = models.PositiveIntegerField(default=0)
    nodes_answered = models.PositiveIntegerField(default=0)
    bad = models.PositiveIntegerField(default=0)
    attention = models.PositiveIntegerField(default=0)
    unknown = models.PositiveIntegerField(default=0)
    new = models.PositiveIntegerField(default=0)
    gone = models.PositiveIntegerField(default=0)
    versions = models.JSONField(default=dict, blank=True)
    states = models.JSONField(default=dict, blank=True)
    seconds = models.FloatField(null=True, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("inspection")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["scope", "-id"]),
            models.Index(fields=["id"], condition=models.Q(state="collecting"), name="inspection_open"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def mark(self) -> str:
        return "progress" if self.state == ReportState.COLLECTING else self.verdict

    @property
    def word(self) -> Any:
        """The result in a word; one that is not complete says so whatever else it found."""
        if self.state != ReportState.DONE:
            return self.get_state_display()
        return VERDICTS.get(self.verdict, VERDICTS["unknown"])


class Finding(models.Model):
    """One thing that deserves a look. `fingerprint` names it across reports; a `gone` one was in the report before and is not any more."""

    report = models.ForeignKey(InspectionReport, on_delete=models.CASCADE, related_name="findings")
    severity = models.CharField(max_length=10, choices=Severity.choices)
    standing = models.CharField(max_length=5, choices=Standing.choices, default=Standing.NEW)
    check_name = models.CharField(max_length=40)
    subject_kind = models.CharField(max_length=10, default="node", help_text=_("node, service, shard or estate"))
    subject = models.CharField(max_length=80)
    text = models.CharField(max_length=400)
    fingerprint = models.CharField(max_length=160)

    class Meta:
        ordering = ["report", "pk"]
        constraints = [models.UniqueConstraint(fields=["report", "fingerprint"], name="finding_once")]

    def __str__(self) -> str:
        return f"{self.check_name} {self.subject}: {self.text}"
