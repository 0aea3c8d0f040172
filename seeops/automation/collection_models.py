"""Archives of collected logs."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class LogCollection(models.Model):
    """The logs that a run collected, packed into one file below var/logs; after `expires_at` the file is deleted, the row stays."""

    run = models.OneToOneField("automation.Run", on_delete=models.PROTECT, related_name="collection")
    file = models.CharField(max_length=80, help_text=_("name of the file below var/logs"))
    sha256 = models.CharField(max_length=64)
    bytes = models.BigIntegerField(help_text=_("length of the archive"))
    plain_bytes = models.BigIntegerField(help_text=_("length of the lines in it"))
    files = models.PositiveIntegerField()
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["expires_at"], condition=models.Q(deleted_at__isnull=True), name="logs_kept")]

    def __str__(self) -> str:
        return self.file
