"""Change tickets and the approvals they got. The database itself refuses an approval by the requester."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from seeops.changes import risk, states
from seeops.changes.models import triggers
from seeops.core.clock import now


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


class RiskLevel(models.TextChoices):
    LOW = risk.LOW, _("low")
    MEDIUM = risk.MEDIUM, _("medium")
    HIGH = risk.HIGH, _("high")


class Reversibility(models.TextChoices):
    AUTO = risk.AUTO, _("by itself")
    MANUAL = risk.MANUAL, _("by hand")
    FORWARD_ONLY = risk.FORWARD_ONLY, _("not: repair forward only")


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
    nodes = models.ManyToManyField("inventory.Node", blank=True, related_name="+")
    chains = models.ManyToManyField("topology.BusinessChain", blank=True, related_name="+")
    reversibility = models.CharField(
        _("taken back"), max_length=12, choices=Reversibility.choices, default=Reversibility.AUTO
    )
    incident = models.CharField(_("incident number"), max_length=40, blank=True, default="")
    template = models.ForeignKey(
        "changes.StandardTemplate", on_delete=models.PROTECT, null=True, blank=True, related_name="tickets",
        verbose_name=_("template"),
    )  # fmt: skip
    impact = models.JSONField(default=dict, blank=True)
    impact_digest = models.CharField(max_length=64, blank=True, default="")
    impact_at = models.DateTimeField(null=True, blank=True)
    risk_level = models.CharField(_("risk"), max_length=8, choices=RiskLevel.choices, blank=True, default="")
    risk = models.JSONField(default=dict, blank=True)
    stages = models.JSONField(default=list, blank=True, help_text=_("who must approve, frozen at the submission"))
    plan = models.JSONField(default=dict, blank=True, help_text=_("what will be done, as the approver reads it"))
    plan_digest = models.CharField(max_length=64, blank=True, default="")
    planner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    executor = models.ForeignKey(
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
                func=triggers.APPROVED_BY_APPROVAL,
                declare=[("step", "jsonb"), ("votes", "integer"), ("begins", "boolean")],
            ),
            pgtrigger.Trigger(
                name="requester_stays", when=pgtrigger.Before, operation=pgtrigger.Update, func=triggers.REQUESTER_STAYS
            ),
            pgtrigger.Trigger(
                name="executor_did_not_approve",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func=triggers.EXECUTOR_DID_NOT_APPROVE,
            ),
            pgtrigger.Trigger(
                name="not_while_frozen",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func=triggers.NOT_WHILE_FROZEN,
                declare=[("frozen_by", "text")],
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
    on_behalf_of = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    stage = models.PositiveSmallIntegerField(default=1)
    decision = models.CharField(max_length=8, choices=Decision.choices)
    reason = models.TextField()
    stepped_up_at = models.DateTimeField(null=True, blank=True, help_text=_("when the second factor was checked"))
    expires_at = models.DateTimeField(null=True, blank=True)
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
            models.CheckConstraint(
                condition=Q(decision="reject")
                | Q(on_behalf_of__isnull=True)
                | (
                    ~Q(on_behalf_of=F("requester"))
                    & ~Q(on_behalf_of=F("approver"))
                    & (Q(planner__isnull=True) | ~Q(on_behalf_of=F("planner")))
                ),
                name="delegator_is_not_involved",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="fill_from_ticket",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func=triggers.FILL_FROM_TICKET,
            ),
            pgtrigger.Trigger(
                name="vote_counts_once",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func=triggers.VOTE_COUNTS_ONCE,
                declare=[("ticket", "changes_changeticket%ROWTYPE")],
            ),
            pgtrigger.Trigger(
                name="decision_stays", when=pgtrigger.Before, operation=pgtrigger.Update, func=triggers.DECISION_STAYS
            ),
            pgtrigger.Protect(name="kept", operation=pgtrigger.Delete),
        ]

    @property
    def expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= now()

    def __str__(self) -> str:
        return f"{self.ticket.number}: {self.approver} {self.decision}"
