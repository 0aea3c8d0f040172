"""The settings by which releases are judged: versions, each proposed by one person and put in force by another."""

from __future__ import annotations

from django.conf import settings as conf
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class JudgeProfile(models.Model):
    """One version of the judge's settings. The newest one in force goes into the plans that are made from then on; a plan
    that exists keeps its own."""

    settings = models.JSONField()
    reason = models.CharField(max_length=400)
    proposed_by = models.ForeignKey(conf.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    in_force_by = models.ForeignKey(conf.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    in_force_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("judge settings")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(in_force_by=None) | ~Q(in_force_by=F("proposed_by")), name="judge_profile_by_two_people"
            ),
            models.CheckConstraint(
                condition=Q(in_force_by=None, in_force_at=None)
                | Q(in_force_by__isnull=False, in_force_at__isnull=False),
                name="judge_profile_in_force_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"JP-{self.pk}"
