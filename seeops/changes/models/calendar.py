"""When production must stay as it is: corrections of the exchange's calendar, freezes, and the intervals they stand for.

The intervals are the one truth that the services and the database's trigger read; they are written by `freezes` alone.
"""

from __future__ import annotations

import datetime as dt

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from seeops.changes import calendar


class ChangePolicy(models.Model):
    """The one row of settings of change control."""

    calendar_in_force = models.BooleanField(
        _("trading calendar in force"), default=False,
        help_text=_("recurring freezes hold and the phase of the session counts in the risk"),
    )  # fmt: skip
    approval_valid_h = models.PositiveSmallIntegerField(_("an approval holds for, hours"), default=72)
    break_glass_h = models.PositiveSmallIntegerField(_("break-glass lasts, hours"), default=2)
    expanded_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("change policy")
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="one_change_policy"),
            models.CheckConstraint(condition=Q(approval_valid_h__range=(1, 720)), name="approval_valid_bounded"),
            models.CheckConstraint(condition=Q(break_glass_h__range=(1, 24)), name="break_glass_bounded"),
        ]

    def __str__(self) -> str:
        return str(_("change policy"))

    @classmethod
    def load(cls) -> ChangePolicy:
        return cls.objects.get_or_create(pk=1)[0]


class CalendarDay(models.Model):
    """A correction of the exchange's calendar, which wins over what was announced."""

    day = models.DateField(_("day"), unique=True)
    trading = models.BooleanField(_("trading day"))
    note = models.CharField(_("note"), max_length=200)

    class Meta:
        verbose_name = _("calendar correction")
        ordering = ["day"]

    def __str__(self) -> str:
        return self.day.isoformat()


class FreezeKind(models.TextChoices):
    ONCE = calendar.ONCE, _("once")
    SESSION = calendar.SESSION, _("every trading day")
    YEARLY = calendar.YEARLY, _("every year")
    BEFORE_BREAK = calendar.BEFORE_BREAK, _("before long closures")


_COMPLETE = (
    Q(kind="once", starts_at__isnull=False, ends_at__isnull=False, ends_at__gt=F("starts_at"))
    | Q(kind="session", from_time__isnull=False, until_time__isnull=False, until_time__gt=F("from_time"))
    | Q(
        kind="yearly", first_month__range=(1, 12), last_month__range=(1, 12), first_day__range=(1, 31), last_day__range=(1, 31)
    )
    | Q(kind="before_break", sessions__range=(1, 20), break_days__range=(3, 30))
)  # fmt: skip


class FreezeRule(models.Model):
    """No change of production while it holds: everywhere, or of the services, business lines and chains it names."""

    title = models.CharField(_("title"), max_length=120)
    reason = models.CharField(_("reason"), max_length=300)
    kind = models.CharField(_("when"), max_length=14, choices=FreezeKind.choices)
    enabled = models.BooleanField(_("enabled"), default=True)
    starts_at = models.DateTimeField(_("from"), null=True, blank=True)
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)
    from_time = models.TimeField(_("from, time of day"), null=True, blank=True)
    until_time = models.TimeField(_("until, time of day"), null=True, blank=True)
    first_month = models.PositiveSmallIntegerField(null=True, blank=True)
    first_day = models.PositiveSmallIntegerField(null=True, blank=True)
    last_month = models.PositiveSmallIntegerField(null=True, blank=True)
    last_day = models.PositiveSmallIntegerField(null=True, blank=True)
    sessions = models.PositiveSmallIntegerField(_("trading days before"), null=True, blank=True)
    break_days = models.PositiveSmallIntegerField(_("closed for at least, days"), null=True, blank=True)
    everywhere = models.BooleanField(_("everywhere"), default=True)
    services = models.ManyToManyField("inventory.Service", blank=True, related_name="+")
    domains = models.ManyToManyField("inventory.Domain", blank=True, related_name="+")
    chains = models.ManyToManyField("topology.BusinessChain", blank=True, related_name="+")

    class Meta:
        verbose_name = _("freeze")
        ordering = ["title", "pk"]
        constraints = [models.CheckConstraint(condition=_COMPLETE, name="freeze_complete")]

    def __str__(self) -> str:
        return self.title

    @property
    def recurrence(self) -> calendar.Recurrence:
        def pair(month: int | None, day: int | None) -> tuple[int, int] | None:
            return None if month is None or day is None else (month, day)

        return calendar.Recurrence(
            self.kind, self.starts_at, self.ends_at, self.from_time, self.until_time,
            pair(self.first_month, self.first_day), pair(self.last_month, self.last_day), self.sessions or 0,
            self.break_days or 0,
        )  # fmt: skip

    @property
    def recurring(self) -> bool:
        return self.kind != FreezeKind.ONCE


class FreezeInterval(models.Model):
    """One stretch of time in which a freeze holds."""

    rule = models.ForeignKey(FreezeRule, on_delete=models.CASCADE, related_name="intervals")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    class Meta:
        ordering = ["starts_at"]
        # Intervals lie ahead: few of them have begun, and the index finds these without reading a year of others.
        indexes = [models.Index(fields=["ends_at", "starts_at"]), models.Index(fields=["starts_at", "ends_at"])]
        constraints = [models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="freeze_interval_in_order")]

    def __str__(self) -> str:
        return f"{self.rule_id}: {self.starts_at:%Y-%m-%d %H:%M} – {self.ends_at:%Y-%m-%d %H:%M}"

    @property
    def span(self) -> dt.timedelta:
        return self.ends_at - self.starts_at
