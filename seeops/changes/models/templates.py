"""Templates of standard changes: approved once, for a bounded kind of change, until a day."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class StandardTemplate(models.Model):
    """What may be changed without a further approval, as long as the risk is low and the bounds are kept."""

    title = models.CharField(_("title"), max_length=120)
    procedure = models.TextField(_("how it is done"))
    services = models.ManyToManyField("inventory.Service", related_name="+", verbose_name=_("services"))
    most_nodes = models.PositiveIntegerField(_("at most, nodes"))
    valid_until = models.DateTimeField(_("holds until"))
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    approved_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("template of a standard change")
        ordering = ["title", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True) | ~Q(approved_by=F("author")), name="template_approved_by_other"
            )
        ]

    def __str__(self) -> str:
        return self.title
