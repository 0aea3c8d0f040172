"""Evidence that the department works at a level, and the exports made of it."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Evidence(models.Model):
    """One measured value with where it came from. Append-only: a new measurement is a new row.

    `digest` is the SHA-256 of the RFC 8785 JSON of measure, value, sample, source and collected_at.
    """

    measure = models.CharField(max_length=80)
    value = models.FloatField(null=True)
    sample = models.PositiveIntegerField(default=0)
    source = models.JSONField(default=dict)
    collected_at = models.DateTimeField(db_index=True)
    digest = models.CharField(max_length=64)

    class Meta:
        verbose_name = _("evidence")
        ordering = ["-collected_at", "-pk"]
        indexes = [models.Index(fields=["measure", "-collected_at"], name="evidence_newest")]
        triggers = [pgtrigger.Protect(name="evidence_append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.measure} = {self.value}"


class Attestation(models.Model):
    """A person states that a criterion which no machine can measure is met, and why. Append-only."""

    framework = models.CharField(max_length=60)
    criterion = models.CharField(max_length=40)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    statement = models.TextField()
    at = models.DateTimeField()
    digest = models.CharField(max_length=64)

    class Meta:
        verbose_name = _("attestation")
        ordering = ["-at"]
        indexes = [models.Index(fields=["framework", "criterion", "-at"], name="attestation_newest")]
        constraints = [models.CheckConstraint(condition=~models.Q(statement=""), name="attestation_says_something")]
        triggers = [pgtrigger.Protect(name="attestation_append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.criterion}: {self.person}"


class Export(models.Model):
    """A ZIP of evidence that was handed out: who made it, when, and the digest it must still have."""

    framework = models.CharField(max_length=60)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    file = models.FileField(upload_to="exports/")
    sha256 = models.CharField(max_length=64)
    size_bytes = models.PositiveBigIntegerField()
    level = models.PositiveSmallIntegerField()

    class Meta:
        verbose_name = _("export")
        ordering = ["-made_at"]

    def __str__(self) -> str:
        return f"{self.framework} {self.made_at:%Y-%m-%d %H:%M}"
