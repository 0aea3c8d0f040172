"""Break-glass: two people let an emergency past the freezes, for some hours, under everybody's eyes."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

# What was opened and by whom is evidence: only confirming, closing and reviewing add to it.
_EVIDENCE_STAYS = """
IF (NEW.ticket_id, NEW.opened_by_id, NEW.opened_at, NEW.reason, NEW.incident)
   IS DISTINCT FROM (OLD.ticket_id, OLD.opened_by_id, OLD.opened_at, OLD.reason, OLD.incident)
   OR (OLD.confirmed_by_id IS NOT NULL AND NEW.confirmed_by_id IS DISTINCT FROM OLD.confirmed_by_id)
   OR (OLD.reviewed_by_id IS NOT NULL AND NEW.reviewed_by_id IS DISTINCT FROM OLD.reviewed_by_id)
   OR (OLD.expires_at IS NOT NULL AND NEW.expires_at > OLD.expires_at) THEN
    RAISE EXCEPTION 'the evidence of a break-glass cannot be changed';
END IF;
RETURN NEW;
"""

# Who confirms is neither the requester nor the planner nor the executor of the ticket.
_CONFIRMED_BY_OUTSIDER = """
IF NEW.confirmed_by_id IS NOT NULL AND EXISTS (
    SELECT 1 FROM changes_changeticket t
    WHERE t.id = NEW.ticket_id AND NEW.confirmed_by_id IN (t.requester_id, t.planner_id, t.executor_id)
) THEN
    RAISE EXCEPTION 'break-glass must be confirmed by somebody who neither asked for, planned nor executes the change';
END IF;
RETURN NEW;
"""


class BreakGlass(models.Model):
    """One opening: who asked, who agreed, for which incident, until when, and what the review found."""

    ticket = models.ForeignKey("changes.ChangeTicket", on_delete=models.PROTECT, related_name="break_glasses")
    reason = models.TextField(_("reason"))
    incident = models.CharField(_("incident number"), max_length=40)
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField()
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    confirmed_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField(null=True, blank=True, help_text=_("when a change first went past a freeze with it"))
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    reviewed_at = models.DateTimeField(null=True, blank=True)
    review = models.TextField(blank=True, default="")

    class Meta:
        verbose_name = _("break-glass")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True) | ~Q(confirmed_by=F("opened_by")), name="break_glass_two_people"
            ),
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True, confirmed_at__isnull=True, expires_at__isnull=True)
                | Q(confirmed_by__isnull=False, confirmed_at__isnull=False, expires_at__gt=F("confirmed_at")),
                name="break_glass_confirmed_whole",
            ),
            models.CheckConstraint(condition=~Q(reason="") & ~Q(incident=""), name="break_glass_says_why"),
            models.CheckConstraint(
                condition=Q(reviewed_by__isnull=True)
                | (~Q(reviewed_by=F("opened_by")) & ~Q(reviewed_by=F("confirmed_by"))),
                name="break_glass_reviewed_by_third",
            ),
            models.UniqueConstraint(
                fields=["ticket"], condition=Q(closed_at__isnull=True), name="one_open_break_glass_per_ticket"
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="evidence_stays", when=pgtrigger.Before, operation=pgtrigger.Update, func=_EVIDENCE_STAYS
            ),
            pgtrigger.Trigger(
                name="confirmed_by_outsider", when=pgtrigger.Before, operation=pgtrigger.Insert | pgtrigger.Update,
                func=_CONFIRMED_BY_OUTSIDER,
            ),
            pgtrigger.Protect(name="kept", operation=pgtrigger.Delete),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.ticket.number}: {self.incident}"
