"""Changes of nodes' configuration: what each node had, what it shall have, and what it has by the console's word."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from seeops.core.leases import Leased


class ChangeState(models.TextChoices):
    READING = "reading", _("reading the nodes")
    READY = "ready", _("ready")
    APPLYING = "applying", _("being applied")
    RECONCILING = "reconciling", _("lost, reconciling")
    DONE = "done", _("done")
    STOPPED = "stopped", _("stopped")
    FAILED = "failed", _("failed")
    ROLLING_BACK = "rolling_back", _("rolling back")
    ROLLED_BACK = "rolled_back", _("rolled back")
    ROLLBACK_FAILED = "rollback_failed", _("roll-back incomplete")
    DISCARDED = "discarded", _("discarded")


CHANGE_LIVE = (ChangeState.READING, ChangeState.APPLYING, ChangeState.RECONCILING, ChangeState.ROLLING_BACK)
CHANGE_REVERSIBLE = (ChangeState.DONE, ChangeState.STOPPED, ChangeState.FAILED, ChangeState.ROLLBACK_FAILED)
CHANGE_MARK = {
    ChangeState.READING: "progress", ChangeState.READY: "attention", ChangeState.APPLYING: "progress",
    ChangeState.RECONCILING: "unknown", ChangeState.DONE: "good", ChangeState.STOPPED: "attention", ChangeState.FAILED: "bad",
    ChangeState.ROLLING_BACK: "progress", ChangeState.ROLLED_BACK: "absent", ChangeState.ROLLBACK_FAILED: "bad",
    ChangeState.DISCARDED: "absent",
}  # fmt: skip


class RowState(models.TextChoices):
    READING = "reading", _("not read yet")
    SAME = "same", _("has it already")
    REFUSED = "refused", _("refused by the node")
    UNREAD = "unread", _("did not answer")
    PENDING = "pending", _("pending")
    APPLYING = "applying", _("being applied")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")
    UNKNOWN = "unknown", _("unknown")
    ROLLING_BACK = "rolling_back", _("rolling back")
    ROLLED_BACK = "rolled_back", _("rolled back")
    ROLLBACK_FAILED = "rollback_failed", _("roll-back failed")


ROW_MARK = {
    RowState.READING: "progress", RowState.SAME: "absent", RowState.REFUSED: "bad", RowState.UNREAD: "unknown",
    RowState.PENDING: "absent", RowState.APPLYING: "progress", RowState.DONE: "good", RowState.FAILED: "bad",
    RowState.UNKNOWN: "unknown", RowState.ROLLING_BACK: "progress", RowState.ROLLED_BACK: "absent",
    RowState.ROLLBACK_FAILED: "bad",
}  # fmt: skip
# What a roll-back has to put back, or may have to: what came to be of an unknown node is read from it first.
TOUCHED = (
    RowState.DONE,
    RowState.UNKNOWN,
    RowState.FAILED,
    RowState.APPLYING,
    RowState.ROLLBACK_FAILED,
    RowState.ROLLING_BACK,
)


# The last line of change control: no node begins to be changed while its service is frozen, whoever writes it. What has begun may
# end, and putting back what a node had is never stopped. The function is made by the migrations of change control.
_NOT_WHILE_FROZEN = """
IF NEW.state = 'applying' AND (TG_OP = 'INSERT' OR OLD.state <> 'applying') THEN
    SELECT n.name, f.title INTO node, frozen_by
    FROM inventory_node n, changes_frozen_by(ARRAY[n.service_id], clock_timestamp()) f WHERE n.id = NEW.node_id;
    IF frozen_by IS NOT NULL THEN
        RAISE EXCEPTION 'configuration of % is not changed: production is frozen (%)', node, frozen_by;
    END IF;
END IF;
RETURN NEW;
"""


class ConfigurationContent(models.Model):
    """A configuration file, kept once however many nodes have it."""

    digest = models.CharField(max_length=64, primary_key=True, help_text=_("SHA-256 of the content"))
    content = models.TextField()

    def __str__(self) -> str:
        return self.digest[:12]


class ConfigurationChange(Leased):
    """A change of the configuration of some nodes; `epoch` is the lease of the worker that advances it, `fence` the number under
    which nodes know it. Either `content` is the whole new file, or `wanted` are single settings."""

    number = models.CharField(max_length=20, unique=True)
    title = models.CharField(max_length=160)
    scope = models.CharField(max_length=200, blank=True, default="")
    content = models.TextField(blank=True, default="")
    wanted = models.JSONField(default=dict, blank=True)
    reason = models.CharField(max_length=400)
    batch_size = models.PositiveIntegerField(default=50)
    state = models.CharField(max_length=16, choices=ChangeState.choices, default=ChangeState.READING)
    problem = models.CharField(max_length=400, blank=True, default="")
    digest = models.CharField(
        max_length=64, blank=True, default="", help_text=_("SHA-256 over what every node has and shall have")
    )
    fence = models.BigIntegerField(default=0)
    batch = models.PositiveIntegerField(default=0, help_text=_("the batch under way or done last; 1 is a single node"))
    reversing = models.BooleanField(default=False, help_text=_("what is under way puts back what nodes had"))
    stumbles = models.PositiveSmallIntegerField(default=0, help_text=_("runs in a row whose process was lost"))
    run = models.ForeignKey("automation.Run", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    stop_requested_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("configuration change")
        ordering = ["-id"]
        indexes = [models.Index(fields=["state"])]

    def __str__(self) -> str:
        return f"{self.number} {self.title}"

    @property
    def mark(self) -> str:
        return CHANGE_MARK[ChangeState(self.state)]

    @property
    def live(self) -> bool:
        return self.state in CHANGE_LIVE

    @property
    def reversible(self) -> bool:
        return self.state in CHANGE_REVERSIBLE


class ConfigurationRow(models.Model):
    """One node of a change: the content it had (`before`) and the one it shall have (`after`)."""

    change = models.ForeignKey(ConfigurationChange, on_delete=models.CASCADE, related_name="rows")
    node = models.ForeignKey("inventory.Node", on_delete=models.PROTECT, related_name="+")
    batch = models.PositiveIntegerField(default=0)
    before = models.ForeignKey(ConfigurationContent, on_delete=models.PROTECT, null=True, related_name="+")
    after = models.ForeignKey(ConfigurationContent, on_delete=models.PROTECT, null=True, related_name="+")
    state = models.CharField(max_length=16, choices=RowState.choices, default=RowState.READING)
    text = models.CharField(max_length=400, blank=True, default="")

    class Meta:
        ordering = ["batch", "node__name"]
        constraints = [models.UniqueConstraint(fields=["change", "node"], name="configuration_row_once")]
        indexes = [models.Index(fields=["change", "batch"])]
        triggers = [
            pgtrigger.Trigger(
                name="not_while_frozen", when=pgtrigger.Before, operation=pgtrigger.Insert | pgtrigger.UpdateOf("state"),
                func=_NOT_WHILE_FROZEN, declare=[("node", "text"), ("frozen_by", "text")],
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.change_id} {self.node_id} {self.state}"

    @property
    def mark(self) -> str:
        return ROW_MARK[RowState(self.state)]


class NodeConfiguration(models.Model):
    """The configuration that a node has by the console's word: what was last set and confirmed."""

    node = models.OneToOneField("inventory.Node", on_delete=models.CASCADE, related_name="+")
    content = models.ForeignKey(ConfigurationContent, on_delete=models.PROTECT, related_name="+")
    change = models.ForeignKey(ConfigurationChange, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.node_id} {self.content_id[:12]}"
