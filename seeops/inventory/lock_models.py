"""Locks: what somebody works on, so that nobody else does at the same time."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class LockScope(models.TextChoices):
    SERVICE = "service", _("service")
    NODE = "node", _("node")
    SHARD = "shard", _("shard")


class LockHolder(models.Model):
    """Who holds locks, and until when. One row for all locks of an owner, so that keeping a thousand of them is one write."""

    owner = models.CharField(max_length=40, unique=True, help_text=_("the number of a release or run"))
    url = models.CharField(max_length=200, blank=True, default="")
    fence = models.BigIntegerField()
    reason = models.CharField(max_length=300, blank=True, default="")
    taken_at = models.DateTimeField()
    expires_at = models.DateTimeField(help_text=_("after this anybody may take over"))

    class Meta:
        verbose_name = _("holder of locks")
        ordering = ["owner"]

    def __str__(self) -> str:
        return self.owner


class Lock(models.Model):
    """One thing that is held. The unique pair is what makes a second holder impossible."""

    scope = models.CharField(max_length=8, choices=LockScope.choices)
    name = models.CharField(max_length=80)
    holder = models.ForeignKey(LockHolder, on_delete=models.CASCADE, related_name="locks")

    class Meta:
        verbose_name = _("lock")
        ordering = ["scope", "name"]
        constraints = [models.UniqueConstraint(fields=["scope", "name"], name="locked_once")]

    def __str__(self) -> str:
        return f"{self.scope} {self.name}: {self.holder}"
