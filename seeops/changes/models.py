"""Change tickets and the approvals they got. The database itself refuses an approval by the requester."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from seeops.changes import states


class TicketKind(models.TextChoices):
    STANDARD = "standard", _("Standard")
    NORMAL = "normal", _("Normal")
    EMERGENCY = "emergency", _("Emergency")


class TicketState(models.TextChoices):
    DRAFT = states.DRAFT, _("draft")
    SUBMITTED = states.SUBMITTED, _("waiting for approval")
    APPROVED = states.APPROVED, _("approved")
    REJECTED = states.REJECTED, _("rejected")
    SCHEDULED = states.SCHEDULED, _("scheduled")
    EXECUTING = states.EXECUTING, _("executing")
    DONE = states.DONE, _("done")
    FAILED = states.FAILED, _("failed")
    CANCELLED = states.CANCELLED, _("cancelled")


# A ticket is approved only while an approval of exactly its present content exists.
_APPROVED_BY_APPROVAL = """
IF NEW.state IN ('approved', 'scheduled', 'executing') AND NOT EXISTS (
    SELECT 1 FROM changes_approval a
    WHERE a.ticket_id = NEW.id AND a.decision = 'approve' AND a.voided_at IS NULL AND a.content_digest = NEW.content_digest
) THEN
    RAISE EXCEPTION 'ticket % has no valid approval of its present content', NEW.number;
END IF;
RETURN NEW;
"""

# The columns that the check constraints compare are filled from the ticket, whatever the writer says.
_FILL_FROM_TICKET = """
SELECT requester_id, planner_id INTO NEW.requester_id, NEW.planner_id FROM changes_changeticket WHERE id = NEW.ticket_id;
RETURN NEW;
"""

_REQUESTER_STAYS = """
IF NEW.requester_id <> OLD.requester_id THEN
    RAISE EXCEPTION 'the requester of ticket % cannot be changed', OLD.number;
END IF;
RETURN NEW;
"""


class ChangeTicket(models.Model):
    """A request to change something in production, with its risk, its approvals and its window."""

    number = models.CharField(max_length=20, unique=True)
    title = models.CharField(_("title"), max_length=140)
    kind = models.CharField(_("kind"), max_length=12, choices=TicketKind.choices, default=TicketKind.NORMAL)
    requester = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="tickets")
    state = models.CharField(max_length=12, choices=TicketState.choices, default=TicketState.DRAFT)
    reason = models.TextField(_("reason"))
    services = models.ManyToManyField("inventory.Service", related_name="tickets")
    window_start = models.DateTimeField(_("window from"), null=True, blank=True)
    window_end = models.DateTimeField(_("window until"), null=True, blank=True)
    impact = models.JSONField(default=dict, blank=True)
    impact_digest = models.CharField(max_length=64, blank=True, default="")
    impact_at = models.DateTimeField(null=True, blank=True)
    plan = models.JSONField(default=dict, blank=True, help_text=_("what will be done, as the approver reads it"))
    plan_digest = models.CharField(max_length=64, blank=True, default="")
    planner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    content_digest = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    submitted_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        verbose_name = _("change ticket")
        ordering = ["-id"]
        indexes = [models.Index(fields=["state", "-id"])]
        constraints = [
            models.CheckConstraint(
                condition=Q(window_start__isnull=True)
                | Q(window_end__isnull=True)
                | Q(window_end__gt=F("window_start")),
                name="ticket_window_in_order",
            )
        ]
        triggers = [
            pgtrigger.Trigger(
                name="approved_by_approval",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func=_APPROVED_BY_APPROVAL,
            ),
            pgtrigger.Trigger(
                name="requester_stays", when=pgtrigger.Before, operation=pgtrigger.Update, func=_REQUESTER_STAYS
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.title}"

    @property
    def mark(self) -> str:
        return states.MARK[self.state]


class Decision(models.TextChoices):
    APPROVE = "approve", _("approved")
    REJECT = "reject", _("rejected")


class Approval(models.Model):
    """What one person decided about a ticket, bound to the content they saw; void as soon as that content changes."""

    ticket = models.ForeignKey(ChangeTicket, on_delete=models.PROTECT, related_name="approvals")
    approver = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="approvals")
    requester = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    planner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    decision = models.CharField(max_length=8, choices=Decision.choices)
    reason = models.TextField()
    at = models.DateTimeField(auto_now_add=True)
    plan_digest = models.CharField(max_length=64, blank=True)
    content_digest = models.CharField(max_length=64)
    voided_at = models.DateTimeField(null=True, blank=True)
    voided_because = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        verbose_name = _("approval")
        ordering = ["-at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(decision="reject") | ~Q(approver=F("requester")), name="approver_is_not_requester"
            ),
            models.CheckConstraint(
                condition=Q(decision="reject") | Q(planner__isnull=True) | ~Q(approver=F("planner")),
                name="approver_is_not_planner",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="fill_from_ticket",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func=_FILL_FROM_TICKET,
            ),
            pgtrigger.Protect(name="kept", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.ticket.number}: {self.approver} {self.decision}"
