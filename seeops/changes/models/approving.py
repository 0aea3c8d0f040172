"""Who must agree: groups of approvers, the stages that a kind and a risk ask for, and rights that were passed on for a while."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from seeops.accounts.models import Role
from seeops.changes.models.tickets import RiskLevel, TicketKind


class ApproverGroup(models.Model):
    """People who decide together: everybody with one of the roles, and those named. The right to approve is asked for besides."""

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    roles = ArrayField(models.CharField(max_length=20, choices=Role.choices), default=list, blank=True)
    people = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="approver_groups")

    class Meta:
        verbose_name = _("group of approvers")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ApprovalRule(models.Model):
    """One stage that a ticket of this kind and risk needs."""

    kind = models.CharField(_("kind"), max_length=12, choices=TicketKind.choices)
    risk = models.CharField(_("risk"), max_length=8, choices=RiskLevel.choices)
    number = models.PositiveSmallIntegerField(_("stage"))
    title = models.CharField(_("title"), max_length=80)
    group = models.ForeignKey(ApproverGroup, on_delete=models.PROTECT, related_name="rules", verbose_name=_("group"))
    needed = models.PositiveSmallIntegerField(_("how many must approve"), default=1)
    step_up = models.BooleanField(_("second factor"), default=False)

    class Meta:
        verbose_name = _("approval stage")
        ordering = ["kind", "risk", "number"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "risk", "number"], name="stage_once"),
            models.CheckConstraint(condition=Q(needed__range=(1, 10)), name="stage_needs_somebody"),
            models.CheckConstraint(condition=Q(number__range=(1, 5)), name="stage_numbers_bounded"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}/{self.risk} {self.number}: {self.needed} × {self.group}"


class Delegation(models.Model):
    """The right to approve, passed on by one person to another for some days. Not passed on further."""

    delegator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="delegations_given")
    delegate = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="delegations_held")
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    reason = models.CharField(_("reason"), max_length=200)
    revoked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("delegation")
        ordering = ["-starts_at"]
        constraints = [
            models.CheckConstraint(condition=~Q(delegator=F("delegate")), name="delegated_to_somebody_else"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="delegation_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.delegator} → {self.delegate}"
