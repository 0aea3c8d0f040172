"""How services work together: business chains of hops, and who depends on whom."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from seeops.inventory.models import Domain, Service


class ChainKind(models.TextChoices):
    ORDERS = "orders", _("orders")
    REQUESTS = "requests", _("requests")


class BusinessChain(models.Model):
    """The ordered services that a client's request of one kind passes."""

    code = models.CharField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    domain = models.ForeignKey(Domain, on_delete=models.PROTECT, related_name="chains")
    kind = models.CharField(max_length=10, choices=ChainKind.choices)
    criticality = models.PositiveSmallIntegerField(help_text=_("1 is the highest"))
    critical = models.BooleanField()
    peak_rate_per_s = models.FloatField(help_text=_("requests per second over all centres at the peak of the day"))

    class Meta:
        ordering = ["criticality", "code"]

    def __str__(self) -> str:
        return self.name


class HopMode(models.TextChoices):
    SYNC = "sync", _("synchronous")
    ASYNC = "async", _("asynchronous")
    REPLICATION = "replication", _("replication")


class Hop(models.Model):
    """One step of a chain."""

    chain = models.ForeignKey(BusinessChain, on_delete=models.CASCADE, related_name="hops")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=60)
    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="hops")
    mode = models.CharField(max_length=12, choices=HopMode.choices)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["chain", "position"], name="hop_position_once")]
        ordering = ["chain", "position"]

    def __str__(self) -> str:
        return f"{self.chain.code}: {self.position} {self.name}"


class DependencyMode(models.TextChoices):
    HARD = "hard", _("hard: fails with it")
    SOFT = "soft", _("soft: degrades with it")
    ASYNC = "async", _("asynchronous: falls behind with it")


class Dependency(models.Model):
    """A service needs another one: declared (whatever the chain), or seen in the hops of a chain."""

    caller = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="needs")
    callee = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="needed_by")
    mode = models.CharField(max_length=8, choices=DependencyMode.choices)
    from_chain = models.BooleanField(help_text=_("derived from a chain's hops and true for that chain only"))

    class Meta:
        constraints = [models.UniqueConstraint(fields=["caller", "callee", "from_chain"], name="dependency_once")]
        ordering = ["caller", "callee"]
        verbose_name_plural = "dependencies"

    def __str__(self) -> str:
        return f"{self.caller} → {self.callee} ({self.mode})"
