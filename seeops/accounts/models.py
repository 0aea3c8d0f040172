"""People and machines that act, what their roles allow, and the tokens they call the API with."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.contrib.contenttypes.models import ContentType
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    OPERATOR = "operator", _("Operator")
    APPROVER = "approver", _("Approver")
    ON_CALL = "on_call", _("On-call")
    AUDITOR = "auditor", _("Auditor")
    ADMINISTRATOR = "administrator", _("Administrator")
    MACHINE = "machine", _("Machine")


class Person(AbstractUser):
    """Somebody who signs in, or a machine (Prometheus, Alertmanager, the release engine) that acts under its own name."""

    display_name = models.CharField(_("name"), max_length=80)
    roles = ArrayField(models.CharField(max_length=20, choices=Role.choices), default=list, blank=True)
    language = models.CharField(max_length=10, blank=True, default="")

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        ordering = ["username"]

    def __str__(self) -> str:
        return self.display_name or self.username

    @property
    def is_machine(self) -> bool:
        return Role.MACHINE in self.roles


class Grant(models.Model):
    """A role may do an action; with a constraint, only on objects that match it.

    `constraint` is a filter on the model `on` (Django look-ups as JSON, a list means "any of"), so that one query can list
    what a person may touch.
    """

    role = models.CharField(max_length=20, choices=Role.choices)
    action = models.CharField(max_length=60, help_text=_("such as release.start; ends in * for all of a subject"))
    on = models.ForeignKey(ContentType, on_delete=models.CASCADE, null=True, blank=True)
    constraint = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["role", "action", "on", "constraint"], name="grant_once", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=models.Q(constraint={}) | models.Q(on__isnull=False), name="grant_constraint_needs_model"
            ),
        ]
        ordering = ["role", "action"]

    def __str__(self) -> str:
        return f"{self.role}: {self.action}"


class Token(models.Model):
    """A key to the API, of one person. Only its digest is stored."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=8, help_text=_("the last characters, to tell tokens apart"))
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.person} · {self.name}"


class Authenticator(models.Model):
    """A person's second factor: a time-based code (RFC 6238) from an app on their phone.

    The secret is stored encrypted with a key derived from the instance's secret key; a code counts once.
    """

    person = models.OneToOneField(Person, on_delete=models.CASCADE, related_name="authenticator")
    secret = models.TextField(help_text=_("encrypted"))
    created_at = models.DateTimeField(auto_now_add=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    last_step = models.BigIntegerField(default=0, help_text=_("the 30-second step of the last code that was taken"))
    failures = models.PositiveSmallIntegerField(default=0)
    locked_until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return str(self.person)


class RecoveryCode(models.Model):
    """A code for the day the phone is lost. Only its digest is stored, and it counts once."""

    authenticator = models.ForeignKey(Authenticator, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["authenticator", "digest"], name="recovery_code_once")]

    def __str__(self) -> str:
        return f"{self.authenticator_id}"
