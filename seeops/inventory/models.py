"""What the trading system consists of: sites, centres, services, nodes, versions, and what was done to nodes by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.utils.translation import gettext_lazy as _

from seeops.core.clock import now

# What was observed longer ago than this is not known any more (the observer runs every 5 seconds).
STALE_AFTER = dt.timedelta(seconds=30)


class Site(models.Model):
    """A city with one or more data centres."""

    code = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=80)

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class CentreRole(models.TextChoices):
    PRODUCTION = "production", _("production")
    SAME_CITY = "same_city", _("same city")
    REMOTE = "remote", _("remote")


class Centre(models.Model):
    """A data centre: the failure domain that disaster recovery is planned for."""

    code = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=80)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="centres")
    role = models.CharField(max_length=20, choices=CentreRole.choices)
    flow_share = models.FloatField(
        help_text=_("part of the customers' requests that enters here while all centres are healthy")
    )
    position = models.PositiveSmallIntegerField(default=0)
    url = models.CharField(max_length=200, blank=True, default="")
    observed_at = models.DateTimeField(null=True, blank=True, help_text=_("when it last answered the observer"))
    problem = models.CharField(
        max_length=300, blank=True, default="", help_text=_("why it did not answer; empty when it did")
    )

    class Meta:
        ordering = ["position", "code"]

    def __str__(self) -> str:
        return self.code

    @property
    def stale(self) -> bool:
        return self.observed_at is None or now() - self.observed_at > STALE_AFTER


class Domain(models.Model):
    """A business line, such as margin financing."""

    code = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=80)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ServiceKind(models.TextChoices):
    STATELESS = "stateless", _("stateless")
    STATEFUL = "stateful", _("stateful")
    COMPONENT = "component", _("component")
    SHARD = "shard", _("replicated shard")


class Service(models.Model):
    """A logical function that nodes carry out together."""

    name = models.CharField(max_length=60, unique=True)
    title = models.CharField(max_length=120)
    domain = models.ForeignKey(Domain, on_delete=models.PROTECT, related_name="services")
    tier = models.CharField(max_length=30)
    kind = models.CharField(max_length=20, choices=ServiceKind.choices)
    protocol = models.CharField(max_length=30)
    description = models.TextField(blank=True, default="")
    service_time_ms = models.FloatField()
    capacity_per_s = models.FloatField(help_text=_("requests per second that one node carries"))
    memory_limit_mb = models.FloatField()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def replicated(self) -> bool:
        return self.kind == ServiceKind.SHARD


class Redundancy(models.Model):
    """How many nodes of a service a centre needs to carry its share, out of how many it has."""

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="redundancy")
    centre = models.ForeignKey(Centre, on_delete=models.CASCADE, related_name="redundancy")
    needed = models.PositiveIntegerField()
    of = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["service", "centre"], name="redundancy_once"),
            models.CheckConstraint(condition=Q(needed__gte=1, needed__lte=F("of")), name="redundancy_needed_within"),
        ]
        ordering = ["service", "centre"]

    def __str__(self) -> str:
        return f"{self.service} {self.centre}: {self.needed}/{self.of}"


class NodeState(models.TextChoices):
    UP = "up", _("up")
    STARTING = "starting", _("starting")
    DRAINING = "draining", _("draining")
    DRAINED = "drained", _("drained")
    DOWN = "down", _("down")
    PAUSED = "paused", _("paused")
    UNKNOWN = "unknown", _("unknown")


class NodeQuerySet(models.QuerySet["Node"]):
    def active(self) -> NodeQuerySet:
        return self.filter(decommissioned_at__isnull=True)

    def with_state(self) -> NodeQuerySet:
        """Adds `state_now`: what was last observed, or unknown when the centre has not answered for too long."""
        silent = Q(centre__observed_at__isnull=True) | Q(centre__observed_at__lt=now() - STALE_AFTER)
        return self.annotate(
            state_now=Case(
                When(silent, then=Value(NodeState.UNKNOWN.value)), default=F("state"), output_field=models.CharField()
            )
        )


class Node(models.Model):
    """A host that runs one agent and one process of a service. `state` is what was last observed: read `state_now`."""

    name = models.CharField(max_length=80, unique=True)
    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="nodes")
    centre = models.ForeignKey(Centre, on_delete=models.PROTECT, related_name="nodes")
    shard = models.PositiveSmallIntegerField(null=True, blank=True, help_text=_("the shard whose replica runs here"))
    agent_url = models.CharField(max_length=200, blank=True, default="")
    state = models.CharField(max_length=10, choices=NodeState.choices, default=NodeState.UNKNOWN)
    state_at = models.DateTimeField(null=True, blank=True, help_text=_("since when it is in this state"))
    version = models.CharField(max_length=40, blank=True, default="")
    desired_version = models.CharField(max_length=40, blank=True, default="")
    epoch = models.BigIntegerField(default=0)
    config_digest = models.CharField(max_length=64, blank=True, default="")
    process_started_at = models.DateTimeField(null=True, blank=True)
    decommissioned_at = models.DateTimeField(null=True, blank=True)

    objects = NodeQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        indexes = [models.Index(fields=["service", "centre"]), models.Index(fields=["state"])]

    def __str__(self) -> str:
        return self.name

    @property
    def drifted(self) -> bool:
        """The node runs another version than the last finished release wanted."""
        return bool(self.desired_version) and bool(self.version) and self.desired_version != self.version


class Version(models.Model):
    """A package of a service that nodes can run."""

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="versions")
    number = models.CharField(max_length=40)
    digest = models.CharField(max_length=64, help_text=_("SHA-256 of the package"))
    file = models.CharField(max_length=400)
    notes = models.TextField(blank=True, default="")
    built_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["service", "number"], name="version_once")]
        ordering = ["service", "-built_at", "-number"]

    def __str__(self) -> str:
        return f"{self.service} {self.number}"


class SavedView(models.Model):
    """A person's filters of a list, by name."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    page = models.CharField(max_length=40)
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=1000)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person", "page", "name"], name="saved_view_once")]
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Verb(models.TextChoices):
    DRAIN = "drain", _("drain")
    UNDRAIN = "undrain", _("undrain")
    RESTART = "restart", _("restart")
    DIAGNOSE = "diagnose", _("diagnose")
    CONFIGURE = "configure", _("configure")


class ActionState(models.TextChoices):
    REQUESTED = "requested", _("requested")
    DONE = "done", _("done")
    FAILED = "failed", _("refused")
    UNKNOWN = "unknown", _("unknown")
    CANCELLED = "cancelled", _("cancelled")


# The last line of change control: whoever writes, a node is not told to change while its service is frozen. The function is made by
# the migrations of change control and goes by the database's clock.
_NOT_WHILE_FROZEN = """
IF NEW.verb IN ('drain', 'restart', 'configure') AND NEW.state IN ('requested', 'unknown', 'done')
   AND (TG_OP = 'INSERT' OR (OLD.tried_at IS NULL AND NEW.tried_at IS NOT NULL)) THEN
    SELECT f.title INTO frozen_by
    FROM changes_frozen_by(ARRAY(SELECT n.service_id FROM inventory_node n WHERE n.id = NEW.node_id), clock_timestamp()) f;
    IF frozen_by IS NOT NULL THEN
        RAISE EXCEPTION '% of node % cannot begin: production is frozen (%)', NEW.verb, NEW.node_id, frozen_by;
    END IF;
END IF;
RETURN NEW;
"""


class NodeAction(models.Model):
    """One thing a person had a node do. `key` makes it happen at most once, `epoch` fences off older actors."""

    batch = models.UUIDField(db_index=True, help_text=_("actions asked for together"))
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="actions")
    key = models.CharField(max_length=120, unique=True)
    epoch = models.BigIntegerField()
    verb = models.CharField(max_length=12, choices=Verb.choices)
    reason = models.CharField(max_length=400)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=ActionState.choices, default=ActionState.REQUESTED)
    params = models.JSONField(default=dict, blank=True)
    result = models.JSONField(default=dict, blank=True)
    at = models.DateTimeField(default=now)
    tried_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [
            models.Index(fields=["at"], condition=Q(state__in=["requested", "unknown"]), name="node_action_open"),
            models.Index(fields=["node", "-at"]),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="not_while_frozen", when=pgtrigger.Before, operation=pgtrigger.Insert | pgtrigger.Update,
                func=_NOT_WHILE_FROZEN, declare=[("frozen_by", "text")],
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.verb} {self.node}"

    def as_audit(self) -> dict[str, Any]:
        return {"verb": self.verb, "state": self.state, "key": self.key, "epoch": self.epoch}


# Django finds models in this module; locks live in one of their own.
from seeops.inventory.lock_models import Lock, LockHolder, LockScope  # noqa: E402

__all__ = [
    "ActionState", "Centre", "CentreRole", "Domain", "Lock", "LockHolder", "LockScope", "Node", "NodeAction", "NodeState",
    "Redundancy", "SavedView", "Service", "ServiceKind", "Site", "Verb", "Version",
]  # fmt: skip
