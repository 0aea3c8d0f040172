"""What the console itself must keep of market surveillance: which person restricted or released which account, why, and what became of it.

Cases, their evidence and the account's present status belong to the cluster's surveillance and are asked there.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from seeops.core.clock import now


class AccountStatus(models.IntegerChoices):
    """What an account may do; the numbers are those of the shards."""

    ACTIVE = 0, _("active")
    CANCEL_ONLY = 1, _("cancel only")
    SUSPENDED = 2, _("suspended")


class Outcome(models.TextChoices):
    """What is known of an action. Only executed means that every shard has confirmed it."""

    REQUESTED = "requested", _("requested")
    EXECUTED = "executed", _("executed")
    REFUSED = "refused", _("refused")
    UNKNOWN = "unknown", _("unknown")


class AccountAction(models.Model):
    """A person's wish that an account have a status on every shard. Its key makes the cluster do it once."""

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    account = models.PositiveBigIntegerField()
    status = models.PositiveSmallIntegerField(choices=AccountStatus.choices)
    reason = models.CharField(max_length=400)
    case = models.PositiveBigIntegerField(null=True, help_text=_("number of the surveillance case it is about"))
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=now)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.REQUESTED)
    detail = models.JSONField(default=dict)
    tried_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-asked_at", "-pk"]
        indexes = [
            models.Index(fields=["account", "-asked_at"]),
            models.Index(
                fields=["asked_at"],
                condition=models.Q(outcome__in=["requested", "unknown"]),
                name="surveillance_open_actions",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=AccountStatus.values), name="surveillance_action_status_known"
            ),
            models.CheckConstraint(
                condition=models.Q(outcome__in=["requested", "unknown"]) ^ models.Q(settled_at__isnull=False),
                name="surveillance_action_settled_when_known",
            ),
        ]

    def __str__(self) -> str:
        return _("account %(account)d") % {"account": self.account}

    @property
    def mark(self) -> str:
        """State of the interface: unknown is never drawn like good."""
        return {
            Outcome.REQUESTED: "progress",
            Outcome.EXECUTED: "good",
            Outcome.REFUSED: "bad",
            Outcome.UNKNOWN: "unknown",
        }[Outcome(self.outcome)]

    def as_audit(self) -> dict[str, Any]:
        """What the audit record keeps."""
        return {
            "account": self.account,
            "status": AccountStatus(self.status).name.lower(),
            "outcome": self.outcome,
            "case": self.case,
            "key": str(self.key),
        }
